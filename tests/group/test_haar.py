"""Haar quadrature is exact up to its degree and not beyond; quaternions."""

import math

import pytest
import torch

from steer.group import cyclic, o2, o3, quaternion_to_matrix, rotation, so2, so3
from tests.cases import (
    CONTINUOUS,
    GROUPS,
    assert_close,
    assert_far,
    assert_orthogonal,
    average,
    each,
    elements,
    randn,
    vector,
)


@each(GROUPS)
def test_points_are_elements_with_positive_weights_of_sum_one(case):
    points, weights = case.group.haar(3)
    assert bool(case.group.contains(points).all())
    assert bool((weights > 0).all())
    assert_close(weights.sum(), torch.tensor(1.0).double())


@each(GROUPS)
def test_the_average_of_an_irrep_is_one_or_zero(case):
    """`mean rho(g)` is 1 for the trivial irrep and 0 for every other one, at the degree of the irrep."""
    for irrep in case.irreps:
        expected = torch.full((irrep.dim, irrep.dim), 1.0 if irrep.is_trivial else 0.0).double()
        assert_close(average(case.group, irrep.degree, irrep), expected)


@each(GROUPS)
def test_the_average_is_invariant(case):
    """`mean f(h g) = mean f(g h) = mean f(g)` for polynomials of the degree."""
    group = case.group
    weights = randn(group.d, group.d, seed=1)
    h = elements(group, seed=2)[-1]

    def f(g):
        return ((g * weights).sum((-2, -1)) + 0.5) ** 3

    expected = average(group, 3, f)
    assert_close(average(group, 3, lambda g: f(h @ g)), expected)
    assert_close(average(group, 3, lambda g: f(g @ h)), expected)
    assert_close(average(group, 7, f), expected)


@each(CONTINUOUS)
def test_the_quadrature_is_not_exact_beyond_its_degree(case):
    """The negative control: an irrep of degree 2 at quadrature degree 1."""
    values = [average(case.group, 1, irrep) for irrep in case.irreps if irrep.degree == 2]
    assert_far(torch.stack([v.abs().max() for v in values]), torch.zeros(len(values)).double())


@pytest.mark.parametrize("degree", [0, 1, 4, 7])
@pytest.mark.parametrize("make", [so2, o2, so3, o3])
def test_high_degrees(make, degree):
    group = make()
    irreps = group.irreps(degree)
    for irrep in (irreps[-1], irreps[len(irreps) // 2]):
        expected = torch.full((irrep.dim, irrep.dim), float(irrep.is_trivial)).double()
        assert_close(average(group, degree, irrep), expected)


def test_weights_are_not_rounded_to_single_precision():
    _, weights = (so2() * cyclic(3)).haar(1)
    assert_close(weights.sum(), torch.tensor(1.0).double(), 1e-15)


def test_degree_twelve():
    irrep = so3().irrep(12)
    assert_close(average(so3(), 12, irrep), torch.zeros(25, 25).double())


def test_quaternions():
    q = randn(7, 4, seed=3)
    matrices = quaternion_to_matrix(q)
    assert_orthogonal(matrices)
    assert_close(torch.linalg.det(matrices), torch.ones(7).double())
    assert_close(quaternion_to_matrix(-3 * q), matrices)
    half = 0.35
    turn = vector(math.cos(half), 0.0, 0.0, math.sin(half))
    assert_close(quaternion_to_matrix(turn), rotation([0, 0, 1], 2 * half))


def test_quaternions_multiply_like_matrices():
    a, b = randn(2, 4, seed=4)
    w = a[0] * b[0] - a[1:] @ b[1:]
    v = a[0] * b[1:] + b[0] * a[1:] + torch.linalg.cross(a[1:], b[1:])
    product = torch.cat([w[None], v])
    assert_close(quaternion_to_matrix(product), quaternion_to_matrix(a) @ quaternion_to_matrix(b))
