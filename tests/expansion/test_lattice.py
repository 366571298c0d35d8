"""Where samples lie, and which symmetries a grid has."""

import math
import pickle

import pytest
import torch

from steer.expansion import Lattice, exact_symmetries, exchanged_axes, lattice, moves_exactly, sums_axes
from steer.group import (
    cyclic,
    dihedral,
    full_octahedral,
    icosahedral,
    klein,
    o2,
    o3,
    octahedral,
    reflection,
    so2,
    so3,
    tetrahedral,
    trivial,
)
from tests.cases import assert_close, build, distances, vector


def test_columns_go_right_and_rows_go_down():
    """x grows with the last index, y falls with the one before."""
    expected = [[x, y] for y in (1.0, 0.0, -1.0) for x in (-1.0, 0.0, 1.0)]
    assert_close(lattice("square", 2).positions((3, 3)), torch.tensor(expected).double(), 0.0)


def test_planes_go_up():
    """z grows with the first of three indices."""
    positions = lattice("cubic", 3).positions((3, 5, 7)).reshape(3, 5, 7, 3)
    assert_close(positions[0, 0, 0], vector(-3.0, 2.0, -1.0), 0.0)
    assert_close(positions[2, 0, 0] - positions[0, 0, 0], vector(0.0, 0.0, 2.0), 0.0)
    assert_close(positions[0, 4, 0] - positions[0, 0, 0], vector(0.0, -4.0, 0.0), 0.0)
    assert_close(positions[0, 0, 6] - positions[0, 0, 0], vector(6.0, 0.0, 0.0), 0.0)
    assert_close(positions[1, 2, 3], vector(0.0, 0.0, 0.0), 0.0)


def test_a_line():
    assert_close(lattice(None, 1).positions((3,)), torch.tensor([[-1.0], [0.0], [1.0]]).double(), 0.0)


@pytest.mark.parametrize(("kind", "shape"), [("line", (4,)), ("square", (4, 3)), ("square", (2, 2)), ("cubic", (2, 4, 6))])
def test_the_centre_of_the_grid_is_the_origin(kind, shape):
    grid = lattice(kind, len(shape))
    positions = grid.positions(shape)
    assert positions.shape == (math.prod(shape), len(shape))
    assert_close(positions.mean(0), torch.zeros(len(shape)).double())
    assert bool(((positions.abs().amin(0) == 0.5) == torch.tensor([n % 2 == 0 for n in reversed(shape)])).all())


def test_spacing_is_in_array_order():
    positions = lattice("cubic", 3, (4.0, 2.0, 1.0)).positions((3, 3, 3)).reshape(3, 3, 3, 3)
    assert_close(positions[2, 2, 2], vector(1.0, -2.0, 4.0), 0.0)
    assert_close(lattice("square", 2, 0.5).positions((3, 3))[0], vector(-0.5, 0.5), 0.0)


def test_hexagonal_neighbours_are_one_step_apart():
    grid = lattice("hexagonal", 2, 1.5)
    positions = grid.positions((3, 3))
    distances = positions.norm(dim=-1)
    assert_close(distances[grid.kernel_mask((3, 3))].sort().values, vector(0.0, *[1.5] * 6))
    assert float(distances[~grid.kernel_mask((3, 3))].min()) > 2.5
    row = positions.reshape(3, 3, 2)
    assert_close(row[1, 2] - row[1, 1], vector(1.5, 0.0))
    assert_close(row[2, 1] - row[1, 1], vector(0.75, -0.75 * 3**0.5))


@pytest.mark.parametrize(("size", "taps"), [(1, 1), (3, 7), (5, 19), (7, 37), (9, 61), (11, 91)])
def test_hexagonal_kernels_are_hexagons(size, taps):
    grid = lattice("hexagonal", 2)
    mask = grid.kernel_mask((size, size))
    assert int(mask.sum()) == taps
    kept = grid.positions((size, size))[mask]
    for g in dihedral(6).elements:
        assert float(distances(kept @ g.mT, kept).amin(1).max()) < 1e-12


def test_other_kernels_are_boxes():
    assert bool(lattice("square", 2).kernel_mask((3, 5)).all())
    assert len(lattice("cubic", 3).kernel_mask((3, 1, 2))) == 6


POINT_GROUPS = [
    (lattice("line", 1), 2),
    (lattice("square", 2), 8),
    (lattice("square", 2, 0.7), 8),
    (lattice("square", 2, (2.0, 1.0)), 4),
    (lattice("hexagonal", 2), 12),
    (lattice("cubic", 3), 48),
    (lattice("cubic", 3, (2.0, 1.0, 1.0)), 16),
    (lattice("cubic", 3, (1.0, 1.0, 2.0)), 16),
    (lattice("cubic", 3, (1.0, 2.0, 3.0)), 8),
]


@pytest.mark.parametrize(("grid", "order"), POINT_GROUPS, ids=[str(g) for g, _ in POINT_GROUPS])
def test_point_groups(grid, order):
    """Orders, and every element maps sites to sites."""
    group = grid.point_group
    assert group.order == order
    steps = torch.linalg.inv(grid.matrix) @ group.elements @ grid.matrix
    assert_close(steps, steps.round())
    products = group.elements[:, None] @ group.elements[None]
    assert bool(group.contains(products).all())


def test_point_groups_of_boxes():
    assert lattice("square", 2, (2.0, 1.0)).point_group <= dihedral(2)
    tall = lattice("cubic", 3, (2.0, 1.0, 1.0)).point_group
    assert tall <= build("full_cylindrical(4)")
    assert build("full_cylindrical(4)") <= tall
    assert lattice("cubic", 3).point_group <= full_octahedral()


EXACT = [
    ("square", cyclic(8), 4),
    ("square", so2(), 4),
    ("square", o2(), 8),
    ("square", dihedral(6), 4),
    ("square", build("conjugated(cyclic(7), 1)"), 1),
    ("hexagonal", o2(), 12),
    ("hexagonal", cyclic(4), 2),
    ("cubic", so3(), 24),
    ("cubic", o3(), 48),
    ("cubic", icosahedral(), 12),
    ("cubic", build("so2(d=3)"), 4),
    ("cubic", octahedral(), 24),
    ("line", reflection(1), 2),
]


@pytest.mark.parametrize(("kind", "group", "order"), EXACT, ids=[f"{k} {g}" for k, g, _ in EXACT])
def test_exact_symmetries(kind, group, order):
    grid = lattice(kind, group.d)
    found = exact_symmetries(grid, group)
    assert found.order == order
    assert found <= group
    assert found <= grid.point_group


def test_exact_symmetries_of_another_dimension():
    assert exact_symmetries(lattice("square", 2), icosahedral()) == trivial(3)


def test_exchanged_axes():
    square, cubic = lattice("square", 2), lattice("cubic", 3)
    assert exchanged_axes(square, cyclic(8)) == {(0, 1)}
    assert exchanged_axes(square, cyclic(2)) == set()
    assert exchanged_axes(square, dihedral(2)) == set()
    assert exchanged_axes(cubic, octahedral()) == {(0, 1), (0, 2), (1, 2)}
    assert exchanged_axes(cubic, tetrahedral()) == {(0, 1), (0, 2), (1, 2)}
    assert exchanged_axes(cubic, build("dihedral(4, d=3)")) == {(1, 2)}
    assert exchanged_axes(cubic, klein()) == set()
    assert exchanged_axes(lattice("square", 2, (2.0, 1.0)), cyclic(4)) == set()


def test_lattices_are_values():
    assert lattice(None, 2) == lattice("square", 2) == Lattice("square", (1.0, 1.0))
    assert len({lattice(None, 2), lattice("square", 2, 1), lattice("square", 2, (1, 1)), lattice("hexagonal", 2)}) == 2
    assert pickle.loads(pickle.dumps(lattice("cubic", 3, (1.0, 2.0, 3.0)))) == lattice("cubic", 3, (1.0, 2.0, 3.0))
    assert str(lattice("square", 2)) == "square"
    assert str(lattice("square", 2, 0.5)) == "square(spacing=(0.5, 0.5))"
    assert lattice("cubic", 3).d == 3


@pytest.mark.parametrize(
    ("kind", "d", "fitting"),
    [
        ("square", 3, r"\['cubic'\]"),
        ("triangular", 2, r"\['square', 'hexagonal'\]"),
        ("cubic", 1, r"\['line'\]"),
        (None, 4, r"\[\]"),
    ],
)
def test_unknown_lattices(kind, d, fitting):
    with pytest.raises(ValueError, match=f"lattice: one of {fitting} is required for a group that acts on {d} dimensions"):
        lattice(kind, d)


@pytest.mark.parametrize("spacing", [0.0, -1.0, (1.0,), (1.0, 0.0), (1.0, 1.0, 1.0), math.nan, math.inf])
def test_bad_spacings(spacing):
    with pytest.raises(ValueError, match=r"spacing: a positive number, or 2 of them in \(z, y, x\) order, is required"):
        lattice("square", 2, spacing)


def test_a_hexagonal_lattice_has_one_spacing():
    with pytest.raises(ValueError, match="spacing: a hexagonal lattice has one spacing"):
        lattice("hexagonal", 2, (1.0, 2.0))


@pytest.mark.parametrize("size", [(3, 5), (4, 4)])
def test_hexagonal_kernels_that_are_no_hexagons(size):
    with pytest.raises(ValueError, match="hexagonal kernels: one odd size is required; received"):
        lattice("hexagonal", 2).kernel_mask(size)


@pytest.mark.parametrize(
    ("kind", "group", "sums"),
    [
        *(("square", dihedral(4), False), ("cubic", full_octahedral(), False), ("line", reflection(1), False)),
        *(("hexagonal", cyclic(2), False), ("hexagonal", cyclic(3), True), ("hexagonal", o2(), True)),
        ("hexagonal", dihedral(2), True),  # a mirror line along an axis takes the other one to a sum
    ],
)
def test_axes_that_a_symmetry_maps_to_sums(kind, group, sums):
    grid = lattice(kind, group.d)
    assert sums_axes(grid, group) is sums
    for n in (3, 4):
        moves = all(moves_exactly(grid, g, (n,) * grid.d) for g in exact_symmetries(grid, group).elements)
        assert moves is (n == 3 or not sums)
