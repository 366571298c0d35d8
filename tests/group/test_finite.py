"""Finite groups: what follows from the multiplication table, and values."""

import copy
import pickle

import pytest
import torch

from steer.coupling import intertwiners
from steer.group import (
    cyclic,
    dihedral,
    from_generators,
    full_cylindrical,
    full_octahedral,
    icosahedral,
    inversion,
    octahedral,
    planar_rotation,
    rotation,
    so3,
    tetrahedral,
    trivial,
)
from tests.cases import FINITE, assert_close, assert_far, build, each, named, seeded

CLASS_SIZES = {
    "cyclic(5)": [1, 1, 1, 1, 1],
    "dihedral(3)": [1, 2, 3],
    "dihedral(4)": [1, 1, 2, 2, 2],
    "dihedral(6)": [1, 1, 2, 2, 3, 3],
    "quaternion_group()": [1, 1, 2, 2, 2],
    "binary_tetrahedral()": [1, 1, 4, 4, 4, 4, 6],
    "klein()": [1, 1, 1, 1],
    "tetrahedral()": [1, 3, 4, 4],
    "pyritohedral()": [1, 1, 3, 3, 4, 4, 4, 4],
    "full_tetrahedral()": [1, 3, 6, 6, 8],
    "octahedral()": [1, 3, 6, 6, 8],
    "conjugated(octahedral(), 6)": [1, 3, 6, 6, 8],
    "full_octahedral()": [1, 1, 3, 3, 6, 6, 6, 6, 8, 8],
    "icosahedral()": [1, 12, 12, 15, 20],
    "conjugated(icosahedral(), 8)": [1, 12, 12, 15, 20],
    "full_icosahedral()": [1, 1, 12, 12, 12, 12, 15, 15, 20, 20],
}

SUBGROUPS = {
    "trivial(2)": 1,
    "cyclic(8)": 4,
    "cyclic(4) * cyclic(3)": 6,
    "klein()": 5,
    "dihedral(3)": 6,
    "dihedral(4)": 10,
    "dihedral(6)": 16,
    "quaternion_group()": 6,
    "binary_tetrahedral()": 15,
    "tetrahedral()": 10,
    "pyritohedral()": 26,
    "full_tetrahedral()": 30,
    "octahedral()": 30,
    "conjugated(octahedral(), 6)": 30,
    "full_octahedral()": 98,
    "icosahedral()": 59,
    "full_icosahedral()": 164,
}
"""S4 has 30 subgroups, A4 10, A5 59, A4 x C2 26, S4 x C2 98, A5 x C2 164, SL(2, 3) 15."""


@each(FINITE)
def test_the_table_is_a_latin_square_with_inverses(case):
    group = case.group
    everything = torch.arange(group.order)
    assert torch.equal(group.table.sort(0).values, everything[:, None].expand_as(group.table))
    assert torch.equal(group.table.sort(1).values, everything.expand_as(group.table))
    assert torch.equal(group.table[0], everything)
    assert bool((group.table[everything, group.inverses] == 0).all())


@each(FINITE)
def test_the_table_is_associative(case):
    table = case.group.table
    a, b, c = torch.randint(case.group.order, (3, 200), generator=seeded(1))
    assert torch.equal(table[table[a, b], c], table[a, table[b, c]])


@each(FINITE)
def test_classes_partition_the_group_and_are_closed_under_conjugation(case):
    group = case.group
    assert sorted(i for members in group.classes for i in members) == list(range(group.order))
    assert [members[0] for members in group.classes] == sorted(members[0] for members in group.classes)
    for members in group.classes:
        turned = group.table[group.table[:, list(members)], group.inverses[:, None]]
        assert set(turned.flatten().tolist()) == set(members)


@pytest.mark.parametrize(("text", "sizes"), CLASS_SIZES.items())
def test_class_sizes(text, sizes):
    assert sorted(map(len, build(text).classes)) == sizes


@pytest.mark.parametrize(("text", "count"), SUBGROUPS.items())
def test_number_of_subgroups(text, count):
    group = build(text)
    subgroups = group.subgroups()
    assert len(subgroups) == count
    assert len({frozenset(group.index(h.elements).tolist()) for h in subgroups}) == count
    assert [h.order for h in subgroups] == sorted(h.order for h in subgroups)
    assert subgroups[0].order == 1
    assert subgroups[-1].order == group.order


@each(named("dihedral(4)", "quaternion_group()", "octahedral()", "conjugated(icosahedral(), 8)"))
def test_subgroups_are_groups_whose_order_divides(case):
    for subgroup in case.group.subgroups():
        assert subgroup <= case.group
        assert case.group.order % subgroup.order == 0
        products = subgroup.elements[:, None] @ subgroup.elements[None]
        assert bool(subgroup.contains(products).all())


@each(named("dihedral(6)", "tetrahedral()", "conjugated(octahedral(), 6)", "binary_tetrahedral()"))
@pytest.mark.parametrize("side", ["left", "right"])
def test_cosets_partition_the_group(case, side):
    group = case.group
    for subgroup in (group.subgroup(group.generators[0]), group.subgroups()[0], group.subgroups()[-1]):
        cosets = group.cosets(subgroup, side)
        assert cosets.shape == (group.order // subgroup.order, subgroup.order)
        assert sorted(cosets.flatten().tolist()) == list(range(group.order))
        assert torch.equal(cosets[:, 0], cosets.min(1).values)
        assert torch.equal(cosets[:, 0], cosets[:, 0].sort().values)
        for members in group.elements[cosets]:
            steps = members[0].mT @ members if side == "left" else members @ members[0].mT
            assert bool(subgroup.contains(steps).all())


def test_left_and_right_cosets_differ_unless_the_subgroup_is_normal():
    group = octahedral()
    turns = group.subgroup(rotation([0, 0, 1], torch.pi / 2))
    assert not torch.equal(group.cosets(turns, "left"), group.cosets(turns, "right"))
    normal = group.subgroup(tetrahedral())
    assert torch.equal(group.cosets(normal, "left"), group.cosets(normal, "right"))


def test_cosets_of_something_else():
    with pytest.raises(ValueError, match=r"cosets: a subgroup of tetrahedral\(\) is required; received octahedral\(\)"):
        tetrahedral().cosets(octahedral())
    with pytest.raises(ValueError, match=r'side: "left" or "right" is required; received \'up\''):
        octahedral().cosets(tetrahedral(), "up")


@each(FINITE)
def test_index_and_contains_agree_with_the_list(case):
    group = case.group
    assert torch.equal(group.index(group.elements), torch.arange(group.order))
    assert torch.equal(group.index(group.elements.float()), torch.arange(group.order))
    assert bool(group.contains(group.elements).all())
    assert group.index(group.elements[None, :, None]).shape == (1, group.order, 1)
    if group.d > 1:
        outside = build("conjugated(cyclic(7), 1)").elements[1] if group.d == 2 else group.elements[-1].clone()
        outside = outside if group.d == 2 else outside + 1e-3
        assert bool(group.contains(outside)) == (group == build("conjugated(cyclic(7), 1)"))


def test_contains_says_no():
    group = octahedral()
    assert not bool(group.contains(rotation([0, 0, 1], 0.1)))
    assert group.contains(torch.eye(2)[None]).tolist() == [False]
    assert group.contains(-group.elements).tolist() == [False] * 24
    assert group.contains(group.elements[:0]).shape == group.index(group.elements[:0]).shape == (0,)


def test_index_of_something_else():
    with pytest.raises(ValueError, match=r"cyclic\(4\): an element is required; .*differs from every element by at least"):
        cyclic(4).index(planar_rotation(0.3))
    with pytest.raises(ValueError, match=r"matrices \[\.\.\., 2, 2\] are required; received shape \(3, 3\)"):
        cyclic(4).index(torch.eye(3))


@each(FINITE)
def test_haar_measure_and_samples(case):
    group = case.group
    points, weights = group.haar(3)
    assert_close(points, group.elements, 0.0)
    assert_close(weights.sum(), torch.tensor(1.0, dtype=torch.float64))
    sample = group.sample(40, seeded(3))
    assert sample.shape == (40, group.d, group.d)
    assert bool(group.contains(sample).all())
    assert_close(group.sample(40, seeded(3)), sample, 0.0)


@each(FINITE)
def test_a_finite_group_is_discrete(case):
    group = case.group
    assert group.is_finite
    assert group.algebra.shape == (0, group.d, group.d)
    assert_close(group.components, group.elements, 0.0)


def test_samples_are_uniform():
    group = octahedral()
    counts = group.index(group.sample(24000, seeded(0))).bincount(minlength=24)
    assert float(((counts - 1000.0) ** 2 / 1000).sum()) < 60  # chi-square, 23 degrees of freedom: p = 4e-5


@each(FINITE)
def test_copies_are_equal_values(case):
    group = case.group
    for other in (pickle.loads(pickle.dumps(group)), copy.deepcopy(group), copy.copy(group)):
        assert other == group
        assert hash(other) == hash(group)
        assert repr(other) == str(other) == group.name
        assert torch.equal(other.elements, group.elements)
        assert torch.equal(other.generators, group.generators)


def test_equality_means_same_matrices_in_the_same_order():
    group = dihedral(4)
    same = from_generators(group.generators)
    assert same == group
    assert hash(same) == hash(group)
    reordered = from_generators(group.generators.flip(0))
    assert reordered != group
    assert reordered <= group <= reordered
    assert cyclic(4) != cyclic(4, d=3)
    assert cyclic(4) != dihedral(2)
    assert cyclic(4) != "cyclic(4)"
    assert len({cyclic(4), from_generators(cyclic(4).generators), dihedral(2)}) == 2


def test_a_rounded_group_is_another_value():
    """Equal groups share cached bases, so groups that differ by single precision must not be equal: laws hold to 1e-12."""
    fine = build("conjugated(octahedral(), 6)")
    rough = from_generators(list(fine.generators.float()))
    assert rough != fine
    assert rough <= fine <= rough
    for group in (fine, rough):
        maps = intertwiners(group.standard, group.irrep(1))
        g = group.elements
        assert_close(group.irrep(1)(g)[:, None] @ maps, maps @ group.standard(g)[:, None])


def test_containment_is_a_partial_order():
    assert cyclic(2) <= cyclic(4) <= cyclic(8) <= dihedral(8)
    assert tetrahedral() <= octahedral() <= full_octahedral()
    assert tetrahedral() <= icosahedral()
    assert not octahedral() <= icosahedral()
    assert not dihedral(4) <= cyclic(8)
    assert not cyclic(3) <= cyclic(8)
    assert not cyclic(4) <= octahedral()
    assert not octahedral() <= cyclic(4, d=3)


def test_a_group_is_never_changed_through_its_tensors():
    group = dihedral(3)
    before = group.elements
    for tensor in (group.elements, group.generators, group.components, group.haar(1)[0]):
        tensor += 1.0
    assert torch.equal(group.elements, before)
    assert bool(group.contains(group.generators).all())


def test_subgroups_from_matrices_and_groups():
    group = full_octahedral()
    assert group.subgroup(rotation([0, 0, 1], torch.pi / 2)).order == 4
    assert group.subgroup(group.elements[:1]).order == 1
    assert group.subgroup().order == 1
    assert group.subgroup(*octahedral().generators) <= octahedral()
    assert group.subgroup(inversion()) == inversion()


def test_subgroups_that_are_not_contained():
    with pytest.raises(ValueError, match=r"subgroup: elements of cyclic\(8\) are required; dihedral\(4\) is not contained"):
        cyclic(8).subgroup(dihedral(4))
    with pytest.raises(ValueError, match=r"subgroup: elements of octahedral\(\) are required"):
        octahedral().subgroup(-torch.eye(3))
    with pytest.raises(ValueError, match=r"subgroup: elements of .* so3\(\) is not contained"):
        octahedral().subgroup(so3())


def test_intersections():
    assert dihedral(4).intersection(dihedral(6)).order == 4
    assert octahedral().intersection(icosahedral()) <= tetrahedral()
    assert so3().intersection(full_octahedral()).order == 24
    assert cyclic(5).intersection(cyclic(3)) == trivial(2)


def test_intersections_have_few_generators():
    """They generate the whole group, and none of them is generated by those before it."""
    for group in (
        full_octahedral().intersection(full_octahedral()),
        full_cylindrical().intersection(full_octahedral()),
        dihedral(4).intersection(dihedral(6)),
        cyclic(5).intersection(cyclic(3)),
        cyclic(1200).intersection(cyclic(2400)),
    ):
        top = group.order
        assert from_generators(group.generators, max_order=top).order == top
        assert 2 ** len(group.generators) <= max(2, group.order)
        assert group == from_generators(group.elements, max_order=top)


@each(named("trivial(2)", "dihedral(6)", "octahedral()", "quaternion_group()"))
def test_few_generators_leave_the_elements_alone(case):
    few = case.group.with_few_generators()
    assert torch.equal(few.elements, case.group.elements)
    assert from_generators(few.generators).order == case.order
    assert str(few) == str(case.group)


def test_subgroups_of_large_groups():
    assert cyclic(2000).subgroup(cyclic(2000).elements[1]).order == 2000


def test_negative_control_of_closure():
    """A set of matrices that is not a group violates the law that the tests above assert."""
    broken = octahedral().elements.clone()
    broken[5] = rotation([0, 0, 1], 0.3)
    assert_far(broken[octahedral().table], broken[:, None] @ broken[None])
