"""Rings, widths, band limits, and the scalar functions they make."""

import pickle

import pytest
import torch

from steer.expansion import POINT, Sampling, lattice, sampling
from steer.group import full_octahedral, o2, o3
from steer.kernel import GaussianRings, HarmonicRepresentation, harmonic_dim, harmonics
from tests.cases import assert_close, assert_far, assert_orthonormal, elements, randn

SQUARE, HEXAGONAL, CUBIC, LINE = (lattice(k, d) for k, d in (("square", 2), ("hexagonal", 2), ("cubic", 3), ("line", 1)))

DEFAULTS = [
    (SQUARE, (1, 1), (0.0,), (0.005,), (0,)),
    (SQUARE, (3, 3), (0.0, 1.0), (0.005, 0.4), (0, 2)),
    (SQUARE, (5, 5), (0.0, 1.0, 2.0), (0.005, 0.6, 0.4), (0, 2, 2)),
    (SQUARE, (7, 7), (0.0, 1.0, 2.0, 3.0), (0.005, 0.6, 0.6, 0.4), (0, 2, 3, 2)),
    (SQUARE, (9, 9), (0.0, 1.0, 2.0, 3.0, 4.0), (0.005, 0.6, 0.6, 0.6, 0.4), (0, 2, 3, 6, 2)),
    (SQUARE, (2, 2), (0.5,), (0.4,), (1,)),
    (SQUARE, (4, 4), (0.5, 1.5), (0.6, 0.4), (1, 2)),
    (SQUARE, (3, 5), (0.0, 1.0, 2.0), (0.005, 0.6, 0.4), (0, 2, 2)),
    (HEXAGONAL, (5, 5), (0.0, 1.0, 2.0), (0.005, 0.6, 0.4), (0, 2, 2)),
    (CUBIC, (3, 3, 3), (0.0, 1.0), (0.005, 0.4), (0, 3)),
    (CUBIC, (5, 5, 5), (0.0, 1.0, 2.0), (0.005, 0.6, 0.4), (0, 3, 5)),
    (CUBIC, (7, 7, 7), (0.0, 1.0, 2.0, 3.0), (0.005, 0.6, 0.6, 0.4), (0, 3, 5, 7)),
    (LINE, (5,), (0.0, 1.0, 2.0), (0.005, 0.6, 0.4), (0, 2, 2)),
]


@pytest.mark.parametrize(("grid", "size", "rings", "widths", "limits"), DEFAULTS, ids=[f"{d[0]} {d[1]}" for d in DEFAULTS])
def test_defaults(grid, size, rings, widths, limits):
    """`min(2 r, 2 r - ((r + 1) mod 2))` in the plane, 2 on the outermost ring; `2 r + 1` in space; 0 at the origin."""
    found = sampling(grid, size)
    assert found.radial == GaussianRings(rings, widths)
    assert found.limits == limits
    assert found.kernel_size == size
    assert found.points(grid.d).shape == (found.taps, grid.d)


def test_spacing_scales_the_rings():
    fine = sampling(lattice("square", 2, 0.5), (5, 5))
    assert fine.radial == GaussianRings((0.0, 0.5, 1.0), (0.0025, 0.3, 0.2))
    assert fine.limits == sampling(SQUARE, (5, 5)).limits


def test_anisotropic_grids_sample_their_finest_step():
    coarse = sampling(lattice("cubic", 3, (4.0, 1.0, 1.0)), (3, 5, 5))
    assert coarse.radial.radii == (0.0, 1.0, 2.0, 3.0, 4.0)
    flat = sampling(lattice("cubic", 3, (0.1, 1.0, 1.0)), (1, 5, 5))
    assert flat.radial.radii == (0.0, 1.0, 2.0)


@pytest.mark.parametrize(
    ("band_limit", "limits"),
    [
        (3, (0, 3, 3)),
        (0, (0, 0, 0)),
        ([0, 1, 4], (0, 1, 4)),
        ((5, 2, 3), (0, 2, 3)),
        (lambda r: round(3 * r), (0, 3, 6)),
        (None, (0, 2, 2)),
    ],
)
def test_forms_of_the_band_limit(band_limit, limits):
    """One number, one for each ring, a function of the radius in samples; a ring at the origin has degree 0 only."""
    assert sampling(SQUARE, (5, 5), band_limit).limits == limits
    assert sampling(lattice("square", 2, 0.25), (5, 5), band_limit).limits == limits


def test_rings_and_widths_of_ones_own():
    found = sampling(SQUARE, (5, 5), 2, rings=[0.5, 1.75], widths=[0.3, 0.7])
    assert found.radial == GaussianRings((0.5, 1.75), (0.3, 0.7))
    assert found.limits == (2, 2)
    assert sampling(SQUARE, (5, 5), rings=[1.0, 2.0]).radial.widths == (0.6, 0.4)


@pytest.mark.parametrize("grid", [SQUARE, HEXAGONAL, CUBIC, LINE], ids=str)
@pytest.mark.parametrize("size", [3, 5])
def test_scalar_functions_are_harmonics_times_profiles(grid, size):
    """For each (profile, degree) the function is `Y(x)` times something of the radius, zero off the kernel and at 0."""
    found = sampling(grid, (size,) * grid.d)
    points = found.points(grid.d)
    functions = found.functions(points)
    start = 0
    for _, degree in found.terms(grid.d):
        block = functions[start : start + harmonic_dim(grid.d, degree)]
        start += len(block)
        y = harmonics(points, degree).mT
        radial = (block * y).sum(0)  # |Y| = 1
        assert_close(block, y * radial)
        radius, mask = points.norm(dim=-1), grid.kernel_mask((size,) * grid.d)
        near = ((radius[:, None] - radius[None]).abs() < 1e-9) & mask[:, None] & mask[None]
        assert_close((radial[:, None] - radial[None])[near], torch.zeros(int(near.sum())).double())
    assert start == len(functions)


@pytest.mark.parametrize("grid", [SQUARE, HEXAGONAL, CUBIC], ids=str)
def test_functions_turn_with_the_taps(grid):
    """`F(g x) = D(g) F(x)` for every orthogonal g, on the grid or not."""
    found = sampling(grid, (5,) * grid.d)
    group = o2() if grid.d == 2 else o3()
    points = found.points(grid.d)
    for g in elements(group, 3):
        moved = found.functions(points @ g.mT)
        plain = found.functions(points)
        blocks = [HarmonicRepresentation(group, degree)(g) for _, degree in found.terms(grid.d)]
        assert_close(moved, torch.block_diag(*blocks) @ plain)
        assert_far(moved, plain)


def test_batches_of_turned_taps():
    found = sampling(CUBIC, (3, 3, 3))
    turned = found.points(3) @ full_octahedral().elements
    functions = found.functions(turned)
    assert functions.shape[0] == 48
    assert_close(functions[7], found.functions(turned[7]))


def test_functions_vanish_off_a_hexagon():
    found = sampling(HEXAGONAL, (5, 5))
    off = ~HEXAGONAL.kernel_mask((5, 5))
    assert int(off.sum()) == 6
    values = found.functions(found.points(2))
    assert_close(values[:, off], torch.zeros(len(values), 6).double(), 0.0)


@pytest.mark.parametrize("grid", [SQUARE, CUBIC], ids=str)
def test_profiles_of_one_degree_are_orthonormal(grid):
    """Over the taps, as far as degree 0 and well-separated rings go."""
    found = sampling(grid, (5,) * grid.d)
    values = found.functions(found.points(grid.d))
    first = torch.tensor([degree == 0 for _, degree in found.terms(grid.d) for _ in range(harmonic_dim(grid.d, degree))])
    assert_orthonormal(values[first])


def test_the_centre():
    assert sampling(SQUARE, (5, 5)).centred() == (True, False, False)
    assert sampling(SQUARE, (4, 4)).centred() == (False, False)
    assert sampling(SQUARE, (1, 1)).centred() == (True,)
    assert POINT.centred() == (True,)


def test_samplings_are_values():
    first, second = sampling(SQUARE, (5, 5)), sampling(SQUARE, [5, 5])
    assert first == second
    assert hash(first) == hash(second)
    assert pickle.loads(pickle.dumps(first)) == first
    assert sampling(SQUARE, (5, 5), 3) != first
    assert sampling(HEXAGONAL, (5, 5)) != first


def test_a_single_point():
    assert POINT.taps == 1
    assert_close(POINT.points(3), torch.zeros(1, 3).double(), 0.0)
    assert POINT.terms(3) == [(0, 0)]
    assert_close(POINT.functions(POINT.points(4)), torch.ones(1, 1).double(), 0.0)


def test_any_hashable_profile():
    found = Sampling(SQUARE, (3, 3), lambda r: torch.stack([torch.ones_like(r), r]), (1, 1))
    values = found.functions(found.points(2))
    assert values.shape == (6, 9)
    assert found.functions(randn(9, 2)).shape == (6, 9)


@pytest.mark.parametrize("size", [(0, 3), (3,), (3, 3, 3), (3.0, 3), (-1, 3)])
def test_bad_kernel_sizes(size):
    with pytest.raises(ValueError, match="kernel_size: 2 whole numbers >= 1 are required; received"):
        sampling(SQUARE, size)


@pytest.mark.parametrize(
    ("band_limit", "message"),
    [
        ([1, 2], "one for each of 3 rings, is required; received"),
        ([1, 2, 3, 4], "one for each of 3 rings, is required; received"),
        (-1, "degrees >= 0 are required; received -1"),
        ([0, 1, -2], "degrees >= 0 are required; received -2"),
        (lambda r: -r, "degrees >= 0 are required"),
        (True, "received a bool"),
    ],
)
def test_bad_band_limits(band_limit, message):
    with pytest.raises(ValueError, match=f"band_limit: .*{message}"):
        sampling(SQUARE, (5, 5), band_limit)


def test_bad_rings():
    with pytest.raises(ValueError, match="one width per radius is required; received 3 radii, 2 widths"):
        sampling(SQUARE, (5, 5), widths=[0.5, 0.5])
    with pytest.raises(ValueError, match="radii >= 0 and widths > 0 are required"):
        sampling(SQUARE, (5, 5), rings=[-1.0])
    with pytest.raises(ValueError, match="rings: at least one radius is required; received none"):
        sampling(SQUARE, (5, 5), rings=[])
