"""Decomposition into irreps with its change of basis."""

import pytest
import torch

from steer.coupling import decompose
from steer.coupling._decompose import _decompose
from steer.group import cyclic, dihedral, octahedral, so2, so3
from steer.kernel import HarmonicRepresentation
from steer.representation import direct_sum
from tests.cases import (
    GROUPS,
    SPATIAL,
    assert_close,
    assert_far,
    assert_orthogonal,
    build,
    each,
    elements,
    representations,
)


def assert_decomposes(representation, g):
    """`rho(g) = Q diag(irreps(g)) Q^T` with orthogonal Q."""
    irreps, q = decompose(representation)
    assert_orthogonal(q)
    assert sorted(map(str, irreps)) == sorted(map(str, representation.irreps))
    blocks = torch.stack([torch.block_diag(*(irrep(h) for irrep in irreps)) for h in g])
    assert_close(q @ blocks @ q.mT, representation(g), what=f"{representation}: Q diag Q^T")


@each(GROUPS)
def test_every_representation(case):
    g = elements(case.group, 4, seed=3)
    for representation in representations(case).values():
        assert_decomposes(representation, g)


@each([case for case in GROUPS if case.order <= 24 or case.max_degree is not None])
def test_squares_of_the_standard_representation(case):
    g = elements(case.group, 3, seed=4)
    assert_decomposes(case.group.standard @ case.group.standard, g)


@pytest.mark.parametrize(
    "text",
    [
        "cyclic(5)",
        "cyclic(8)",
        "quaternion_group()",
        "conjugated(quaternion_group(), 9)",
        "binary_tetrahedral()",
        "icosahedral()",
    ],
)
def test_regular_representations_of_every_type(text):
    """Irreps of real, complex and quaternionic type, each several times."""
    group = build(text)
    assert_decomposes(group.regular, group.elements)


@pytest.mark.parametrize("text", ["cyclic(5)", "dihedral(3)", "quaternion_group()"])
def test_regular_times_standard(text):
    group = build(text)
    assert_decomposes(group.regular @ group.standard, group.elements)


def test_types_with_multiplicity_occur_in_the_test_above():
    found = set()
    for text in ("cyclic(5)", "quaternion_group()", "dihedral(3)"):
        field = build(text).regular @ build(text).standard
        found |= {(irrep.endomorphisms, count > 1) for irrep, count in field.multiplicities.items()}
    assert {(1, True), (2, True), (4, True)} <= found


@each(SPATIAL)
@pytest.mark.parametrize("degree", [0, 1, 3])
def test_harmonics(case, degree):
    representation = HarmonicRepresentation(case.group, degree)
    if representation.dim == 0:
        assert case.group.d == 1
    else:
        assert_decomposes(representation, elements(case.group, 3))


@each(GROUPS)
def test_sums_of_irreps_need_no_change_of_basis(case):
    irreps, q = decompose(direct_sum(case.irreps))
    assert irreps == case.irreps
    assert_close(q, torch.eye(len(q)).double(), 0.0)


def test_a_sum_is_decomposed_part_by_part():
    group = dihedral(4)
    parts = [group.regular, group.standard @ group.standard, group.irrep(1), group.regular]
    irreps, q = decompose(direct_sum(parts))
    pieces = [decompose(part) for part in parts]
    assert irreps == tuple(irrep for found, _ in pieces for irrep in found)
    assert_close(q, torch.block_diag(*(change for _, change in pieces)), 0.0)


def test_it_does_not_depend_on_who_asks():
    first = decompose(octahedral().regular)
    _decompose.cache_clear()
    again = decompose(octahedral().regular)
    assert first[0] == again[0]
    assert torch.equal(first[1], again[1])


def test_the_identity_is_no_change_of_basis_for_a_regular_field():
    """The negative control of the law."""
    group = cyclic(5)
    irreps, _ = decompose(group.regular)
    blocks = torch.stack([torch.block_diag(*(irrep(h) for irrep in irreps)) for h in group.elements])
    assert_far(blocks, group.regular(group.elements))


def test_well_known_decompositions():
    assert [i.label for i in decompose(cyclic(4).regular)[0]] == ["0", "1", "2"]
    assert [i.label for i in decompose(so3().irrep(1) @ so3().irrep(1))[0]] == ["0", "1", "2"]
    assert [i.label for i in decompose(so2().irrep(1) @ so2().irrep(1))[0]] == ["0", "0", "2"]
