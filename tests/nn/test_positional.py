"""Positions as fields: the law on every lattice and size, agreement with the harmonics of kernels, errors."""

from __future__ import annotations

import pytest
import torch

from steer import group, gspaces, nn
from steer.kernel import harmonics
from tests.cases import assert_close, assert_far, randn

SPACES = {
    "line": (gspaces.flipOnR1(), 1),
    "C8": (gspaces.rot2dOnR2(8), 3),
    "D4": (gspaces.flipRot2dOnR2(4), 3),
    "SO(2)": (gspaces.rot2dOnR2(-1), 3),
    "O(2) hexagonal": (gspaces.on(group.o2(), lattice="hexagonal"), 3),
    "octahedral": (gspaces.octaOnR3(), 4),
    "SO(3)": (gspaces.rot3dOnR3(), 3),
    "O(3) voxels": (gspaces.on(group.o3(), spacing=(3.0, 1.0, 1.0)), 2),
}


@pytest.mark.parametrize("radii", [(), (0.0, 1.5)])
@pytest.mark.parametrize("name", SPACES)
def test_law(name: str, radii: tuple[float, ...]) -> None:
    space, degree = SPACES[name]
    layer = nn.PositionalHarmonics(nn.FieldType(space, ["trivial", "standard"]), degree, radii, 1.3).double()
    x = randn(2, layer.in_type.size, *(5,) * space.dimensionality)
    y = layer(x)
    assert y.shape[1] == layer.out_type.size
    inside = nn.Mask(layer.out_type)  # a turn takes the corners of a hexagonal grid off it
    for g in space.exact_group.elements:
        assert_close(inside(layer(layer.in_type.transform(x, g))), inside(layer.out_type.transform(y, g)))


def test_positions_declared_as_scalars_break_the_law() -> None:
    space = gspaces.rot2dOnR2(4)
    layer = nn.PositionalHarmonics(space.type("0"), 1).double()
    x, g = randn(1, 1, 5, 5), space.fibergroup.elements[1]
    y = layer(x)
    assert_far(layer(layer.in_type.transform(x, g)), space.type("4x0").transform(y, g))


@pytest.mark.parametrize(("space", "size"), [(gspaces.rot2dOnR2(-1), (4, 5)), (gspaces.rot3dOnR3(), (3, 4, 5))])
def test_values(space: object, size: tuple[int, ...]) -> None:
    layer = nn.PositionalHarmonics(space.type("0"), 3, [2.0]).double()
    x = randn(2, 1, *size)
    y = layer(x)
    assert torch.equal(y[:, :1], x)
    points = space.lattice.positions(size)
    ring = torch.exp(-((points.norm(dim=1, keepdim=True) - 2) ** 2) / 2)
    expected = torch.cat([harmonics(points, degree) for degree in range(4)], 1) * ring
    assert_close(y[0, 1:].flatten(1).mT, expected)
    assert torch.equal(y[0, 1:], y[1, 1:])


def test_a_convolution_can_see_where_it_is() -> None:
    space = gspaces.rot2dOnR2(4)
    position = nn.PositionalHarmonics(space.type("0"), 1)
    network = nn.Sequential(position, nn.R2Conv(position.out_type, space.type("2xregular"), 3, padding=1))
    x = torch.ones(1, 1, 7, 7)
    inside = network(x)[0, :, 2:5, 2:5].detach()
    assert_far(inside, inside[:, :1, :1].expand_as(inside))


def test_errors() -> None:
    kind = gspaces.rot2dOnR2(4).type("0")
    with pytest.raises(ValueError, match="fields over a grid are required"):
        nn.PositionalHarmonics(gspaces.no_base_space(group.so2()).type("0"))
    with pytest.raises(ValueError, match="max_degree, a whole number from 0 to 24, is required; received -1"):
        nn.PositionalHarmonics(kind, -1)
    with pytest.raises(ValueError, match="from 0 to 1, is required; received 2"):
        nn.PositionalHarmonics(gspaces.flipOnR1().type("trivial"), 2)
    with pytest.raises(ValueError, match="a list of radii >= 0, and width > 0, are required"):
        nn.PositionalHarmonics(kind, 1, [1.0], 0.0)


def test_radii_are_a_list_of_numbers() -> None:
    kind = gspaces.rot2dOnR2(4).type("0")
    for options in ({"radii": 2.0}, {"radii": ["1"]}, {"radii": [-1.0]}, {"width": "1"}, {"width": float("inf")}):
        with pytest.raises(ValueError, match="a list of radii >= 0, and width > 0, are required"):
            nn.PositionalHarmonics(kind, 1, **options)
