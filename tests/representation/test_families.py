"""Irreps in closed form: labels, spellings, and the formulas behind them."""

import math

import pytest
import torch

from steer.group import (
    conical,
    cyclic,
    cylindrical,
    dihedral,
    dihedral_axial,
    from_generators,
    full_cylindrical,
    inversion,
    klein,
    mirror,
    o2,
    o3,
    octahedral,
    planar_reflection,
    planar_rotation,
    reflection,
    so2,
    so3,
    trivial,
)
from steer.representation import Irrep, Standard
from tests.cases import assert_close, build, seeded, vector

LABELS = [
    (cyclic(1), None, "0"),
    (cyclic(2), None, "0 1"),
    (cyclic(5), None, "0 1 2"),
    (cyclic(6), None, "0 1 2 3"),
    (cyclic(6), 1, "0 1"),
    (dihedral(1), None, "0e 0o"),
    (dihedral(2), None, "0e 0o 1e 1o"),
    (dihedral(3), None, "0e 0o 1"),
    (dihedral(6), None, "0e 0o 1 2 3e 3o"),
    (so2(), 3, "0 1 2 3"),
    (so2(d=3), 1, "0 1"),
    (o2(), 2, "0e 0o 1 2"),
    (conical(), 1, "0e 0o 1"),
    (dihedral_axial(), 1, "0e 0o 1"),
    (cylindrical(), 1, "0+ 0- 1+ 1-"),
    (full_cylindrical(), 1, "0e+ 0e- 0o+ 0o- 1+ 1-"),
    (so3(), 2, "0 1 2"),
    (o3(), 1, "0e 0o 1e 1o"),
    (octahedral(), None, "0 1 2 3 4"),
    (cyclic(6, d=3), None, "0 1 2 3"),
    (dihedral(6, d=3), None, "0e 0o 1 2 3e 3o"),
    (conical(6), None, "0e 0o 1 2 3e 3o"),
    (conical(6), 1, "0e 0o 1"),
    (cylindrical(4), None, "0+ 0- 1+ 1- 2+ 2-"),
    (full_cylindrical(4), None, "0e+ 0e- 0o+ 0o- 1+ 1- 2e+ 2e- 2o+ 2o-"),
    (trivial(3), None, "0"),
    (mirror(), None, "0+ 0-"),
    (reflection(3), None, "0e 0o"),
    (klein(), None, "0e 0o 1e 1o"),
    (cyclic(5) * reflection(1), None, "0+ 0- 1+ 1- 2+ 2-"),
    (inversion(), None, "0 1"),
]


@pytest.mark.parametrize(("group", "degree", "labels"), LABELS, ids=[f"{g} {d}" for g, d, _ in LABELS])
def test_labels(group, degree, labels):
    assert " ".join(i.label for i in group.irreps(degree)) == labels


AXIAL = [
    (lambda n: cyclic(n, d=3), lambda: so2(d=3)),
    (lambda n: dihedral(n, d=3), dihedral_axial),
    (conical, conical),
    (cylindrical, cylindrical),
    (full_cylindrical, full_cylindrical),
]


@pytest.mark.parametrize("n", [7, 8])
@pytest.mark.parametrize(("finite", "limit"), AXIAL, ids=lambda make: make.__name__)
def test_axial_groups_speak_as_their_limits(finite, limit, n):
    """Below frequency n/2 an irrep is the restriction of the one of the same label for all turns, and so is an integer's."""
    group, whole = finite(n), limit()
    for irrep in whole.irreps((n - 1) // 2):
        assert_close(group.irrep(irrep.label)(group.elements), irrep(group.elements), 1e-13)
        assert group.irrep(irrep.label).degree == irrep.degree
    assert group.irrep(1).label == whole.irrep(1).label
    assert group.irrep(1).dim == 2
    assert sum(i.dim**2 // i.endomorphisms for i in group.irreps()) == group.order


def test_labels_come_from_the_matrices_alone():
    for group in (full_cylindrical(6), dihedral(5, d=3), conical(4)):
        again = from_generators(group.generators.flip(0))
        assert {i.label for i in again.irreps()} == {i.label for i in group.irreps()}


def test_a_rotoreflection_group_is_searched():
    """The sign of the axis follows from the turn, so that it is no planar group with an axis of its own."""
    turn = cyclic(4, d=3).elements[1].clone()
    turn[2, 2] = -1
    group = from_generators([turn])
    assert [i.label for i in group.irreps()] == ["0", "1", "2"]
    assert max(i.degree for i in group.standard.irreps) == 1


SPELLINGS = [
    (so2(), "01", "1"),
    (so2(), "000", "0"),
    (o2(), "00e", "0e"),
    (dihedral(4), "02o", "2o"),
    (cylindrical(), "01+", "1+"),
    (full_cylindrical(4), "00o-", "0o-"),
    (so3(), "02", "2"),
    (o3(), "01o", "1o"),
    (octahedral(), "00", "0"),
    (octahedral(), "04", "4"),
]


@pytest.mark.parametrize(("group", "text", "label"), SPELLINGS, ids=[f"{g} {t}" for g, t, _ in SPELLINGS])
def test_two_spellings_are_one_irrep(group, text, label):
    assert group.irrep(text) == group.irrep(label) == Irrep(group, text) == group.representation(text)
    assert group.irrep(text).label == Irrep(group, text).label == label
    assert hash(Irrep(group, text)) == hash(group.irrep(label))


@pytest.mark.parametrize("group", [so2(), cyclic(6), so3(), octahedral(), cyclic(4, d=3)], ids=str)
@pytest.mark.parametrize("text", ["\u0661", "\u00b2", "1\n", " 1", "+1", "1_0", "1e1"])
def test_only_the_digits_zero_to_nine(group, text):
    with pytest.raises(ValueError, match="names its irreps by"):
        group.irrep(text)
    with pytest.raises(ValueError, match="names its irreps by"):
        Irrep(group, text)


@pytest.mark.parametrize("frequency", [0, 1, 2, 5])
def test_planar_rotations(frequency):
    """SO(2): frequency k turns by k times the angle."""
    angle = 0.7
    value = so2().irrep(frequency)(planar_rotation(angle))
    if frequency == 0:
        assert_close(value, torch.ones(1, 1).double(), 0.0)
    else:
        assert_close(value, planar_rotation(frequency * angle))


@pytest.mark.parametrize("frequency", [1, 2, 5])
def test_planar_reflections(frequency):
    """O(2): the reflection across the x axis goes to diag(1, -1), across the line at angle a to the one at k a."""
    irrep = o2().irrep(frequency)
    assert_close(irrep(planar_reflection(0.0)), torch.diag(vector(1.0, -1.0)))
    assert_close(irrep(planar_reflection(0.3)), planar_reflection(0.3 * frequency))
    assert_close(irrep(planar_rotation(0.3)), planar_rotation(0.3 * frequency))


def test_parities():
    g = o2().sample(6, seeded(0))
    assert_close(o2().irrep("0o")(g)[:, 0, 0], torch.linalg.det(g))
    h = o3().sample(6, seeded(0))
    assert_close(o3().irrep("0o")(h)[:, 0, 0], torch.linalg.det(h))
    assert_close(o3().irrep("1o")(h), h)
    assert_close(o3().irrep("1e")(h), h * torch.linalg.det(h)[:, None, None])


@pytest.mark.parametrize(
    "text", ["dihedral(2)", "dihedral(4)", "dihedral(6)", "dihedral(4, axis=0.3)", "conjugated(dihedral(6), 2)"]
)
def test_the_alternating_irreps_of_dihedral_groups(text):
    """Frequency n/2: "e" is +1 on the first reflection of the group, "o" is -1, both alternate with the turns."""
    group = build(text)
    n = group.order // 2
    flips = torch.linalg.det(group.elements) < 0
    first = group.elements[flips][0]
    turn = cyclic(n).elements[1]
    even, odd = group.irrep(f"{n // 2}e"), group.irrep(f"{n // 2}o")
    assert_close(torch.cat([even(first), odd(first)]).flatten(), vector(1.0, -1.0))
    assert_close(torch.cat([even(turn), odd(turn)]).flatten(), vector(-1.0, -1.0))
    assert_close(even(group.elements)[:, 0, 0] * torch.linalg.det(group.elements), odd(group.elements)[:, 0, 0])


def test_the_sign_of_the_axis():
    level = torch.diag(vector(1.0, 1.0, -1.0))
    for group, plus, minus in (
        (cylindrical(), "2+", "2-"),
        (full_cylindrical(), "2+", "2-"),
        (full_cylindrical(), "0o+", "0o-"),
    ):
        assert_close(group.irrep(plus)(level), torch.eye(group.irrep(plus).dim).double())
        assert_close(group.irrep(minus)(level), -torch.eye(group.irrep(plus).dim).double())


@pytest.mark.parametrize(
    ("group", "numbers", "label"),
    [
        (so2(), (3,), "3"),
        (o2(), (0,), "0e"),
        (o2(), (2,), "2"),
        (o2(), (0, 0), "0e"),
        (o2(), (1, 0), "0o"),
        (o2(), (1, 2), "2"),
        (dihedral(4), (0, 2), "2e"),
        (dihedral(4), (1, 2), "2o"),
        (dihedral(4), (1, 1), "1"),
        (cylindrical(), (1,), "1+"),
        (so3(), (4,), "4"),
        (o3(), (1,), "1o"),
        (o3(), (2,), "2e"),
        (o3(), (0, 1), "1e"),
        (o3(), (1, 2), "2o"),
        (octahedral(), (3,), "3"),
    ],
)
def test_integers_name_irreps(group, numbers, label):
    assert group.irrep(*numbers).label == label


def test_so3_does_not_drop_a_parity_without_a_word():
    with pytest.raises(ValueError, match=r"so3\(\) names its irreps by a degree without parity .*'1o'"):
        so3().irrep("1o")
    with pytest.raises(ValueError, match=r"o3\(\) names its irreps by a degree and a parity .*'1'"):
        o3().irrep("1")


@pytest.mark.parametrize(
    ("group", "numbers"), [(o2(), (0, 1)), (so2(), (0, 1)), (so3(), (0, 1)), (octahedral(), (0, 1)), (o3(), (2, 1))]
)
def test_integers_that_name_nothing(group, numbers):
    with pytest.raises(ValueError, match="names its irreps by"):
        group.irrep(*numbers)


@pytest.mark.parametrize("label", ["4e", "3e", "0", "0e-", "1o", "-1", "", "1 "])
def test_labels_of_dihedral_groups_that_do_not_exist(label):
    with pytest.raises(ValueError, match="it has 0e, 0o, 1, 2e, 2o"):
        dihedral(4).irrep(label)


def test_planar_irreps_of_a_mirrored_axis_agree_with_the_plain_ones():
    """The characters do not depend on which mirror a dihedral group has; frequency one is the standard one."""
    for group in (dihedral(6), dihedral(6, axis=0.3), build("conjugated(dihedral(6), 2)")):
        assert group.irrep(1)(group.elements).allclose(Standard(group)(group.elements), atol=1e-12)
        turned = planar_rotation(math.pi / 3)
        assert float(group.irrep(2).character(turned)) == pytest.approx(2 * math.cos(2 * math.pi / 3))
