"""Samples of a group: in the group, permuted by a finite subgroup, well spread."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from steer.nn._group_samples import (
    coset_samples,
    cube_orbits,
    default_count,
    group_samples,
    sample_symmetry,
    sphere_axis,
)
from steer.nn._rotation_table import ROTATIONS
from steer.nn._sphere_points import sphere_points
from tests.cases import Case, assert_close, each, named, vector


def assert_permuted(points: Tensor, elements: Tensor) -> None:
    flat = points.flatten(1)
    for g in elements:
        distance, index = torch.cdist((g @ points).flatten(1), flat).min(1)
        assert float(distance.max()) < 1e-6
        assert len(index.unique()) == len(points)


@each(
    named(
        "dihedral(4)",
        "icosahedral()",
        "so2()",
        "o2()",
        "conical()",
        "full_cylindrical()",
        "so3()",
        "o3()",
        "so2() * so2()",
        "so3() * reflection(1)",
    )
)
def test_permuted_by_a_finite_subgroup(case: Case) -> None:
    points = group_samples(case.group, 24)
    assert bool(case.group.contains(points).all())
    assert len(points) >= (case.order if case.group.is_finite else 24)
    symmetry = sample_symmetry(case.group, 24)
    assert symmetry <= case.group
    assert_permuted(points, symmetry.generators)


@pytest.mark.parametrize("n", [*ROTATIONS, 5, 7, 40])
def test_orbits_of_the_cube_are_spread(n: int) -> None:
    points = cube_orbits(24 * n)
    assert points.shape == (24 * n, 3, 3)
    overlap = (points.flatten(1) @ points.flatten(1).mT).fill_diagonal_(-1).max()
    # Balls of half the least distance fit into SO(3): the angle between neighbours falls as n^(-1/3).
    angle = torch.arccos(((overlap - 1) / 2).clamp(-1, 1))
    assert float(angle) > 2.0 / (24 * n) ** (1 / 3)


def test_the_table_holds_unit_quaternions_with_the_identity_first() -> None:
    for n, rows in ROTATIONS.items():
        assert len(rows) == n
        assert rows[0] == (1.0, 0.0, 0.0, 0.0)
        assert_close(vector(*[x for row in rows for x in row]).reshape(-1, 4).norm(dim=1), torch.ones(n).double(), 2e-6)


def test_default_counts() -> None:
    so2, so3, o3 = (case.group for case in named("so2()", "so3()", "o3()"))
    assert [default_count(so2, k, 2 * k + 1) for k in range(1, 7)] == [12, 24, 24, 36, 36, 48]
    sizes = [1, 10, 35, 84, 165, 286]
    assert [default_count(so3, k, size) for k, size in enumerate(sizes)] == [24, 72, 96, 192, 384, 768]
    assert [default_count(o3, k, 2 * size) for k, size in enumerate(sizes)] == [24, 72, 96, 192, 384, 768]
    axis, few = (case.group for case in named("so2(d=3)", "cyclic(2, d=3)"))
    assert [default_count(so3, k, (k + 1) ** 2, axis) for k in range(5)] == [6, 26, 50, 86, 146]
    assert [default_count(so3, k, 5 * k, few) for k in range(5)] == [24, 96, 96, 96, 144]


@each(named("so2(d=3)", "conical()", "dihedral_axial()", "full_cylindrical()"))
def test_samples_of_the_sphere_hold_each_point_for_every_component(case: Case) -> None:
    """Turns of the axis to the points of a rule, whichever axis it is."""
    (whole,) = (case.group for case in named("o3()"))
    points, weights = coset_samples(whole, 26, case.group)
    axis = sphere_axis(whole, case.group)
    assert axis == 2
    assert bool(whole.contains(points).all())
    assert_close(weights.sum(), vector(2.0)[0])
    expected, _ = sphere_points(26)
    assert_close(points[::2, :, 2], expected, 1e-14)
    assert_close(points[1::2, :, 2], -expected, 1e-14)


def test_no_sphere() -> None:
    so2, so3, few, product = (case.group for case in named("so2()", "so3()", "cyclic(2, d=3)", "so3() * reflection(1)"))
    for whole, subgroup in ((so3, None), (so3, few), (so2, so2), (product, few)):
        assert sphere_axis(whole, subgroup) is None
    points, weights = coset_samples(so3, 48, few)
    assert torch.equal(points, group_samples(so3, 48))
    assert torch.equal(weights, torch.ones(48).double())


def test_error() -> None:
    for wrong in (0, 12, 25):
        with pytest.raises(ValueError, match=f"samples: a multiple of 24 is required .* received {wrong}"):
            cube_orbits(wrong)
