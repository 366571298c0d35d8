"""What every group offers, and the doors to representations."""

import numpy
import pytest
import torch

from steer.group import conical, cyclic, dihedral, o2, octahedral, reflection, so2, trivial
from steer.representation import Irrep, Quotient, Standard, parse
from tests.cases import CONTINUOUS, FINITE, GROUPS, assert_close, each, elements


@each(GROUPS)
def test_the_doors_lead_to_the_representations_of_the_group(case):
    group = case.group
    assert group.trivial == case.irreps[0]
    assert group.trivial.is_trivial
    assert group.standard == Standard(group)
    assert group.irrep(case.irreps[-1].label) == case.irreps[-1]
    assert all(isinstance(irrep, Irrep) and irrep.group == group for irrep in case.irreps)
    assert group.representation("2xtrivial") == parse(group, "2xtrivial")


@each(FINITE)
def test_finite_groups_have_regular_and_quotient_representations(case):
    group = case.group
    assert isinstance(group.regular, Quotient)
    assert group.regular.dim == group.order
    assert group.quotient(group).dim == 1


@each(CONTINUOUS)
def test_quotients_by_a_subgroup_of_finite_index(case):
    assert case.group.quotient(case.group).dim == 1


@each(GROUPS)
def test_identity_inverse_and_dimension(case):
    group = case.group
    g = elements(group)
    assert_close(group.identity, torch.eye(group.d).double(), 0.0)
    assert g.dtype == torch.float64
    assert bool(group.contains(g.mT).all())
    assert bool(group.contains(group.identity))
    assert group <= group
    assert group == group


@pytest.mark.parametrize(
    ("whole", "given", "part"),
    [
        (cyclic(8), 4, cyclic(4)),
        (cyclic(8), (None, 2), cyclic(2)),
        (cyclic(8), 1, trivial(2)),
        (dihedral(6), 3, cyclic(3)),
        (dihedral(6), (None, 6), cyclic(6)),
        (so2(), 5, cyclic(5)),
        (o2(), -1, so2()),
        (o2(), (None, -1), so2()),
        (so2(d=3), 4, cyclic(4, d=3)),
        (conical(), -1, so2(d=3)),
        (conical(6), 3, cyclic(3, d=3)),
        (octahedral(), 1, trivial(3)),
        (reflection(1), 1, trivial(1)),
        (cyclic(8), numpy.int64(4), cyclic(4)),
        (o2(), (None, numpy.int32(-1)), so2()),
    ],
)
def test_subgroups_by_the_number_of_their_turns(whole, given, part):
    found = whole.subgroup(given)
    assert found == part
    assert found <= whole
    assert whole.trivial.restrict(given).group == part
    if whole.is_finite:
        assert whole.quotient(given).dim == whole.order / part.order


@each(GROUPS)
def test_one_matrix_is_in_a_group_or_not(case):
    group = case.group
    assert all(g in group for g in elements(group))
    assert 2 * group.identity not in group
    assert torch.eye(group.d + 1) not in group
    with pytest.raises(ValueError, match=r"g in group: one matrix .* received 2; group.contains\(g\) answers for each"):
        assert group.identity.expand(2, -1, -1) in group
    with pytest.raises(TypeError, match="contains: matrices .* received str"):
        assert "e" in group
