"""Representations made from others: their entries, branching rules, errors."""

import pytest
import torch

from steer.group import (
    cyclic,
    dihedral,
    icosahedral,
    klein,
    o2,
    o3,
    octahedral,
    pyritohedral,
    so2,
    so3,
    tetrahedral,
)
from steer.representation import (
    DirectSum,
    Quotient,
    Restricted,
    Standard,
    band_limited_regular,
    direct_sum,
    standard,
)
from tests.cases import FINITE, GROUPS, assert_close, each, elements

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


# Band limits


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
