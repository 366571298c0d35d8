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


class Scaled(torch.nn.Module):
    """One number that is learned, which treats all channels alike."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(self.scale * x)


@pytest.mark.parametrize("space", [gspaces.rot2dOnR2(4), gspaces.octaOnR3(), gspaces.no_base_space(KIND.fibergroup)])
def test_what_acts_on_each_number_is_taken(space) -> None:
    kind = space.type("regular")
    x = torch.randn(2, kind.size, *(3,) * space.dimensionality)
    assert torch.equal(nn.Pointwise(kind, "relu")(x), x.relu())
    for own in (torch.nn.PReLU(), torch.nn.Hardtanh(inplace=True), torch.nn.Threshold(0.1, 0.0), torch.nn.RReLU(), Scaled()):
        layer = nn.Pointwise(kind, own)
        assert layer.activation is own
        assert own.training


@pytest.mark.parametrize(
    ("function", "match"),
    [
        ("rule", "Pointwise: activation: one of elu, gelu, .*, or a torch.nn module, is required; received 'rule'"),
        (torch.relu, "one of .*, or a torch.nn module, is required; received <built-in"),
        (["relu"], r"one of .*, or a torch.nn module, is required; received \['relu'\]"),
        (
            torch.nn.Softmax(-1),
            r"acts on each number by itself is required; received Softmax\(dim=-1\), whose values depend",
        ),
        (torch.nn.Softmax(1), "acts on each number by itself"),
        (torch.nn.InstanceNorm2d(9), "acts on each number by itself"),
        (torch.nn.GLU(2), "an activation that takes any shape is required; received GLU.* fails for "),
        (torch.nn.AvgPool2d(3, 1, 1), "acts on each number by itself"),
        (torch.nn.MaxPool2d(2), "acts on each number by itself"),
        (torch.nn.BatchNorm2d(9, affine=False), "an activation without statistics or tables for channels is required"),
        (torch.nn.PReLU(9), "an activation without a parameter per channel is required"),
    ],
)
def test_what_mixes_numbers_is_refused(function, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        nn.Pointwise(KIND, function)


def test_a_front_without_a_type_is_named() -> None:
    with pytest.raises(TypeError, match=r"ReLU.__init__\(\) missing 1 required positional argument: 'in_type'"):
        nn.ReLU()


def test_a_trial_leaves_random_numbers_alone() -> None:
    state = torch.get_rng_state()
    for one in (torch.nn.PReLU(), torch.nn.RReLU(), torch.nn.ReLU(inplace=True), torch.nn.PReLU(device="meta")):
        nn.Pointwise(KIND, one)
    assert torch.equal(torch.get_rng_state(), state)
