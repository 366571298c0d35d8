"""Continuous groups: algebra, components, membership, values."""

import copy
import math
import pickle

import pytest
import torch

from steer.group import (
    ContinuousGroup,
    conical,
    cyclic,
    cylindrical,
    dihedral,
    dihedral_axial,
    full_cylindrical,
    full_icosahedral,
    icosahedral,
    o2,
    o3,
    octahedral,
    planar_reflection,
    planar_rotation,
    rotation,
    so2,
    so3,
)
from tests.cases import CONTINUOUS, assert_close, assert_orthogonal, each, seeded


@each(CONTINUOUS)
def test_order_and_kind(case):
    assert case.group.order == math.inf
    assert not case.group.is_finite


@each(CONTINUOUS)
def test_the_algebra_is_antisymmetric_and_closed_under_commutators(case):
    algebra = case.group.algebra
    assert_close(algebra.mT, -algebra, 0.0)
    commutators = algebra[:, None] @ algebra[None] - algebra[None] @ algebra[:, None]
    basis = algebra.flatten(1)
    coefficients = commutators.flatten(2) @ torch.linalg.pinv(basis)
    assert_close(coefficients @ basis, commutators.flatten(2))


@each(CONTINUOUS)
def test_exponentials_components_generators_and_products_are_elements(case):
    group = case.group
    coefficients = torch.randn(5, len(group.algebra), dtype=torch.float64, generator=seeded(1))
    turns = torch.linalg.matrix_exp(torch.tensordot(coefficients, group.algebra, 1))
    products = turns[:, None] @ group.components
    for g in (turns, group.components, group.generators, products, products[0] @ products[1], products.mT):
        assert_orthogonal(g)
        assert bool(group.contains(g).all())


@each(CONTINUOUS)
def test_components_are_disjoint(case):
    group = case.group
    connected = ContinuousGroup(group.d, group.blocks, group.components[:1], "connected")
    assert_close(group.components[0], group.identity, 0.0)
    steps = group.components[:, None] @ group.components.mT[None]
    assert torch.equal(connected.contains(steps), torch.eye(len(steps), dtype=torch.bool))


@each(CONTINUOUS)
def test_samples_are_elements_and_follow_the_seed(case):
    group = case.group
    sample = group.sample(50, seeded(0))
    assert sample.shape == (50, group.d, group.d)
    assert_orthogonal(sample)
    assert bool(group.contains(sample).all())
    assert_close(group.sample(50, seeded(0)), sample, 0.0)
    assert not torch.equal(group.sample(50, seeded(1)), sample)


@each(CONTINUOUS)
def test_samples_are_uniform(case):
    """The mean of a nontrivial irrep is zero and of its squared character dim End, within five standard errors."""
    group, n = case.group, 1500
    sample = group.sample(n, seeded(0))
    for irrep in case.irreps[1:]:
        values = irrep(sample)
        assert float(values.mean(0).abs().max()) < 5 / n**0.5
        squares = irrep.character(sample) ** 2
        assert abs(float(squares.mean()) - irrep.endomorphisms) < 5 * float(squares.std()) / n**0.5 + 1e-9


def test_an_angle_that_is_not_uniform_fails_the_test_of_uniformity():
    angles = torch.rand(4000, dtype=torch.float64, generator=seeded(0)) ** 1.5 * 2 * math.pi
    assert float(torch.cos(angles).mean().abs()) > 5 / 4000**0.5


MEMBERS = [
    (so2(), planar_rotation(0.4), planar_reflection(0.4)),
    (o2(), planar_reflection(0.4), torch.eye(2).double() * 1.01),
    (so2(d=3), rotation([0, 0, 1], 0.4), rotation([1, 0, 0], 0.4)),
    (conical(), torch.diag(torch.tensor([1.0, -1.0, 1.0])), torch.diag(torch.tensor([1.0, 1.0, -1.0]))),
    (dihedral_axial(), rotation([1, 2, 0], math.pi), rotation([1, 2, 0.1], math.pi)),
    (cylindrical(), torch.diag(torch.tensor([1.0, 1.0, -1.0])), rotation([1, 2, 0], math.pi)),
    (full_cylindrical(), -torch.eye(3), rotation([1, 2, 0], math.pi / 2)),
    (so3(), rotation([1, 2, 3], 0.3), -torch.eye(3)),
    (o3(), -rotation([1, 2, 3], 0.3), torch.eye(3) + 1e-3),
]


@pytest.mark.parametrize(("group", "inside", "outside"), MEMBERS, ids=[str(m[0]) for m in MEMBERS])
def test_contains(group, inside, outside):
    assert group.contains(torch.stack([inside.double(), outside.double()])).tolist() == [True, False]
    assert bool(group.contains(inside.float()))
    assert group.contains(torch.eye(5)[None]).tolist() == [False]


def test_containment():
    assert cyclic(7) <= so2() <= o2()
    assert dihedral(5) <= o2()
    assert not dihedral(5) <= so2()
    assert not o2() <= so2()
    assert so2(d=3) <= conical() <= full_cylindrical() <= o3()
    assert so2(d=3) <= dihedral_axial() <= so3() <= o3()
    assert cylindrical() <= full_cylindrical()
    assert not conical() <= so3()
    assert icosahedral() <= so3()
    assert not full_icosahedral() <= so3()
    assert not so2() <= cyclic(8)
    assert not so3() <= octahedral()
    assert not so2() <= so3()
    assert so3().subgroup(octahedral()) == octahedral()


def test_a_subgroup_must_be_finite_or_a_group():
    with pytest.raises(ValueError, match="do not close"):
        so3().subgroup(rotation([0, 0, 1], 1.0))
    with pytest.raises(ValueError, match=r"subgroup: elements of so3\(\) are required"):
        so3().subgroup(-torch.eye(3))
    with pytest.raises(ValueError, match=r"subgroup: elements of so2\(\) are required; o2\(\) is not contained"):
        so2().subgroup(o2())


@each(CONTINUOUS)
def test_copies_are_equal_values(case):
    group = case.group
    for other in (pickle.loads(pickle.dumps(group)), copy.deepcopy(group)):
        assert other == group
        assert hash(other) == hash(group)
        assert repr(other) == str(other) == group.name
        assert_close(other.components, group.components, 0.0)


def test_different_groups_are_different():
    groups = [case.group for case in CONTINUOUS]
    different = [g for g in groups if str(g) not in {"so2() * reflection(1)", "o2() * reflection(1)"}]
    assert len(set(different)) == len(different)
    assert so2() != cyclic(4)
    assert so2() != "so2()"


def test_a_group_is_never_changed_through_its_tensors():
    group = o3()
    before = group.components
    for tensor in (group.components, group.algebra, group.generators, group.haar(2)[0], group.identity):
        tensor += 1.0
    assert_close(group.components, before, 0.0)
    assert_close(o3().algebra, so3().algebra, 0.0)
    assert float(o3().algebra.abs().max()) == 1.0


def test_generators_are_dense():
    """Powers of a turn by one radian come close to every turn."""
    turn = so2().generators[0]
    powers, g = [], so2().identity
    for _ in range(400):
        powers.append(g)
        g = g @ turn
    distance = torch.cdist(so2().sample(50, seeded(0)).flatten(1), torch.stack(powers).flatten(1)).amin(1)
    assert float(distance.max()) < 0.05
