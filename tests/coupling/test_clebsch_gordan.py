"""Clebsch-Gordan coefficients: law, count, closed forms, an independent table."""

from itertools import product

import pytest
import torch
from sympy import Integer
from sympy.physics.wigner import clebsch_gordan as sympy_clebsch_gordan

from steer.coupling import clebsch_gordan, intertwiners, planar_clebsch_gordan, so3_clebsch_gordan
from steer.group import o2, o3, octahedral, so2, so3
from steer.representation import canonicalise
from tests.cases import (
    GROUPS,
    assert_close,
    assert_far,
    assert_intertwiner,
    assert_orthonormal,
    average,
    each,
    elements,
    named,
    random_orthogonal,
)


def triples(case, most=30):
    """Every triple of irreps of a small group, every so-many-th of a large one."""
    found = list(product(case.irreps, repeat=3))
    return found[:: max(1, len(found) // most)]


@each(GROUPS)
def test_law_count_and_orthonormality(case):
    """`c(g) C = C (a(g) x b(g))`; the multiplicity of c in a x b times the dimension of its commutant."""
    g = elements(case.group, 3, seed=1)
    for a, b, c in triples(case):
        coefficients = clebsch_gordan(a, b, c)
        degree = a.degree + b.degree + c.degree
        count = average(case.group, degree, lambda h, a=a, b=b, c=c: a.character(h) * b.character(h) * c.character(h))
        assert coefficients.shape == (round(float(count)), c.dim, a.dim, b.dim)
        assert_intertwiner(coefficients.flatten(2), a @ b, c, g)
        assert_orthonormal(coefficients)


@each(
    named(
        "cyclic(5)",
        "dihedral(6)",
        "octahedral()",
        "conjugated(icosahedral(), 8)",
        "quaternion_group()",
        "so2()",
        "o2()",
        "o3()",
    )
)
def test_the_gauge_is_canonical(case):
    for a, b, c in triples(case):
        rows = clebsch_gordan(a, b, c).flatten(1)
        if len(rows):
            assert_close(canonicalise(random_orthogonal(len(rows), 3) @ rows), rows)


@each(named("dihedral(6)", "octahedral()", "conjugated(octahedral(), 6)", "binary_tetrahedral()", "icosahedral()"))
def test_a_product_of_irreps_is_filled(case):
    """Over all c, multiplicity times dimension is the dimension of the product."""
    for a, b in product(case.irreps, repeat=2):
        found = {c: len(clebsch_gordan(a, b, c)) // c.endomorphisms for c in case.irreps}
        assert sum(c.dim * n for c, n in found.items()) == a.dim * b.dim
        assert found == {c: (a @ b).multiplicities.get(c, 0) for c in case.irreps}


@pytest.mark.parametrize("group", [so3(), o3(), so2(), o2()], ids=str)
def test_closed_forms_equal_the_solver(group):
    for a, b, c in product(group.irreps(2 if group == o3() else 3), repeat=3):
        solved = intertwiners(a @ b, c).reshape(-1, c.dim, a.dim, b.dim)
        assert_close(clebsch_gordan(a, b, c), solved)


def test_planar_coefficients_of_high_frequency():
    for group in (so2(), o2()):
        a, b, c = group.irrep(9), group.irrep(4), group.irrep(5)
        assert_close(planar_clebsch_gordan(a, b, c), intertwiners(a @ b, c).reshape(-1, 2, 2, 2))


@pytest.mark.parametrize(("l1", "l2", "l3"), [(12, 12, 12), (10, 3, 8), (12, 1, 11), (7, 7, 0), (16, 16, 20)])
def test_high_degrees(l1, l2, l3):
    a, b, c = (so3().irrep(l) for l in (l1, l2, l3))
    coefficients = so3_clebsch_gordan(l1, l2, l3)[None]
    assert_intertwiner(coefficients.flatten(2), a @ b, c, elements(so3(), 2))
    assert_orthonormal(coefficients)


def real_from_complex(degree):
    """Real harmonics as combinations of complex ones with the Condon-Shortley phase, m = -l .. l, written anew."""
    u = torch.zeros(2 * degree + 1, 2 * degree + 1, dtype=torch.complex128)
    for m in range(-degree, degree + 1):
        if m == 0:
            u[degree, degree] = 1
        elif m > 0:
            u[degree + m, degree - m] = 0.5**0.5
            u[degree + m, degree + m] = (-1) ** m * 0.5**0.5
        else:
            u[degree + m, degree + m] = 1j * 0.5**0.5
            u[degree + m, degree - m] = -1j * (-1) ** m * 0.5**0.5
    return u


SMALL = 3  # degrees of the factors in the fast tests; all tables to degree 6 are compared in the slow ones
PAIRS = [
    pytest.param(l1, l2, marks=[] if max(l1, l2) <= SMALL else pytest.mark.slow) for l1, l2 in product(range(7), repeat=2)
]


@pytest.mark.parametrize(("l1", "l2"), PAIRS)
def test_sympy_has_the_same_coefficients(l1, l2):
    """`<l1 m1 l2 m2 | l3 m3>` of an independent library, in the real basis, up to the sign that the gauge fixes."""
    for l3 in range(abs(l1 - l2), min(l1 + l2, 6) + 1):
        table = torch.zeros(2 * l3 + 1, 2 * l1 + 1, 2 * l2 + 1, dtype=torch.complex128)
        for m1, m2 in product(range(-l1, l1 + 1), range(-l2, l2 + 1)):
            if abs(m1 + m2) <= l3:
                value = sympy_clebsch_gordan(*map(Integer, (l1, l2, l3, m1, m2, m1 + m2)))
                table[m1 + m2 + l3, m1 + l1, m2 + l2] = float(value)
        u1, u2, u3 = map(real_from_complex, (l1, l2, l3))
        expected = torch.einsum("cM,Mab,xa,yb->cxy", u3, table, u1.conj(), u2.conj())
        expected = expected.real if (l1 + l2 + l3) % 2 == 0 else expected.imag
        expected = expected / expected.norm()
        ours = clebsch_gordan(so3().irrep(l1), so3().irrep(l2), so3().irrep(l3))[0]
        assert_close(ours * (ours * expected).sum().sign(), expected)


def test_well_known_couplings():
    """A scalar product, a cross product, and the symmetric traceless square of vectors (x, y, z)."""
    scalar = so3_clebsch_gordan(1, 1, 0)[0]
    assert_close(scalar, torch.eye(3).double() / 3**0.5)
    cross = so3_clebsch_gordan(1, 1, 1)
    for (i, j, k), sign in {(0, 1, 2): 1, (1, 2, 0): 1, (2, 0, 1): 1, (0, 2, 1): -1, (2, 1, 0): -1, (1, 0, 2): -1}.items():
        assert abs(float(cross[i, j, k]) - sign / 6**0.5) < 1e-12
    assert int((cross.abs() > 1e-9).sum()) == 6
    square = so3_clebsch_gordan(1, 1, 2)
    assert_close(square, square.transpose(1, 2))
    assert_close(square.diagonal(dim1=1, dim2=2).sum(1), torch.zeros(5).double())
    assert float(square[0, 0, 2]) > 0  # sqrt(3) x z comes first


def test_parity_of_o3_is_conserved():
    for a, b, c in product(o3().irreps(2), repeat=3):
        allowed = abs(a.degree - b.degree) <= c.degree <= a.degree + b.degree
        allowed &= (a.label[-1] == "o") ^ (b.label[-1] == "o") ^ (c.label[-1] == "e")
        assert len(clebsch_gordan(a, b, c)) == int(allowed)


def test_selection_rules_of_so3():
    for l1, l2, l3 in product(range(4), repeat=3):
        found = clebsch_gordan(so3().irrep(l1), so3().irrep(l2), so3().irrep(l3))
        assert len(found) == int(abs(l1 - l2) <= l3 <= l1 + l2)


def test_swapped_factors_are_no_coupling():
    """The negative control: (1 x 2) in place of (2 x 1)."""
    a, b, c = so3().irrep(1), so3().irrep(2), so3().irrep(2)
    wrong = clebsch_gordan(a, b, c).transpose(2, 3).flatten(2)
    g = elements(so3(), 3)
    assert_far(c(g)[:, None] @ wrong, wrong @ (a @ b)(g)[:, None])


def test_three_groups():
    with pytest.raises(
        ValueError, match=r"clebsch_gordan: irreps of one group are required; received so3\(\), o3\(\), so3\(\)"
    ):
        clebsch_gordan(so3().irrep(1), o3().irrep("1o"), so3().irrep(1))
    with pytest.raises(ValueError, match="irreps of one group are required"):
        clebsch_gordan(octahedral().trivial, octahedral().trivial, so3().trivial)
