"""The laws of every representation of every group."""

import copy
import pickle

import pytest
import torch

from steer.group import cyclic, o2, o3, octahedral, rotation, so2, so3
from steer.representation import table
from tests.cases import (
    FINITE,
    GROUPS,
    assert_close,
    assert_far,
    assert_homomorphism,
    assert_orthogonal,
    average,
    each,
    elements,
    representations,
    seeded,
)


@each(GROUPS)
def test_homomorphism(case):
    g = elements(case.group, 5)
    for representation in representations(case).values():
        assert_homomorphism(representation, g)


@each(GROUPS)
def test_values_are_orthogonal_and_the_identity_goes_to_one(case):
    g = elements(case.group, 5)
    for representation in representations(case).values():
        values = representation(g)
        assert values.shape == (len(g), representation.dim, representation.dim)
        assert values.dtype == torch.float64
        assert_orthogonal(values)
        assert_close(representation(case.group.identity), torch.eye(representation.dim).double())


def test_a_map_that_is_no_representation_fails_the_law():
    """The negative control: the transpose of a representation of a group that does not commute."""
    g = octahedral().elements
    values = octahedral().standard(g).mT
    assert_far(values[octahedral().table], values[:, None] @ values[None])


@each(GROUPS)
def test_irreps_fill_the_representation_and_agree_with_characters(case):
    for representation in representations(case).values():
        irreps = representation.irreps
        assert sum(irrep.dim for irrep in irreps) == representation.dim
        assert sum(representation.multiplicities.values()) == len(irreps)
        g = elements(case.group, 5)
        assert_close(representation.character(g), sum(irrep.character(g) for irrep in irreps), 1e-11)


@each(GROUPS)
def test_the_degree_bounds_the_entries(case):
    """`rho` is a polynomial of its degree on every component: quadratures of that degree agree with finer ones."""
    for representation in representations(case).values():
        plain = average(case.group, representation.degree, representation)
        assert_close(plain, average(case.group, representation.degree + 3, representation))


@each(GROUPS)
def test_values_are_batched_and_keep_the_dtype(case):
    g = case.group.sample(4, seeded(0)).reshape(2, 2, case.group.d, case.group.d)
    for representation in representations(case).values():
        values = representation(g)
        assert values.shape == (2, 2, representation.dim, representation.dim)
        assert_close(values[1, 0], representation(g[1, 0]), 1e-14)
        single = representation(g.float())
        assert single.dtype == torch.float32
        assert_close(single.double(), values, 1e-4)
        assert representation.character(g).shape == (2, 2)
        assert representation(g[:0]).shape == (0, 2, representation.dim, representation.dim)


@each(GROUPS)
def test_copies_are_equal_values(case):
    for representation in representations(case).values():
        for other in (pickle.loads(pickle.dumps(representation)), copy.deepcopy(representation)):
            assert other == representation
            assert hash(other) == hash(representation)
            assert str(other) == str(representation)
        assert repr(representation) == f"<{representation} of {case.group}, dim {representation.dim}>"


@each(GROUPS)
def test_different_constructions_are_different_values(case):
    found = list(representations(case).values())
    assert len(set(found)) == len({(type(r), str(r)) for r in found})


@each(FINITE)
def test_the_table_lists_the_values(case):
    for representation in representations(case).values():
        assert_close(table(representation), representation(case.group.elements), 0.0)


def test_there_is_no_table_of_a_continuous_group():
    with pytest.raises(TypeError, match=r"table: a finite group is required; received so2\(\)"):
        table(so2().trivial)


def test_permutations():
    group = octahedral()
    subgroup = group.subgroup(rotation([0, 0, 1], torch.pi / 2))
    yes = [
        group.trivial,
        group.regular,
        group.quotient(subgroup),
        group.regular + group.trivial,
        group.quotient(subgroup) @ group.regular,
        group.regular.restrict(subgroup),
        subgroup.trivial.induce(group),
        so2().trivial + so2().trivial,
    ]
    no = [
        group.standard,
        group.irrep(1),
        group.irreps()[-1],
        group.regular + group.standard,
        subgroup.irreps()[-1].induce(group),
        so2().standard,
        o2().irrep("0o"),
        o3().irrep("0o") + o3().trivial,
    ]
    assert [r.is_permutation for r in yes] == [True] * len(yes)
    assert [r.is_permutation for r in no] == [False] * len(no)


def test_trivial_and_irreducible():
    group = octahedral()
    assert group.standard.is_irreducible
    assert not (group.standard + group.trivial).is_irreducible
    assert not group.regular.is_irreducible
    assert group.quotient(group).is_trivial
    assert not group.irreps()[-1].is_trivial
    assert not group.regular.is_trivial
    assert (o2().irrep("0o") @ o2().irrep("0o")).is_trivial


def test_operators_need_representations():
    with pytest.raises(TypeError):
        so2().standard + 1
    with pytest.raises(TypeError):
        so2().standard @ 1


def test_representations_of_two_groups_do_not_mix():
    with pytest.raises(
        ValueError, match=r"direct_sum: representations of one group are required; received so2\(\) and o2\(\)"
    ):
        so2().standard + o2().standard
    with pytest.raises(ValueError, match=r"a @ b: representations of one group are required; received so2\(\) and o2\(\)"):
        so2().standard @ o2().standard


@pytest.mark.parametrize("representation", [so3().irrep(2), octahedral().regular, cyclic(4, d=3).standard], ids=repr)
def test_wrong_shapes(representation):
    with pytest.raises(ValueError, match=r"elements of .* are required, \[\.\.\., 3, 3\]; received shape \(2, 2\)"):
        representation(torch.eye(2))


@pytest.mark.parametrize(
    "representation", [octahedral().regular, octahedral().irrep(2), octahedral().quotient(octahedral())]
)
def test_matrices_that_are_no_elements(representation):
    with pytest.raises(ValueError, match="an element"):
        representation(rotation([0, 0, 1], 0.3))


def test_integers_are_understood():
    assert octahedral().irrep(1)(torch.eye(3, dtype=torch.long)).dtype == torch.float64


def test_sampling_does_not_touch_the_global_stream():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    representations_of_all = [representations(case) for case in GROUPS[:20]]
    so3().sample(3, seeded(0))
    assert len(representations_of_all) == 20
    assert torch.equal(before, torch.get_rng_state())
