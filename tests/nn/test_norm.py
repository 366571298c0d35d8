"""Norm nonlinearities: what they do to the length, that they keep the direction, and the origin."""

from __future__ import annotations

import math

import pytest
import torch

from steer import gspaces, nn
from steer.nn._fields import FieldGroups
from tests.cases import assert_close, assert_far, randn

SPACE = gspaces.no_base_space(gspaces.rot3dOnR3().fibergroup)
KIND = SPACE.type("2x0 + 2x1 + 2 + 0 + 1")


def lengths(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([x[:, span].norm(dim=1) for _, span in KIND.channels()], 1)


@pytest.mark.parametrize("function", ["relu", "n_relu", "sigmoid", "n_sigmoid", "squash"])
@torch.no_grad()
def test_lengths_follow_the_table_and_directions_stay(function: str) -> None:
    layer = nn.NormNonLinearity(KIND, function).double()
    b: torch.Tensor | float = 0.0
    if layer.bias is not None:
        layer.bias.copy_(randn(len(KIND)))
        b = torch.nn.functional.elu(layer.bias) + 1
    x = randn(50, KIND.size)
    y, n = layer(x), lengths(x)
    table = {
        "relu": (n - b).clamp_min(0),
        "sigmoid": n * torch.sigmoid(n - b),
        "squash": n**2 / (1 + n**2),
    }
    assert_close(lengths(y), table[function.removeprefix("n_")])
    for _, span in KIND.channels():
        scale = (y[:, span] * x[:, span]).sum(1, keepdim=True) / x[:, span].square().sum(1, keepdim=True)
        assert bool((scale >= 0).all())
        assert_close(y[:, span], scale * x[:, span])


def test_threshold_starts_at_one_half_and_is_always_positive() -> None:
    layer = nn.NormNonLinearity(KIND)
    assert layer.bias.shape == (len(KIND),)
    assert_close(torch.nn.functional.elu(layer.bias.detach()) + 1, torch.full((len(KIND),), 0.5), 1e-6)
    assert layer.bias[0].item() == pytest.approx(math.log(0.5))
    layer.bias.data.fill_(-30.0)
    x = randn(9, KIND.size).float()
    assert_close(layer(x).detach(), x, 1e-6)


def test_without_bias() -> None:
    x = randn(9, KIND.size)
    assert torch.equal(nn.NormNonLinearity(KIND, bias=False)(x), x)
    layer = nn.NormNonLinearity(KIND, "sigmoid", bias=False)
    assert layer.bias is None
    assert not layer.state_dict()
    assert_close(lengths(layer(x)), lengths(x) * torch.sigmoid(lengths(x)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", ["relu", "sigmoid", "squash"])
def test_gradients_are_finite_at_and_near_zero(function: str, dtype: torch.dtype) -> None:
    layer = nn.NormNonLinearity(KIND, function).to(dtype)
    for size in (0.0, 1e-30, 1e-13, 1e-6, 1.0, 1e6):
        x = (size * randn(3, KIND.size)).to(dtype).requires_grad_()
        layer(x).sum().backward()
        for tensor in (x, *layer.parameters()):
            assert bool(tensor.grad.isfinite().all()), size
    x = randn(3, KIND.size).requires_grad_()
    torch.autograd.gradcheck(layer.double(), (x,))
    torch.autograd.gradgradcheck(layer.double(), (x,))


def test_half_precision_does_not_overflow_inside() -> None:
    layer = nn.NormNonLinearity(KIND, bias=False, function="sigmoid").half()
    x = torch.full((1, KIND.size), 1000.0, dtype=torch.float16)  # the square of 1000 is infinite in half precision
    assert_close(layer(x).float(), x.float(), 1.0)


def test_negative_control() -> None:
    g = SPACE.fibergroup.sample(1, torch.Generator().manual_seed(0))[0]
    x = randn(20, KIND.size)
    assert_far(torch.relu(KIND.transform_fibers(x, g)), KIND.transform_fibers(torch.relu(x), g))


def test_unknown_function() -> None:
    with pytest.raises(ValueError, match="one of relu, sigmoid, squash, is required; received 'tanh'"):
        nn.NormNonLinearity(KIND, "tanh")
    with pytest.raises(ValueError, match="received 3"):
        nn.NormNonLinearity(KIND, 3)


@pytest.mark.parametrize("name", ["NormNonLinearity", "InducedNormNonLinearity", "SharedNormNonLinearity"])
def test_built_on_meta_and_initialised_afterwards(name: str) -> None:
    kind = gspaces.rot2dOnR2(4).type("regular + 2x1 + 0")
    options = {"sharing": [[0, 3], [1, 2]]} if name.startswith("Shared") else {}
    twin = getattr(nn, name)(kind, **options)
    with torch.device("meta"):
        layer = getattr(nn, name)(kind, **options)
    layer.to_empty(device="cpu")
    with torch.no_grad():
        layer.bias.fill_(9.0)
    layer.reset_parameters()
    assert torch.equal(layer.bias, twin.bias)
    x = torch.randn(1, kind.size, 3, 3)
    torch.testing.assert_close(layer(x), twin(x))


def test_fields_are_sorted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = gspaces.rot2dOnR2(4).type("regular + 2x1 + 0")
    sorted_for = []
    sort = FieldGroups._sort
    monkeypatch.setattr(FieldGroups, "_sort", lambda self, *args: (sorted_for.append(self), sort(self, *args))[1])
    nn.InducedNormNonLinearity(kind)
    nn.SharedNormNonLinearity(kind, [[0, 3], [1, 2]])
    assert len(sorted_for) == 2
