"""Regular fields to vectors: the law, length and direction, the soft version, errors."""

from __future__ import annotations

import pytest
import torch

from steer import group, gspaces, nn
from tests.cases import assert_close, assert_far, randn

SPACES = {
    "C8": gspaces.rot2dOnR2(8),
    "C5": gspaces.rot2dOnR2(5),
    "D4": gspaces.flipRot2dOnR2(4),
    "octahedral": gspaces.octaOnR3(),
}


@pytest.mark.parametrize("temperature", [None, 0.5])
@pytest.mark.parametrize("name", SPACES)
def test_law(name: str, temperature: float | None) -> None:
    space = SPACES[name]
    layer = nn.VectorFieldNonLinearity(space.type("3xregular"), temperature)
    assert layer.out_type == space.type("3xstandard")
    x = randn(2, layer.in_type.size, *(3,) * space.dimensionality)
    y = layer(x)
    for g in space.fibergroup.elements:
        assert_close(layer(layer.in_type.transform_fibers(x, g)), layer.out_type.transform_fibers(y, g))
    for g in space.exact_group.elements:
        assert_close(layer(layer.in_type.transform(x, g)), layer.out_type.transform(y, g))


def test_length_and_direction() -> None:
    layer = nn.VectorFieldNonLinearity(SPACES["C8"].type("regular"))
    x = randn(50, 8, 1, 1)
    y = layer(x)[:, :, 0, 0]
    assert_close(y.norm(dim=1), x.amax(1)[:, 0, 0].relu())
    angle = x[:, :, 0, 0].argmax(1).double() * torch.pi / 4
    assert_close(y / y.norm(dim=1, keepdim=True), torch.stack([angle.cos(), angle.sin()], 1))
    assert_close(layer(-x.abs()), torch.zeros(50, 2, 1, 1).double())


def test_the_soft_version_tends_to_the_hard_one() -> None:
    kind = SPACES["C8"].type("2xregular")
    x = randn(5, 16, 2, 2)
    hard = nn.VectorFieldNonLinearity(kind)(x)
    distances = [float((nn.VectorFieldNonLinearity(kind, t)(x) - hard).norm()) for t in (1.0, 0.1, 0.001)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.05
    assert distances[0] > 0.1


def test_quotients_and_mixtures() -> None:
    space = gspaces.flipRot2dOnR2(4)
    mirror = space.quotient_repr(group.reflection(2))
    layer = nn.VectorFieldNonLinearity(nn.FieldType(space, ["regular", mirror, "regular"]))
    x = randn(2, 20, 1, 1)
    for g in space.fibergroup.elements:
        assert_close(layer(layer.in_type.transform_fibers(x, g)), layer.out_type.transform_fibers(layer(x), g))


def test_directions_of_another_order_break_the_law() -> None:
    layer = nn.VectorFieldNonLinearity(SPACES["C8"].type("regular")).double()
    layer.directions.of_0 = layer.directions.of_0.flip(0) * torch.tensor([1.0, 2.0])
    x = randn(3, 8, 1, 1)
    g = group.cyclic(8).elements[1]
    assert_far(layer(layer.in_type.transform_fibers(x, g)), layer.out_type.transform_fibers(layer(x), g))


def test_gradients() -> None:
    for temperature in (None, 0.7):
        layer = nn.VectorFieldNonLinearity(SPACES["C8"].type("2xregular"), temperature)
        torch.autograd.gradcheck(layer, (randn(2, 16, 1, 1).requires_grad_(),))
        x = torch.zeros(2, 16, 1, 1, dtype=torch.float64, requires_grad=True)
        layer(x).sum().backward()
        assert bool(x.grad.isfinite().all())


def test_errors() -> None:
    space = gspaces.rot2dOnR2(8)
    for kind in (space.type("1"), nn.FieldType(space, [space.quotient_repr(2)]), gspaces.rot2dOnR2(-1).type("0")):
        with pytest.raises(ValueError, match="regular fields of a finite group, or quotient fields"):
            nn.VectorFieldNonLinearity(kind)
    with pytest.raises(ValueError, match="temperature, a positive number, is required; received 0"):
        nn.VectorFieldNonLinearity(space.type("regular"), 0)
