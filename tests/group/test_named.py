"""The named groups are what their names say."""

import math

import pytest
import torch

from steer.group import (
    FiniteGroup,
    conical,
    cyclic,
    cylindrical,
    dihedral,
    full_cylindrical,
    full_icosahedral,
    full_octahedral,
    full_tetrahedral,
    icosahedral,
    inversion,
    klein,
    mirror,
    octahedral,
    planar_reflection,
    planar_rotation,
    pyritohedral,
    reflection,
    tetrahedral,
    trivial,
)
from tests.cases import GROUPS, NAMED, assert_close, build, each


@pytest.mark.parametrize(("make", "order"), [(conical, 1200), (cylindrical, 1200), (full_cylindrical, 2400)])
def test_axial_groups_of_any_order(make, order):
    assert make(600).order == order


@each(GROUPS)
def test_order_and_name(case):
    assert case.group.order == case.order
    assert str(case.group) == repr(case.group) == case.group.name


@each(NAMED)
def test_a_named_group_prints_as_what_makes_it(case):
    assert str(case.group) == case.text
    assert build(str(case.group)) == case.group


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_cyclic_elements_turn_by_their_number(n):
    for k, g in enumerate(cyclic(n).elements):
        assert_close(g, planar_rotation(2 * math.pi * k / n), 1e-15)
    for k, g in enumerate(cyclic(n, d=3).elements):
        assert_close(g, torch.block_diag(planar_rotation(2 * math.pi * k / n), torch.ones(1, 1)), 1e-15)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("axis", [0.0, math.pi / 2, 0.3])
def test_dihedral_elements_turn_and_flip_first(n, axis):
    group = dihedral(n, axis=axis)
    assert_close(group.elements[:n], cyclic(n).elements, 1e-15)
    assert_close(group.elements[n:], cyclic(n).elements @ planar_reflection(axis), 1e-15)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_dihedral_in_space_consists_of_rotations(n):
    elements = dihedral(n, d=3).elements
    assert_close(torch.linalg.det(elements), torch.ones(2 * n).double())
    assert_close(elements[:, 2, 2], torch.tensor([1.0] * n + [-1.0] * n).double())


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_axial_groups(n):
    """Schoenflies C_nv, C_nh, D_nh: orders, and what happens to the axis."""
    z = torch.tensor([0.0, 0.0, 1.0]).double()
    assert conical(n).order == 2 * n
    assert_close(conical(n).elements @ z, z.expand(2 * n, 3))
    assert cylindrical(n).order == 2 * n
    assert bool(cylindrical(n).contains(torch.diag(torch.tensor([1.0, 1.0, -1.0]))))
    assert full_cylindrical(n).order == 4 * n
    assert conical(n) <= full_cylindrical(n)
    assert cylindrical(n) <= full_cylindrical(n)
    assert cyclic(n, d=3) <= conical(n)


def test_small_groups():
    assert_close(inversion().elements[1], -torch.eye(3).double(), 0.0)
    assert_close(mirror().elements[1], torch.diag(torch.tensor([1.0, 1.0, -1.0])).double(), 0.0)
    for d in (1, 2, 3, 4):
        assert trivial(d).order == 1
        assert_close(reflection(d).elements[1], torch.diag(torch.tensor([-1.0] + [1.0] * (d - 1))).double(), 0.0)
    diagonals = {tuple(g.diagonal().tolist()) for g in klein().elements}
    assert diagonals == {(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)}


def test_octahedral_groups_are_the_signed_permutations():
    elements = full_octahedral().elements
    assert torch.equal(elements.abs().sum(1), torch.ones(48, 3).double())
    assert torch.equal(elements, elements.round())
    assert int((torch.linalg.det(elements) > 0).sum()) == 24
    assert octahedral() <= full_octahedral()


@pytest.mark.parametrize("group", [tetrahedral(), octahedral(), icosahedral(), klein()], ids=str)
def test_polyhedral_rotations_are_rotations(group):
    assert_close(torch.linalg.det(group.elements), torch.ones(group.order).double())


def test_polyhedral_groups_contain_each_other():
    assert klein() <= tetrahedral() <= octahedral() <= full_octahedral()
    assert tetrahedral() <= icosahedral() <= full_icosahedral()
    assert tetrahedral() <= full_tetrahedral() <= full_octahedral()
    assert tetrahedral() <= pyritohedral() <= full_octahedral()
    assert pyritohedral() <= full_icosahedral()
    assert inversion() <= pyritohedral()
    assert not inversion() <= full_tetrahedral()


def orders_of_turns(group: FiniteGroup) -> dict[int, int]:
    """How many rotations of the group have each order."""
    out: dict[int, int] = {}
    for g in group.elements[torch.linalg.det(group.elements) > 0]:
        cosine = max(-1.0, min(1.0, (float(g.trace()) - 1) / 2))
        n = round(2 * math.pi / math.acos(cosine)) if cosine < 1 - 1e-9 else 1
        n = 5 if abs(math.degrees(math.acos(cosine)) - 144) < 1e-6 else n
        out[n] = out.get(n, 0) + 1
    return out


def test_axes_of_the_polyhedral_groups():
    assert orders_of_turns(tetrahedral()) == {1: 1, 2: 3, 3: 8}
    assert orders_of_turns(octahedral()) == {1: 1, 2: 9, 3: 8, 4: 6}
    assert orders_of_turns(icosahedral()) == {1: 1, 2: 15, 3: 20, 5: 24}


@pytest.mark.parametrize("make", [cyclic, dihedral, conical, cylindrical, full_cylindrical])
@pytest.mark.parametrize("n", [0, -1, 2.0, True, "4"])
def test_bad_counts(make, n):
    with pytest.raises(ValueError, match=r"a whole number n >= 1 is required; received .*use so2\(\) or o2\(\)"):
        make(n)


@pytest.mark.parametrize(("make", "d"), [(reflection, 0), (reflection, 7), (reflection, 2.0)])
def test_bad_dimensions(make, d):
    with pytest.raises(ValueError, match=rf"{make.__name__}\(d\): d in .* is required; received {d}"):
        make(d)


@pytest.mark.parametrize("d", [0, -1, 2.0, True])
def test_the_trivial_group_acts_on_any_dimension(d):
    assert trivial(7).elements.shape == (1, 7, 7)
    with pytest.raises(ValueError, match=r"trivial\(d\): a whole number d >= 1 is required; received"):
        trivial(d)


def test_errors_do_not_depend_on_earlier_calls():
    assert cyclic(7, d=3).order == 7
    assert trivial(1).d == 1
    with pytest.raises(ValueError, match="a whole number n >= 1 is required; received 7.0"):
        cyclic(7.0, d=3)
    with pytest.raises(ValueError, match=r"d in \(2, 3\) is required; received 3.0"):
        cyclic(7, d=3.0)


def test_bad_dimensions_of_rotations():
    with pytest.raises(ValueError, match=r"cyclic\(n, d\): d in \(2, 3\) is required; received 1"):
        cyclic(4, d=1)
    with pytest.raises(ValueError, match=r"dihedral\(n, d\): d in \(2, 3\) is required; received 4"):
        dihedral(4, d=4)
