"""Pointwise activations: the fronts of torch, and the error that names the way out."""

from __future__ import annotations

import pytest
import torch

from steer import gspaces, nn

KIND = gspaces.rot2dOnR2(4).type("2xregular + 0")
CLASSES = [value for value in (getattr(nn, name) for name in nn.__all__) if isinstance(value, type)]
FRONTS = [value for value in CLASSES if issubclass(value, nn.Pointwise) and value is not nn.Pointwise]


@pytest.mark.parametrize("front", FRONTS)
def test_fronts_are_those_of_torch(front: type[nn.Pointwise]) -> None:
    stock = getattr(torch.nn, front.__name__)()
    x = torch.randn(2, 9, 4, 4)
    layer = front(KIND)
    assert torch.equal(layer(x), stock(x))
    assert type(layer.export()) is type(stock)
    assert f"torch.nn.{front.__name__}" in (front.__doc__ or "")


def test_arguments_pass() -> None:
    x = torch.randn(2, 9, 4, 4)
    assert torch.equal(nn.LeakyReLU(KIND, 0.3)(x), torch.nn.functional.leaky_relu(x, 0.3))
    assert torch.equal(nn.ELU(KIND, alpha=2.0)(x), torch.nn.functional.elu(x, 2.0))


def test_error() -> None:
    message = (
        r"ReLU: fields whose channels the group permutes \(trivial, regular, quotient\) are required; 1 of cyclic\(4\) would"
    )
    with pytest.raises(ValueError, match=message):
        nn.ReLU(gspaces.rot2dOnR2(4).type("regular + 1"))
    with pytest.raises(ValueError, match="Pointwise: .* use NormNonLinearity, GatedNonLinearity or FourierPointwise"):
        nn.Pointwise(gspaces.rot2dOnR2(4).type("1"), torch.nn.ReLU())


def test_activations_that_mix_numbers_are_refused() -> None:
    kind = gspaces.rot2dOnR2(4).type("2xregular")
    for mixing in (torch.nn.GLU(1), torch.nn.Softmax(1), torch.nn.Flatten()):
        with pytest.raises(ValueError, match="an activation that acts on each number by itself is required"):
            nn.Pointwise(kind, mixing)
    state = torch.get_rng_state()
    for one in (torch.nn.PReLU(), torch.nn.RReLU(), torch.nn.ReLU(inplace=True), torch.nn.PReLU(device="meta")):
        nn.Pointwise(kind, one)
    assert torch.equal(torch.get_rng_state(), state)
