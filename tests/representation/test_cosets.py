"""Regular, quotient and induced representations: their entries, Frobenius reciprocity, errors."""

import pytest
import torch

from steer.group import (
    FiniteGroup,
    conical,
    cyclic,
    icosahedral,
    klein,
    o2,
    o3,
    octahedral,
    rotation,
    so2,
    so3,
    tetrahedral,
    trivial,
)
from steer.representation import (
    coset_representatives,
    quotient,
    regular,
)
from tests.cases import FINITE, assert_close, assert_far, average, build, each


def unit(n, i):
    return torch.eye(n).double()[i]


@each([case for case in FINITE if case.order <= 24])
def test_the_regular_representation_permutes_the_elements(case):
    """`rho(g) e_h = e_gh`, in the order of `elements`."""
    group = case.group
    values = group.regular(group.elements)
    for g in range(group.order):
        for h in range(group.order):
            assert torch.equal(values[g] @ unit(group.order, h), unit(group.order, int(group.table[g, h])))


@each(FINITE)
def test_the_regular_representation_contains_every_irrep(case):
    multiplicities = case.group.regular.multiplicities
    assert multiplicities == {i: i.dim // i.endomorphisms for i in case.irreps}


@each([case for case in FINITE if case.order <= 24])
def test_quotients_permute_the_cosets(case):
    """`rho(g) e_cH = e_gcH`, cosets in the order of their first element."""
    group = case.group
    subgroup = group.subgroup(group.generators[0])
    field = group.quotient(subgroup)
    cosets = group.cosets(subgroup)
    where = {int(g): c for c, members in enumerate(cosets) for g in members}
    assert_close(field.representatives, group.elements[cosets[:, 0]], 0.0)
    assert field.dim == len(cosets)
    for g in range(group.order):
        expected = [where[int(group.table[g, c])] for c in cosets[:, 0]]
        assert field.permutation(group.elements[g]).tolist() == expected
        assert_close(field(group.elements[g]), torch.eye(field.dim).double()[:, expected])


def test_a_regular_representation_is_a_quotient():
    group = octahedral()
    assert regular(group) == quotient(group, trivial(3)) == group.regular
    assert regular(group).is_regular
    assert not group.quotient(klein()).is_regular
    assert group.quotient(group).dim == 1
    assert str(regular(group)) == "regular"
    assert str(group.quotient(klein())) == "quotient[klein()]"


def test_quotients_contain_the_invariants():
    """Frobenius: an irrep occurs in the quotient as often as its restriction has invariants."""
    group = octahedral()
    for subgroup in group.subgroups():
        found = group.quotient(subgroup).multiplicities
        for irrep in group.irreps():
            invariants = float(irrep.character(subgroup.elements).mean())
            assert found.get(irrep, 0) == round(invariants)


def test_quotients_of_continuous_groups():
    field = o3().quotient(so3())
    assert field.dim == 2
    assert field.is_permutation is True
    assert set(field.irreps) == {o3().irrep("0e"), o3().irrep("0o")}
    assert_close(field(-torch.eye(3).double()), torch.tensor([[0.0, 1.0], [1.0, 0.0]]).double())


def test_quotients_that_do_not_exist():
    with pytest.raises(ValueError, match=r"cosets: a subgroup of cyclic\(4\) is required; received cyclic\(3\)"):
        quotient(cyclic(4), cyclic(3))
    with pytest.raises(ValueError, match=r"cosets: cyclic\(4\) has infinite index in so2\(\)"):
        quotient(so2(), cyclic(4))
    with pytest.raises(ValueError, match=r"regular: a finite group is required; received so2\(\).*band_limited_regular"):
        regular(so2())


@pytest.mark.parametrize(("group", "subgroup"), [(octahedral(), klein()), (o2(), so2()), (conical(), so2(d=3))], ids=str)
def test_coset_representatives(group, subgroup):
    chosen = coset_representatives(group, subgroup)
    assert_close(chosen[0], group.identity, 0.0)
    assert bool(group.contains(chosen).all())
    steps = chosen.mT[:, None] @ chosen[None]
    assert torch.equal(subgroup.contains(steps), torch.eye(len(chosen), dtype=torch.bool))


PAIRS = [
    ("octahedral()", "tetrahedral()"),
    ("octahedral()", "dihedral(4, d=3)"),
    ("icosahedral()", "tetrahedral()"),
    ("pyritohedral()", "inversion()"),
    ("dihedral(6)", "cyclic(6)"),
    ("dihedral(6)", "cyclic(3)"),
    ("quaternion_group()", "trivial(4)"),
    ("o2()", "so2()"),
    ("o3()", "so3()"),
    ("conical()", "so2(d=3)"),
    ("full_cylindrical()", "dihedral_axial()"),
    ("full_cylindrical()", "so2(d=3)"),
    ("so2() * cyclic(4)", "so2() * trivial(2)"),
]


@pytest.mark.parametrize(("whole", "part"), PAIRS)
def test_frobenius_reciprocity(whole, part):
    """`<Ind psi, rho>_G = <psi, Res rho>_H` for all pairs of irreps, by characters."""
    group, subgroup = build(whole), build(part)
    degree = None if group.is_finite else 2
    for inner in subgroup.irreps(degree):
        induced = inner.induce(group)
        assert induced.dim == inner.dim * len(coset_representatives(group, subgroup))
        for outer in group.irreps(degree):
            top = 2 * (inner.degree + outer.degree)
            left = average(group, top, lambda g, i=induced, o=outer: i.character(g) * o.character(g))
            restricted = outer.restrict(subgroup)
            right = average(subgroup, top, lambda h, i=inner, r=restricted: i.character(h) * r.character(h))
            assert_close(left, right, 1e-11)
            assert round(float(left)) == outer.endomorphisms * induced.multiplicities.get(outer, 0)


def test_induction_from_so2_to_o2():
    for k in (1, 2, 3):
        assert so2().irrep(k).induce(o2()).irreps == (o2().irrep(k),) * 2
    assert set(so2().trivial.induce(o2()).irreps) == {o2().irrep("0e"), o2().irrep("0o")}


def test_induction_from_the_trivial_representation_is_the_quotient():
    group = octahedral()
    g = group.elements
    for subgroup in (klein(), tetrahedral(), group.subgroup(rotation([0, 0, 1], torch.pi / 2))):
        assert_close(subgroup.trivial.induce(group)(g), group.quotient(subgroup)(g), 0.0)
    assert_far(klein().irreps()[-1].induce(group)(g), group.quotient(klein())(g))


def test_induction_in_stages():
    group = octahedral()
    inner = klein().irreps()[1]
    direct, staged = inner.induce(group), inner.induce(tetrahedral()).induce(group)
    assert_close(direct.character(group.elements), staged.character(group.elements))


def test_inductions_that_do_not_exist():
    with pytest.raises(ValueError, match=r"cosets: a subgroup of octahedral\(\) is required; received icosahedral\(\)"):
        icosahedral().trivial.induce(octahedral())
    with pytest.raises(ValueError, match="infinite index in"):
        octahedral().trivial.induce(so3())


def test_quotients_by_the_same_elements_are_equal():
    group = octahedral()
    flipped = klein().elements[[0, 3, 2, 1]]
    other = FiniteGroup(flipped, flipped, "klein, listed backwards")
    assert group.quotient(other) == group.quotient(klein())
    assert len({group.quotient(other), group.quotient(klein()), group.quotient(tetrahedral())}) == 2


def test_rounded_subgroups_are_replaced_by_the_elements_of_the_group():
    group = icosahedral()
    tilt = rotation([1.0, 2.0, 3.0], 3e-7)
    rounded = FiniteGroup(tilt @ tetrahedral().elements @ tilt.mT, tetrahedral().generators, "tilted")
    for subgroup in (group.quotient(rounded).subgroup, group.subgroup(rounded), group.subgroup(*rounded.elements)):
        own = group.elements[group.index(subgroup.elements)]
        assert_close(subgroup.elements, own)
    assert group.quotient(rounded) == group.quotient(tetrahedral())
    assert group.subgroup(tetrahedral()) is tetrahedral()


@pytest.mark.parametrize(
    "field", [octahedral().quotient(klein()), o2().quotient(so2()), so2().irrep(1).induce(o2())], ids=str
)
def test_matrices_that_move_no_coset(field):
    bad = 1.5 * torch.eye(field.group.d).double()
    with pytest.raises(
        ValueError, match="an element (of the group )?is required; received a matrix that (maps no coset|differs)"
    ):
        field.matrices(bad)
    with pytest.raises(ValueError, match="received a matrix that is not an element of it"):
        field(bad)
