"""The Gaussian low-pass: a Gaussian in physical units, exact where sites are symmetric, better than none elsewhere."""

from __future__ import annotations

import pytest
import torch

from steer import check_equivariance, group, gspaces, nn
from steer.nn._antialiased import gaussian_taps
from tests.cases import assert_close, assert_far, randn

PLANE = gspaces.flipRot2dOnR2(8).type("regular + 1")
GRIDS = {
    "line": gspaces.flipOnR1(),
    "plane": gspaces.flipRot2dOnR2(4),
    "stretched": gspaces.on(group.dihedral(2), spacing=(1.0, 2.0)),
    "hexagonal": gspaces.on(group.dihedral(6), "hexagonal"),
    "volume": gspaces.octaOnR3(),
}


@pytest.mark.parametrize("name", GRIDS)
def test_exact_for_the_symmetries_of_the_grid(name: str) -> None:
    kind = GRIDS[name].type("regular")
    steps = (1,) if name == "hexagonal" else (1, 2)
    for step in steps:
        layer = nn.PointwiseAvgPoolAntialiased(kind, 0.66, step)
        check_equivariance(layer, size=9 if name != "hexagonal" else 15).assert_exact()
        layer = nn.PointwiseMaxPoolAntialiased(kind, 3, step, 1, sigma=0.5)
        check_equivariance(layer, size=9 if name != "hexagonal" else 15).assert_exact()


@pytest.mark.parametrize("name", GRIDS)
def test_taps_are_a_gaussian_of_the_distance(name: str) -> None:
    grid = GRIDS[name].lattice
    kernel = torch.ones((), dtype=torch.float64)
    for taps in gaussian_taps(grid, (0.8,) * grid.d):
        kernel = kernel * taps
    distance = grid.positions(kernel.shape).norm(dim=1)
    expected = torch.exp(-(distance**2) / (2 * 0.8**2))
    kept = kernel.flatten() > 0
    assert bool(kept[distance < 2.5].all())
    ratio = kernel.flatten()[kept] / expected[kept]
    assert_close(ratio / ratio.mean(), torch.ones_like(ratio))
    assert float(kernel.sum()) == pytest.approx(1.0)


def test_sizes() -> None:
    x = torch.randn(1, 18, 13, 13)
    assert nn.PointwiseAvgPoolAntialiased(PLANE, 0.66, 1)(x).shape == x.shape
    assert nn.PointwiseAvgPoolAntialiased(PLANE, 0.66, 3)(x).shape == (1, 18, 5, 5)
    assert nn.PointwiseAvgPoolAntialiased(PLANE, 0.66, 1, padding=0)(x).shape == (1, 18, 7, 7)
    regular = gspaces.rot2dOnR2(8).type("regular")
    assert nn.PointwiseMaxPoolAntialiased(regular, 3)(x[:, :8]).shape == (1, 8, 4, 4)


def test_a_constant_stays_and_a_chessboard_vanishes() -> None:
    kind = gspaces.trivialOnR2().type("trivial")
    layer = nn.PointwiseAvgPoolAntialiased(kind, 1.0, 1).double()
    ones = torch.ones(1, 1, 15, 15, dtype=torch.float64)
    assert_close(layer(ones)[..., 4:-4, 4:-4], torch.ones(1, 1, 7, 7).double())
    chessboard = 1 - 2 * ((torch.arange(15)[:, None] + torch.arange(15)) % 2).double()
    assert float(layer(chessboard[None, None])[..., 4:-4, 4:-4].abs().max()) < 1e-3


def test_shifts_and_turns_cost_less_than_without() -> None:
    kind = gspaces.rot2dOnR2(8).type("regular")
    smooth = nn.PointwiseAvgPoolAntialiased(kind, 3.0, 1).double()
    x = nn.PointwiseAvgPoolAntialiased(kind, 0.7, 1).double()(randn(2, 8, 41, 41))

    def error(layer: torch.nn.Module) -> float:  # a shift by one sample, seen at a coarser resolution
        moved = layer(x.roll(1, -1)) - layer(x)
        return float(smooth(moved).norm() / smooth(layer(x)).norm())

    plain, low_passed = nn.PointwiseMaxPool(kind, 3, 4, 1), nn.PointwiseMaxPoolAntialiased(kind, 3, 4, 1, sigma=2.0)
    assert error(low_passed) < 0.7 * error(plain)


def test_a_width_per_axis() -> None:
    """The kernel is the product of the Gaussians along the axes, each in physical units."""
    kind = gspaces.on(group.dihedral(2), spacing=(2.0, 1.0)).type("regular")
    widths = (1.5, 0.5)
    x = torch.zeros(1, kind.size, 15, 15, dtype=torch.float64)
    x[:, :, 7, 7] = 1.0
    y = nn.PointwiseAvgPoolAntialiased(kind, widths, 1).double()(x)[0, 0]
    places = kind.gspace.lattice.positions((15, 15)).reshape(15, 15, 2)  # (x, y)
    exponent = (places[..., 1] / widths[0]).square() + (places[..., 0] / widths[1]).square()
    kept = y > 0
    expected = torch.exp(-exponent / 2)[kept]
    assert_close(y[kept] / y.max(), expected, 1e-12)
    assert int(kept.sum()) == 7 * 5
    assert_far(y, nn.PointwiseAvgPoolAntialiased(kind, widths[::-1], 1).double()(x)[0, 0])
    for step in (1, 2):
        layer = nn.PointwiseAvgPoolAntialiased(kind, widths, step)
        check_equivariance(layer, size=9).assert_exact()
        assert_close(layer.double()(x), layer.export()(x), 1e-15)
        check_equivariance(nn.PointwiseMaxPoolAntialiased(kind, 3, step, 1, sigma=widths), size=9).assert_exact()
    same, listed = (nn.PointwiseAvgPoolAntialiased(kind, sigma, 2).double() for sigma in (0.7, [0.7, 0.7]))
    assert torch.equal(same(x), listed(x))
    assert str(same) == str(listed)


def test_widths_that_break_a_symmetry() -> None:
    with pytest.warns(nn.BrokenSymmetryWarning, match=r"sigma=\(1.0, 0.5\) differ along axes"):
        layer = nn.PointwiseAvgPoolAntialiased(PLANE, (1.0, 0.5), 1)
    with pytest.raises(AssertionError):
        check_equivariance(layer, size=9).assert_exact()


def test_errors() -> None:
    for wrong in ("ab", [1.0], (1.0, 1.0, 1.0)):
        with pytest.raises(ValueError, match=r"sigma, a positive number, is required, or 2 of them in \(y, x\) order"):
            nn.PointwiseAvgPoolAntialiased(PLANE, wrong)
    for wrong in ((1.0, 0), [1.0, "a"], (1.0, None)):
        with pytest.raises(ValueError, match="sigma, a positive number, is required; received"):
            nn.PointwiseAvgPoolAntialiased(PLANE, wrong)
    with pytest.raises(ValueError, match="one sigma is required on a hexagonal grid"):
        nn.PointwiseAvgPoolAntialiased(GRIDS["hexagonal"].type("regular"), (1.0, 0.5))
    for wrong in (0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="sigma, a positive number, is required"):
            nn.PointwiseAvgPoolAntialiased(PLANE, wrong)
    with pytest.raises(ValueError, match="PointwiseMaxPoolAntialiased: fields whose channels"):
        nn.PointwiseMaxPoolAntialiased(PLANE, 3)
    with pytest.raises(ValueError, match="fields over a grid are required"):
        nn.PointwiseAvgPoolAntialiased(gspaces.no_base_space(group.cyclic(4)).type("regular"), 1.0)
    with pytest.warns(nn.BrokenSymmetryWarning, match=r"stride=\(1, 2\) differ along axes"):
        nn.PointwiseAvgPoolAntialiased(PLANE, 1.0, (1, 2))
