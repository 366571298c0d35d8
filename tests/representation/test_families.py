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
    full_cylindrical,
    o2,
    o3,
    octahedral,
    planar_reflection,
    planar_rotation,
    so2,
    so3,
)
from steer.representation import Standard
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
]


@pytest.mark.parametrize(("group", "degree", "labels"), LABELS, ids=[f"{g} {d}" for g, d, _ in LABELS])
def test_labels(group, degree, labels):
    assert " ".join(i.label for i in group.irreps(degree)) == labels


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


def test_so3_understands_the_labels_of_o3():
    assert so3().irrep("1o") == so3().irrep("1e") == so3().irrep(1)


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
