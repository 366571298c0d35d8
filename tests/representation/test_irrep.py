"""Irreps: Schur's relations, completeness, types, and what cannot be named."""

import pytest
import torch

from steer.group import cyclic, dihedral, full_cylindrical, o2, o3, octahedral, so2, so3
from steer.representation import irrep, irreps, trivial
from tests.cases import FINITE, GROUPS, assert_close, average, each, elements


@each(GROUPS)
def test_characters_are_orthogonal(case):
    """`mean chi_a chi_b` is dim End(a) if a = b and 0 otherwise."""
    degree = 2 * max(i.degree for i in case.irreps)

    def characters(g):
        return torch.stack([i.character(g) for i in case.irreps], -1)

    gram = average(case.group, degree, lambda g: characters(g)[:, :, None] * characters(g)[:, None])
    assert_close(gram, torch.diag(torch.tensor([float(i.endomorphisms) for i in case.irreps])).double(), 1e-11)


@each(GROUPS)
def test_matrix_elements_are_orthogonal(case):
    """`mean rho_ij rho_kl` projects on the commutant: for real type it is delta_ik delta_jl / dim."""
    for i in case.irreps:
        mean = average(case.group, 2 * i.degree, lambda g, i=i: torch.einsum("gij,gkl->gikjl", i(g), i(g)))
        mean = mean.reshape(i.dim**2, i.dim**2)
        assert_close(mean @ mean, mean)
        assert_close(mean.trace(), torch.tensor(float(i.endomorphisms)).double())
        if i.endomorphisms == 1:
            unit = torch.eye(i.dim).double().flatten()
            assert_close(mean, torch.outer(unit, unit) / i.dim)


@each(FINITE)
def test_the_irreps_are_complete(case):
    """Sum of dim^2 / dim End is the order; there is one irrep for each pair of inverse classes."""
    assert sum(i.dim**2 / i.endomorphisms for i in case.irreps) == case.order
    group = case.group
    where = {g: k for k, members in enumerate(group.classes) for g in members}
    pairs = {frozenset([k, where[int(group.inverses[members[0]])]]) for k, members in enumerate(group.classes)}
    assert len(case.irreps) == len(pairs)


@each(GROUPS)
def test_the_type_is_the_frobenius_schur_indicator(case):
    """`mean chi(g^2)` is 1, 0, -2 for real, complex, quaternionic type."""
    for i in case.irreps:
        indicator = average(case.group, 2 * i.degree, lambda g, i=i: i.character(g @ g))
        assert_close(indicator, torch.tensor({1: 1.0, 2: 0.0, 4: -2.0}[i.endomorphisms]).double(), 1e-11)


@each(GROUPS)
def test_the_first_irrep_is_trivial_and_labels_name_irreps(case):
    g = elements(case.group)
    assert trivial(case.group) == case.irreps[0]
    assert_close(case.irreps[0](g), torch.ones(len(g), 1, 1).double(), 0.0)
    assert [i.is_trivial for i in case.irreps] == [True] + [False] * (len(case.irreps) - 1)
    for i in case.irreps:
        assert irrep(case.group, i.label) == i == irrep(case.group, i)
        assert str(i) == i.label
        assert i.irreps == (i,)
        assert i.is_irreducible


@each(GROUPS)
def test_the_standard_representation_is_found_at_degree_one(case):
    assert all(i.degree <= 1 for i in case.group.standard.irreps)


@each(GROUPS)
def test_irreps_upto_a_degree_are_a_prefix_of_the_degrees(case):
    for degree in range(3):
        found = irreps(case.group, degree)
        assert all(i.degree <= degree for i in found)
        assert set(found) == {i for i in irreps(case.group, degree + 2) if i.degree <= degree}


def test_quaternionic_and_complex_types_occur():
    types = {i.endomorphisms for case in FINITE for i in case.irreps}
    assert types == {1, 2, 4}


@pytest.mark.parametrize(
    ("group", "label", "message"),
    [
        (so2(), "x", r'so2\(\) names its irreps by a frequency \("0", "1", ...\); received \'x\''),
        (o2(), "0", r'o2\(\) names its irreps by a frequency \("0e", "0o", "1", "2", ...\)'),
        (full_cylindrical(), "1", r'the sign of the axis, "\+" or "-"; received'),
        (so3(), -1, r'so3\(\) names its irreps by a degree without parity \("0", "1", "2", ...\); received -1'),
        (o3(), "2", r'o3\(\) names its irreps by a degree and a parity \("0e", "1o", "2e", ...\); received \'2\''),
        (cyclic(6), 4, r"received 4; it has 0, 1, 2, 3"),
        (dihedral(4), "2", r"received '2'; it has 0e, 0o, 1, 2e, 2o"),
        (octahedral(), 5, r"the position in group.irreps\(\) .* received 5; it has 0, 1, 2, 3, 4"),
        (octahedral(), "T1", r"received 'T1'; it has 0, 1, 2, 3, 4"),
        (octahedral(), 1.0, r"received 1.0"),
        (octahedral(), None, r"received None"),
        (octahedral(), True, r"received True"),
    ],
)
def test_irreps_that_do_not_exist(group, label, message):
    with pytest.raises(ValueError, match=message):
        irrep(group, label)


def test_no_label():
    with pytest.raises(ValueError, match=r"received \(\)"):
        irrep(so2())
    with pytest.raises(ValueError, match=r"received \(1, 2, 3\)"):
        irrep(o2(), 1, 2, 3)


def test_an_irrep_of_another_group_is_no_label():
    with pytest.raises(ValueError, match="names its irreps by"):
        irrep(so2(), o2().irrep(1))


@pytest.mark.parametrize("degree", [-1, 1.5, "2"])
def test_bad_degrees(degree):
    with pytest.raises(ValueError, match=r"irreps\(max_degree\): a whole number >= 0 is required; received"):
        irreps(so3(), degree)


@pytest.mark.parametrize("group", [so2(), o2(), so3(), o3(), so2() * so2()], ids=str)
def test_a_continuous_group_needs_a_degree(group):
    with pytest.raises(ValueError, match="a continuous group has infinitely many irreps; say up to which"):
        irreps(group)
