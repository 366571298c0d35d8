"""Changes of basis between two tables of a representation."""

from __future__ import annotations

import pytest
import torch

from steer import group
from steer.interop._change import change_of_basis, is_permutation
from tests.cases import assert_close, randn

GROUPS = {"C6": group.cyclic(6), "D4": group.dihedral(4), "octahedral": group.octahedral()}


def orthogonal(dim: int) -> torch.Tensor:
    return torch.linalg.qr(randn(dim, dim))[0]


@pytest.mark.parametrize("name", GROUPS)
def test_any_basis_of_irreps_is_found(name: str) -> None:
    g = GROUPS[name].generators
    for irrep in GROUPS[name].irreps():
        ours = (irrep + irrep).matrices(g)
        q = orthogonal(ours.shape[-1])
        found = change_of_basis(q.mT @ ours @ q, ours)
        assert found is not None
        assert_close(found @ found.mT, torch.eye(len(q), dtype=torch.float64), 1e-9)
        assert_close(ours @ found, found @ (q.mT @ ours @ q), 1e-8)


@pytest.mark.parametrize("name", GROUPS)
def test_permutations_are_matched_by_permutations(name: str) -> None:
    g = GROUPS[name].generators
    small = GROUPS[name].subgroup(GROUPS[name].generators[0])
    field = GROUPS[name].regular + GROUPS[name].quotient(small) + GROUPS[name].trivial
    ours = field.matrices(g)
    q = torch.eye(ours.shape[-1], dtype=torch.float64)[torch.randperm(ours.shape[-1])]
    found = change_of_basis(q.mT @ ours @ q, ours)
    assert found is not None
    assert is_permutation(found[None])
    assert_close(ours @ found, found @ (q.mT @ ours @ q))


def test_equal_tables_keep_their_basis() -> None:
    ours = group.so3().irreps(3)[3].matrices(group.so3().sample(4))
    assert torch.equal(change_of_basis(ours, ours), torch.eye(7, dtype=torch.float64))


def test_other_representations_have_none() -> None:
    c8 = group.cyclic(8)
    one, two = (c8.irreps()[i].matrices(c8.generators) for i in (1, 2))
    assert change_of_basis(one, two) is None
    # Equivalent as representations, but not as sets that the group permutes: no permutation takes one to the other.
    plane = group.dihedral(2)
    halves = [plane.quotient(plane.subgroup(g)) for g in plane.elements[1:]]
    left = halves[0] + halves[1] + halves[2]
    right = plane.regular + plane.trivial + plane.trivial
    a, b = left.matrices(plane.elements), right.matrices(plane.elements)
    assert_close(a.diagonal(dim1=1, dim2=2).sum(1), b.diagonal(dim1=1, dim2=2).sum(1))
    assert change_of_basis(a, b) is None


def test_is_permutation() -> None:
    assert is_permutation(torch.eye(3)[None])
    assert not is_permutation(-torch.eye(3)[None])
    assert not is_permutation(torch.full((1, 2, 2), 0.5))
    assert not is_permutation(torch.tensor([[[1.0, 1.0], [0.0, -1.0]]]))
