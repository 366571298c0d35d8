"""How channels split into atoms."""

import pytest
import torch

from steer.expansion import atoms, layout
from steer.group import cyclic, dihedral, o2, octahedral, so2, so3
from steer.representation import Irrep, Quotient, direct_sum
from tests.cases import GROUPS, assert_close, assert_orthogonal, each, elements, representations


@each([case for case in GROUPS if case.order <= 24 or case.max_degree is not None])
def test_atoms_and_their_change_of_basis(case):
    """`rho(g) = Q diag(atoms(g)) Q^T`; atoms are irreps and, for finite groups, quotients."""
    for representation in representations(case).values():
        pieces, change = atoms(representation)
        assert all(isinstance(atom, (Irrep, Quotient)) for atom in pieces)
        change = torch.eye(representation.dim).double() if change is None else change
        assert_orthogonal(change)
        for g in elements(case.group, 2)[-3:]:
            blocks = torch.block_diag(*(atom(g) for atom in pieces))
            assert_close(change @ blocks @ change.mT, representation(g))


def test_what_needs_no_change_of_basis():
    group = dihedral(4)
    for representation in (group.regular, group.irrep(1), group.quotient(cyclic(4)), group.regular + group.irrep(1)):
        assert atoms(representation)[1] is None
    for representation in (group.standard, group.standard @ group.standard, group.standard + group.regular):
        assert atoms(representation)[1] is not None


def test_quotients_of_continuous_groups_split_into_irreps():
    pieces, change = atoms(o2().quotient(so2()))
    assert set(map(str, pieces)) == {"0e", "0o"}
    assert change is not None


def test_equal_atoms_come_together():
    group = cyclic(4)
    a, b = group.regular, group.irrep(1)
    found = layout((a, b, a, b, b))
    assert found.dim == 14
    assert found.groups == ((a, 2), (b, 3))
    assert found.mixing is None
    # sorted: a a b b b; channels: a b a b b
    assert found.order.tolist() == [0, 1, 2, 3, 8, 9, 4, 5, 6, 7, 10, 11, 12, 13]


def test_sorted_fields_need_no_order():
    group = cyclic(4)
    found = layout((group.regular, group.regular, group.irrep(1)))
    assert found.order is None
    assert found.mixing is None


FIELDS = [
    (dihedral(4), ["regular", "1", "regular", "2e", "1"]),
    (octahedral(), ["1", "0", "regular", "1", "standard"]),
    (so3(), ["1", "0", "2", "1"]),
]


@pytest.mark.parametrize(("group", "labels"), FIELDS, ids=[str(g) for g, _ in FIELDS])
def test_sorting_is_a_change_of_basis(group, labels):
    """The sorted sum of atoms, rearranged, is the sum of the fields."""
    fields = tuple(group.representation(label) for label in labels)
    fields += (fields[0] + group.standard @ group.standard,)
    for chosen in (fields[:4], fields):
        found = layout(chosen)
        atom_sum = direct_sum(atom for atom, count in found.groups for _ in range(count))
        unit = torch.eye(found.dim).double()
        mixing = found.mixing if found.mixing is not None else unit if found.order is None else unit[found.order]
        assert_orthogonal(mixing)
        for g in elements(group, 2)[-3:]:
            assert_close(mixing @ atom_sum(g) @ mixing.mT, direct_sum(chosen)(g))
