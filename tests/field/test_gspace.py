"""GSpaces: a group and the grid on which it acts."""

import pickle

import pytest
import torch

from steer import gspaces
from steer.expansion import lattice
from steer.field import FieldType, GSpace
from steer.group import cyclic, dihedral, from_generators, icosahedral, octahedral, planar_reflection, so2, so3
from tests.cases import assert_close, build

SPACES = [
    gspaces.rot2dOnR2(8),
    gspaces.flipRot2dOnR2(6),
    gspaces.flipRot2dOnR2(-1),
    gspaces.icoOnR3(),
    gspaces.rot3dOnR3(),
    gspaces.on(dihedral(6), "hexagonal"),
    gspaces.on(octahedral(), spacing=(2.0, 1.0, 1.0)),
    gspaces.flipOnR1(),
    gspaces.no_base_space(so3()),
    gspaces.no_base_space(build("quaternion_group()")),
]
each_space = pytest.mark.parametrize("space", SPACES, ids=str)


@each_space
def test_spaces_are_values(space):
    copy = pickle.loads(pickle.dumps(space))
    assert copy == space
    assert hash(copy) == hash(space)
    assert copy == GSpace(space.fibergroup, space.lattice)


def test_different_spaces_are_different():
    assert len(set(SPACES)) == len(SPACES)
    assert gspaces.on(dihedral(6)) != gspaces.on(dihedral(6), "hexagonal")
    assert gspaces.on(dihedral(6), spacing=2.0) != gspaces.on(dihedral(6))


@each_space
def test_representations_come_from_the_group(space):
    group = space.fibergroup
    assert space.trivial_repr == group.trivial
    assert space.standard_repr == group.standard
    assert space.irrep(group.trivial.label) == group.trivial
    assert space.type("trivial") == FieldType(space, [group.trivial])
    if group.is_finite:
        assert space.regular_repr == group.regular
        assert space.fourier_repr(99).multiplicities == group.regular.multiplicities
    else:
        with pytest.raises(ValueError, match="regular: a finite group is required"):
            _ = space.regular_repr


@each_space
def test_exact_symmetries_are_shared_with_the_grid(space):
    exact = space.exact_group
    assert exact <= space.fibergroup
    if space.lattice is not None:
        assert exact <= space.lattice.point_group


def test_orders_of_exact_groups():
    orders = [space.exact_group.order for space in SPACES]
    assert orders == [4, 4, 8, 12, 24, 12, 8, 2, 1, 8]


@each_space
def test_testing_elements_are_elements_with_the_exact_ones_first(space):
    found = torch.stack(space.testing_elements)
    assert bool(space.fibergroup.contains(found).all())
    if space.lattice is not None:
        n = space.exact_group.order
        assert bool(space.exact_group.contains(found[:n]).all())
        assert not bool(space.lattice.point_group.contains(found[n:]).any()) or not space.fibergroup.is_finite
    if space.fibergroup.is_finite:
        assert len(found) == space.fibergroup.order
        assert sorted(space.fibergroup.index(found).tolist()) == list(range(space.fibergroup.order))
    else:
        assert len(found) > 8
    assert_close(torch.stack(space.testing_elements), found, 0.0)


def test_quotients_by_number_group_and_matrices():
    space = gspaces.flipRot2dOnR2(6)
    group = space.fibergroup
    assert space.quotient_repr(3).dim == 4
    assert space.quotient_repr(3) == group.quotient(cyclic(3))
    assert space.quotient_repr(cyclic(3)) == group.quotient(cyclic(3))
    assert space.quotient_repr(group.generators[1]).dim == 6
    assert space.quotient_repr(1).dim == 12
    assert gspaces.octaOnR3().quotient_repr(octahedral().elements[1]).dim == 6
    with pytest.raises(
        ValueError, match=r"a group or matrices are required for octahedral\(\); received 2, and turns have many axes"
    ):
        gspaces.octaOnR3().quotient_repr(2)
    with pytest.raises(ValueError, match="subgroup: elements of"):
        space.quotient_repr(4)


def test_irreps_by_label_and_numbers():
    assert gspaces.rot2dOnR2(-1).irrep(3).label == "3"
    assert gspaces.flipRot2dOnR2(-1).irrep(1, 2).label == "2"
    assert gspaces.flipRot3dOnR3().irrep("1o").dim == 3


def test_restriction():
    space = gspaces.on(dihedral(8), spacing=0.5)
    small = space.restrict(cyclic(4))
    assert small == gspaces.on(cyclic(4), spacing=0.5)
    assert gspaces.rot3dOnR3().restrict(icosahedral()) == gspaces.icoOnR3()
    with pytest.raises(ValueError, match=r"subgroup: elements of dihedral\(8\) are required; cyclic\(3\) is not contained"):
        space.restrict(cyclic(3))


def test_a_group_of_ones_own():
    space = gspaces.on(from_generators([planar_reflection(torch.pi / 4)]))
    assert space.exact_group.order == 2
    assert space.dimensionality == 2


def test_dimensionality_and_strings():
    assert [space.dimensionality for space in SPACES] == [2, 2, 2, 3, 3, 2, 3, 1, 0, 0]
    assert str(SPACES[0]) == "cyclic(8) on square"
    assert str(SPACES[5]) == "dihedral(6) on hexagonal"
    assert str(SPACES[8]) == "so3() on a point"
    assert str(gspaces.on(so2(), spacing=0.5)) == "so2() on square(spacing=(0.5, 0.5))"
    assert SPACES[0].lattice == lattice("square", 2)


@each_space
def test_the_default_device_does_not_matter(space):
    elements, exact = torch.stack(space.testing_elements), space.exact_group
    kind = space.type(space.standard_repr, "trivial")
    x = torch.ones(1, kind.size, *[3] * space.dimensionality, dtype=torch.float64)
    expected = [kind.transform(x, g) for g in elements[-3:]]
    with torch.device("meta"):
        assert torch.equal(torch.stack(space.testing_elements), elements)
        assert space.exact_group == exact
        assert all(torch.equal(kind.transform(x, g), e) for g, e in zip(elements[-3:], expected, strict=True))


def test_a_type_of_at_most_so_many_channels():
    plane = gspaces.rot2dOnR2(-1)
    assert plane.type("0 + 1 + 2", channels=64) == plane.type("12x0 + 12x1 + 12x2")
    assert gspaces.rot2dOnR2(8).type("regular", channels=64) == gspaces.rot2dOnR2(8).type("8xregular")
    assert plane.type("2x0 + 1", channels=4).size == 4
    with pytest.raises(ValueError, match="type: at least 5 channels are required for 0 [+] 1 [+] 2 .*; received 4"):
        plane.type("0 + 1 + 2", channels=4)
    with pytest.raises(ValueError, match="received 8.0"):
        plane.type("0", channels=8.0)
