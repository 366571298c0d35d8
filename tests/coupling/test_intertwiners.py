"""The one solver: law, count, orthonormality, gauge, completeness."""

from itertools import pairwise, product

import pytest
import torch

from steer.coupling import endomorphisms, intertwiners, invariants
from steer.group import cyclic, o2, octahedral, so2, so3
from steer.representation import canonicalise
from tests.cases import (
    FINITE,
    GROUPS,
    assert_close,
    assert_far,
    assert_intertwiner,
    assert_orthonormal,
    average,
    each,
    elements,
    named,
    randn,
    random_orthogonal,
    representations,
)

SMALL = [case for case in GROUPS if case.order <= 24 or case.text in ("so2()", "o2()", "so3()", "o3()", "so2() * so2()")]

LARGEST = 40  # null spaces by brute force are found of pairs up to this product of dimensions


def pairs(case):
    """Neighbouring representations of the table, and some with themselves."""
    found = list(representations(case).values())
    return [*pairwise(found), *((r, r) for r in found[:2] + found[-3:]), (found[-1], found[0])]


@each(GROUPS)
def test_the_law_and_the_count(case):
    """`B(g) X = X A(g)`, and as many as the inner product of the characters."""
    g = elements(case.group, 4, seed=2)
    for a, b in pairs(case):
        maps = intertwiners(a, b)
        count = average(case.group, a.degree + b.degree, lambda h, a=a, b=b: a.character(h) * b.character(h))
        assert maps.shape == (round(float(count)), b.dim, a.dim)
        assert_close(count, count.round(), 1e-9)
        assert_intertwiner(maps, a, b, g)
        assert_orthonormal(maps)


@each(SMALL)
def test_the_gauge_is_canonical(case):
    """Any orthogonal mixing of the solutions leads back to them."""
    for a, b in pairs(case):
        rows = intertwiners(a, b).flatten(1)
        if len(rows):
            assert_close(canonicalise(random_orthogonal(len(rows), len(rows)) @ rows), rows)


@each(SMALL)
def test_the_solutions_are_complete(case):
    """The constraint for the generators has a null space of the same dimension: no characters, no averages."""
    for a, b in pairs(case):
        if a.dim * b.dim <= LARGEST:
            normal = torch.zeros(a.dim * b.dim, a.dim * b.dim).double()
            for g in case.group.generators:
                left = torch.kron(b(g).contiguous(), torch.eye(a.dim).double())
                constraint = left - torch.kron(torch.eye(b.dim).double(), a(g).mT.contiguous())
                normal += constraint.mT @ constraint
            assert int((torch.linalg.eigvalsh(normal) < 1e-9).sum()) == len(intertwiners(a, b))


def test_most_pairs_are_small_enough_for_the_test_above():
    sizes = [a.dim * b.dim <= LARGEST for case in SMALL for a, b in pairs(case)]
    assert sum(sizes) > 0.6 * len(sizes)


@each(GROUPS)
def test_schur(case):
    """Between different irreps there is nothing; the commutant of an irrep has the dimension of its type."""
    for a, b in product(case.irreps, repeat=2):
        assert len(intertwiners(a, b)) == (a.endomorphisms if a == b else 0)


@each(GROUPS)
def test_the_commutant_is_an_algebra(case):
    """R, C or H: the unit matrix is in it, and products and transposes stay in it."""
    for irrep in case.irreps:
        basis = endomorphisms(irrep)
        flat = basis.flatten(1)
        products = (basis[:, None] @ basis[None]).flatten(2).flatten(0, 1)
        for vectors in (torch.eye(irrep.dim).double().reshape(1, -1), basis.mT.flatten(1), products):
            assert_close(vectors @ flat.mT @ flat, vectors)
        if irrep.endomorphisms > 1:
            squares = basis @ basis * irrep.dim
            assert_close(basis @ basis.mT * irrep.dim, torch.eye(irrep.dim).double().expand_as(squares))


@each(named("quaternion_group()", "conjugated(quaternion_group(), 9)", "binary_tetrahedral()"))
def test_quaternionic_commutants_do_not_commute(case):
    irrep = next(i for i in case.irreps if i.endomorphisms == 4)
    basis = endomorphisms(irrep)
    commutators = basis[:, None] @ basis[None] - basis[None] @ basis[:, None]
    assert_far(commutators, torch.zeros_like(commutators), 0.1)


@each(GROUPS)
def test_invariants(case):
    g = elements(case.group, 4)
    for representation in representations(case).values():
        vectors = invariants(representation)
        assert len(vectors) == sum(irrep.is_trivial for irrep in representation.irreps)
        assert_close(torch.einsum("gij,nj->gni", representation(g), vectors), vectors.expand(len(g), *vectors.shape))
        assert_orthonormal(vectors)


@each([case for case in FINITE if case.order <= 24])
def test_the_invariant_of_a_regular_field_is_constant(case):
    n = case.group.order
    assert_close(invariants(case.group.regular), torch.full((1, n), n**-0.5, dtype=torch.float64))


def test_a_random_map_is_no_intertwiner():
    group = octahedral()
    maps = randn(1, 3, 3)
    g = group.elements
    assert_far(group.standard(g)[:, None] @ maps, maps @ group.standard(g)[:, None])


def test_golden_values():
    """The gauge is file format: these numbers do not change without a new version of it."""
    root = 0.5**0.5
    assert_close(endomorphisms(cyclic(3).irrep(1)), torch.tensor([[[1.0, 0], [0, 1]], [[0, 1], [-1, 0]]]).double() * root)
    assert_close(intertwiners(so2().irrep(1), so2().standard)[0], torch.eye(2).double() * root)
    assert_close(intertwiners(so3().standard, so3().irrep(1))[0], torch.eye(3).double() / 3**0.5)
    assert_close(
        intertwiners(cyclic(4).regular, cyclic(4).irrep(1)),
        torch.tensor([[[1.0, 0, -1, 0], [0, 1, 0, -1]], [[0, 1, 0, -1], [-1, 0, 1, 0]]]).double() / 2,
    )


def test_two_groups():
    with pytest.raises(
        ValueError, match=r"intertwiners: representations of one group are required; received so2\(\), o2\(\)"
    ):
        intertwiners(so2().standard, o2().standard)
