"""Radial profiles."""

import math

import pytest
import torch

from steer.kernel import GaussianRings
from tests.cases import assert_close, vector


def test_rings():
    rings = GaussianRings((0.0, 1.5), (0.1, 0.6))
    values = rings(vector(0.0, 1.5, 2.1, 0.9))
    assert values.shape == (2, 4)
    assert_close(values[1, 1:], vector(1.0, math.exp(-0.5), math.exp(-0.5)))
    assert_close(values[0], torch.exp(-(vector(0.0, 1.5, 2.1, 0.9) ** 2) / 0.02))


def test_rings_are_values():
    assert GaussianRings((1.0,), (0.5,)) == GaussianRings((1.0,), (0.5,))
    assert len({GaussianRings((1.0,), (0.5,)), GaussianRings((1.0,), (0.5,)), GaussianRings((2.0,), (0.5,))}) == 2


def test_the_default_dtype_changes_nothing():
    rings, radius = GaussianRings((0.1, 1.1), (0.6, 0.4)), vector(0.3, 1.0)
    before = rings(radius)
    torch.set_default_dtype(torch.float64)
    try:
        after = rings(radius)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(before, after)
    assert rings(radius.float()).dtype == torch.float32


@pytest.mark.parametrize(("radii", "widths"), [((0.0, 1.0), (0.5,)), ((), ()), ((1.0,), (1.0, 2.0))])
def test_numbers_that_do_not_match(radii, widths):
    with pytest.raises(ValueError, match="GaussianRings: one width per radius is required; received"):
        GaussianRings(radii, widths)


@pytest.mark.parametrize(("radii", "widths"), [((-1.0,), (0.5,)), ((1.0,), (0.0,)), ((1.0, 2.0), (0.5, -1.0))])
def test_numbers_out_of_range(radii, widths):
    with pytest.raises(ValueError, match="GaussianRings: radii >= 0 and widths > 0 are required"):
        GaussianRings(radii, widths)
