"""The window of the inscribed ball: where it is one and zero, its symmetry on every lattice, errors."""

from __future__ import annotations

import pytest
import torch

from steer import group, gspaces, nn
from tests.cases import assert_close, assert_far, randn


def test_it_keeps_the_inside_and_clears_the_corners() -> None:
    mask = nn.Mask(gspaces.rot2dOnR2(4).type("regular"))
    x = torch.ones(1, 4, 9, 9)
    y = mask(x)
    assert float(y[..., 0, 0].abs().max()) == 0.0
    assert float(y[..., 4, 4].min()) == 1.0
    assert float(y[..., 4, 0].min()) == 0.5
    assert torch.equal(mask.export()(x), y)


SPACES = {
    "line": gspaces.flipOnR1(),
    "square": gspaces.flipRot2dOnR2(4),
    "hexagonal": gspaces.on(group.dihedral(6), lattice="hexagonal"),
    "cubic": gspaces.flipRot3dOnR3(),
    "voxels": gspaces.on(group.o3(), spacing=(3.0, 1.0, 1.0)),
}


@pytest.mark.parametrize(
    ("name", "size"), [(name, size) for name in SPACES for size in (5, 6) if (name, size) != ("hexagonal", 6)]
)
def test_law(name: str, size: int) -> None:
    space = SPACES[name]
    kind = nn.FieldType(space, [space.trivial_repr, space.standard_repr])
    mask = nn.Mask(kind, 0.2, 1.7)
    x = randn(2, kind.size, *(size,) * space.dimensionality)
    y = mask(x)
    assert_far(y, x)
    assert float(y.abs().max()) > 0.1
    for g in space.exact_group.elements:
        assert_close(mask(kind.transform(x, g)), kind.transform(y, g))


def test_on_a_hexagonal_grid_it_ends_at_the_nearest_sides() -> None:
    kind = SPACES["hexagonal"].type("0e")
    w = nn.Mask(kind, fade=1e-6)(torch.ones(1, 1, 9, 9))[0, 0]
    inside = kind.gspace.lattice.positions((9, 9)).norm(dim=1).reshape(9, 9) < 4.5 * 3**0.5 / 2
    assert torch.equal(w > 0.5, inside)


def test_a_window_about_a_corner_breaks_the_law() -> None:
    kind = SPACES["square"].type("trivial")
    x = randn(1, 1, 5, 5)
    window = torch.linspace(0, 1, 5).double() * torch.ones(5, 1).double()
    g = kind.gspace.exact_group.elements[1]
    assert_far(window * kind.transform(x, g), kind.transform(window * x, g))


def test_sizes_devices_and_types() -> None:
    mask = nn.Mask(gspaces.rot2dOnR2(4).type("0"))
    assert not mask.state_dict()
    assert mask(torch.ones(1, 1, 6, 9))[0, 0, 2, 8] == 0  # the ball in the shorter axis
    assert mask(torch.ones(1, 1, 6, 9, dtype=torch.float16)).dtype == torch.float16
    assert mask(torch.ones(1, 1, 6, 9, device="meta")).is_meta


def test_errors() -> None:
    kind = gspaces.rot2dOnR2(4).type("0")
    with pytest.raises(ValueError, match="fields over a grid are required"):
        nn.Mask(gspaces.no_base_space(group.so2()).type("0"))
    for arguments in ({"margin": -1.0}, {"fade": 0.0}):
        with pytest.raises(ValueError, match="margin >= 0 and fade > 0, finite, are required"):
            nn.Mask(kind, **arguments)


def test_widths_have_to_be_finite_numbers() -> None:
    kind = gspaces.rot2dOnR2(4).type("0")
    for options in ({"fade": float("inf")}, {"margin": "1"}, {"margin": float("nan")}, {"fade": True}):
        with pytest.raises(ValueError, match="margin >= 0 and fade > 0, finite, are required; received"):
            nn.Mask(kind, **options)


@pytest.mark.parametrize("size", [(8, 5), (5, 8), (8, 8), (9, 8)])
def test_an_exported_mask_takes_every_shape(size: tuple[int, int]) -> None:
    mask = nn.Mask(gspaces.rot2dOnR2(-1).type("0 + 1")).double()
    x = randn(2, 3, *size)
    assert_close(nn.export(mask)(x), mask(x))
