"""Quadrature on the sphere: exact up to the stated degree, symmetric, positive, and the rules of the source."""

from __future__ import annotations

import pytest
import scipy.integrate
import torch

from steer import group
from steer.kernel import harmonics
from steer.nn._sphere_points import RULES, smallest_rule, sphere_points
from tests.cases import assert_close, assert_far, distances


@pytest.mark.parametrize("count", RULES)
def test_rules_are_exact_up_to_their_degree_and_no_further(count: int) -> None:
    points, weights = sphere_points(count)
    degree = RULES[count][0]
    assert points.shape == (count, 3)
    assert float(weights.min()) > 0
    assert_close(points.norm(dim=1), torch.ones(count).double(), 1e-14)
    assert_close(weights.sum(), torch.tensor(1.0).double(), 1e-13)
    for l in range(1, degree + 1):
        assert_close(weights @ harmonics(points, l), torch.zeros(2 * l + 1).double(), 1e-12, f"degree {l}")
    assert_far(weights @ harmonics(points, degree + 1), torch.tensor(0.0), 1e-6)


@pytest.mark.parametrize("count", RULES)
def test_points_are_permuted_with_their_weights(count: int) -> None:
    points, weights = sphere_points(count)
    for g in group.full_octahedral().elements:
        distance, image = distances(points @ g.mT, points).min(1)
        assert float(distance.max()) < 1e-14
        assert torch.equal(weights[image], weights)


@pytest.mark.skipif(not hasattr(scipy.integrate, "lebedev_rule"), reason="scipy knows the rules since 1.15")
@pytest.mark.parametrize("count", RULES)
def test_the_table_is_what_its_source_says(count: int) -> None:
    points, weights = sphere_points(count)
    theirs, shares = scipy.integrate.lebedev_rule(RULES[count][0])
    distance, image = distances(points, torch.from_numpy(theirs.T)).min(1)
    assert float(distance.max()) < 1e-12
    assert len(image.unique()) == count
    assert_close(weights, torch.from_numpy(shares)[image] / (4 * torch.pi), 1e-13)


def test_choice() -> None:
    assert [smallest_rule(degree) for degree in (0, 3, 7, 12, 23, 24, 100)] == [6, 6, 26, 86, 194, 302, 590]
    with pytest.raises(ValueError, match=r"one of 6, 14, .* 590 is required; received 100"):
        sphere_points(100)
