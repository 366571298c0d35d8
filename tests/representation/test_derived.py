"""Representations made from others: their entries, Frobenius reciprocity, errors."""

import pytest
import torch

from steer.group import (
    conical,
    cyclic,
    dihedral,
    icosahedral,
    klein,
    o2,
    o3,
    octahedral,
    planar_rotation,
    pyritohedral,
    rotation,
    so2,
    so3,
    tetrahedral,
    trivial,
)
from steer.representation import (
    DirectSum,
    Quotient,
    Restricted,
    Standard,
    band_limited_regular,
    coset_representatives,
    direct_sum,
    from_generator_images,
    quotient,
    regular,
    standard,
)
from tests.cases import FINITE, GROUPS, assert_close, assert_far, average, build, each, elements, representations


def unit(n, i):
    return torch.eye(n).double()[i]


# Regular and quotient


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


# Sums and products


def test_sums_are_block_diagonal_and_flat():
    group = octahedral()
    g = group.elements[5]
    a, b = group.irrep(1), group.regular
    total = (a + b) + (a + a)
    assert isinstance(total, DirectSum)
    assert total.parts == (a, b, a, a)
    assert total == direct_sum([a, b, a, a])
    assert_close(total(g), torch.block_diag(a(g), b(g), a(g), a(g)), 0.0)
    assert str(total) == "1 + regular + 2x1"
    assert direct_sum([a]) is a
    with pytest.raises(ValueError, match="direct_sum: at least one representation is required; received none"):
        direct_sum([])


@each(GROUPS)
def test_tensor_products_are_kronecker_products(case):
    a, b = case.group.standard, case.irreps[-1]
    for g in elements(case.group, 3):
        assert_close((a @ b)(g), torch.kron(a(g), b(g)), 0.0)
        assert_close((a @ b).character(g), a.character(g) * b.character(g), 1e-13)
    assert str(a @ b) == f"(standard @ {b})"


def test_well_known_products():
    assert sorted(map(str, (so3().irrep(1) @ so3().irrep(2)).irreps)) == ["1", "2", "3"]
    assert sorted(map(str, (o3().irrep("1o") @ o3().irrep("1o")).irreps)) == ["0e", "1e", "2e"]
    assert sorted(map(str, (o2().irrep(1) @ o2().irrep(1)).irreps)) == ["0e", "0o", "2"]
    assert sorted(map(str, (so2().irrep(1) @ so2().irrep(2)).irreps)) == ["1", "3"]
    assert sorted(i.dim for i in (icosahedral().standard @ icosahedral().standard).irreps) == [1, 3, 5]


# Restriction and induction


def test_restriction_is_the_same_map():
    whole = so3().irrep(3)
    part = whole.restrict(octahedral())
    assert isinstance(part, Restricted)
    assert_close(part(octahedral().elements), whole(octahedral().elements), 0.0)
    assert sorted(i.dim for i in part.irreps) == [1, 3, 3]
    assert part.restrict(tetrahedral()) == whole.restrict(tetrahedral())
    assert str(part) == "(3 of so3())"


def test_restriction_keeps_what_it_can():
    group = octahedral()
    assert group.standard.restrict(group) == group.standard
    assert group.standard.restrict(klein()) == Standard(klein())
    assert group.trivial.restrict(klein()) == klein().trivial
    assert (group.trivial + group.standard).restrict(klein()) == klein().trivial + klein().standard
    assert group.regular.restrict(klein()).is_permutation


def test_branching_rules():
    """SO(3) to the icosahedral group: degrees 0, 1, 2 stay irreducible, 3 = 3' + 4, 6 contains the trivial one."""
    dims = {l: sorted(i.dim for i in so3().irrep(l).restrict(icosahedral()).irreps) for l in (0, 1, 2, 3, 6)}
    assert dims == {0: [1], 1: [3], 2: [5], 3: [3, 4], 6: [1, 3, 4, 5]}
    assert sorted(map(str, o2().irrep(4).restrict(dihedral(4)).irreps)) == ["0e", "0o"]
    assert sorted(map(str, o2().irrep(2).restrict(dihedral(4)).irreps)) == ["2e", "2o"]
    assert sorted(map(str, so2().irrep(5).restrict(cyclic(8)).irreps)) == ["3"]


def test_restrictions_to_something_else():
    with pytest.raises(ValueError, match=r"restrict: a subgroup of octahedral\(\) is required; received icosahedral\(\)"):
        octahedral().standard.restrict(icosahedral())


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


@pytest.mark.parametrize(
    "field", [octahedral().quotient(klein()), o2().quotient(so2()), so2().irrep(1).induce(o2())], ids=str
)
def test_matrices_that_move_no_coset(field):
    bad = 1.5 * torch.eye(field.group.d).double()
    with pytest.raises(ValueError, match="an element of the group is required; received a matrix that maps no coset"):
        field.matrices(bad)
    with pytest.raises(ValueError, match="received a matrix that is not an element of it"):
        field(bad)


# Tables and band limits


@each(FINITE)
def test_images_of_the_generators_fix_a_representation(case):
    group = case.group
    for representation in representations(case).values():
        tabulated = from_generator_images(group, list(representation(group.generators)), "mine")
        assert_close(tabulated(group.elements), representation(group.elements))
        assert str(tabulated) == "mine"
    images = list(group.standard(group.generators))
    assert from_generator_images(group, images) == from_generator_images(group, images, "another name")


def test_lists_of_numbers_are_read_in_double_precision():
    turn = planar_rotation(2 * torch.pi / 7)
    assert_close(from_generator_images(cyclic(7), [turn.tolist()]).values[1], turn, 1e-15)


def test_images_that_make_no_representation():
    group = cyclic(4)
    with pytest.raises(ValueError, match=r"1 square matrices of one size are required .* received shapes \[\]"):
        from_generator_images(group, [])
    with pytest.raises(ValueError, match=r"received shapes \[\(2, 3\)\]"):
        from_generator_images(group, [torch.zeros(2, 3)])
    with pytest.raises(ValueError, match="orthogonal matrices are required; one of the images is not orthogonal"):
        from_generator_images(group, [[[2.0]]])
    with pytest.raises(ValueError, match=r"must satisfy the relations of cyclic\(4\); they violate one by"):
        from_generator_images(group, [planar_rotation(2 * torch.pi / 3)])
    with pytest.raises(ValueError, match="2 square matrices of one size"):
        from_generator_images(dihedral(3), [torch.eye(2), torch.eye(3)])


def test_the_zero_images_of_relations_are_checked_for_all_generators():
    group = dihedral(4)
    flip = torch.tensor([[1.0, 0.0], [0.0, -1.0]]).double()
    with pytest.raises(ValueError, match="must satisfy the relations"):
        from_generator_images(group, [planar_rotation(torch.pi / 2), planar_rotation(torch.pi)])
    assert from_generator_images(group, [planar_rotation(torch.pi / 2), flip]).irreps == (group.irrep(1),)


@pytest.mark.parametrize(
    ("group", "degree", "text"),
    [
        (so2(), 2, "0 + 1 + 2"),
        (o2(), 1, "0e + 0o + 2x1"),
        (so3(), 2, "0 + 3x1 + 5x2"),
        (cyclic(4), 2, "0 + 1 + 2"),
        (octahedral(), 1, "0 + 3x1"),
    ],
)
def test_band_limited_regular(group, degree, text):
    assert str(band_limited_regular(group, degree)) == text


@each(FINITE)
def test_without_a_limit_it_is_the_regular_representation(case):
    full = band_limited_regular(case.group, 99)
    assert full.multiplicities == case.group.regular.multiplicities


def test_standard():
    group = pyritohedral()
    assert_close(standard(group)(group.elements), group.elements, 0.0)
    assert str(group.standard) == "standard"
    assert isinstance(group.regular, Quotient)
