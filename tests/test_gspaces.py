"""The factories of gspaces under the names that the field knows."""

import math

import pytest
import torch

from steer import gspaces
from steer.group import (
    conical,
    cyclic,
    cylindrical,
    dihedral,
    dihedral_axial,
    full_cylindrical,
    full_icosahedral,
    full_octahedral,
    full_tetrahedral,
    icosahedral,
    inversion,
    mirror,
    o2,
    o3,
    octahedral,
    planar_reflection,
    reflection,
    so2,
    so3,
    tetrahedral,
    trivial,
)

UPRIGHT = math.pi / 2

FACTORIES = [
    ("rot2dOnR2", (8,), cyclic(8), "square"),
    ("rot2dOnR2", (-1,), so2(), "square"),
    ("rot2dOnR2", (), so2(), "square"),
    ("Rot2dOnR2", (4,), cyclic(4), "square"),
    ("flipRot2dOnR2", (4,), dihedral(4, axis=UPRIGHT), "square"),
    ("flipRot2dOnR2", (-1,), o2(), "square"),
    ("FlipRot2dOnR2", (6,), dihedral(6, axis=UPRIGHT), "square"),
    ("flip2dOnR2", (), dihedral(1, axis=UPRIGHT), "square"),
    ("Flip2dOnR2", (), dihedral(1, axis=UPRIGHT), "square"),
    ("trivialOnR2", (), trivial(2), "square"),
    ("TrivialOnR2", (), trivial(2), "square"),
    ("rot3dOnR3", (), so3(), "cubic"),
    ("flipRot3dOnR3", (), o3(), "cubic"),
    ("octaOnR3", (), octahedral(), "cubic"),
    ("fullOctaOnR3", (), full_octahedral(), "cubic"),
    ("icoOnR3", (), icosahedral(), "cubic"),
    ("fullIcoOnR3", (), full_icosahedral(), "cubic"),
    ("tetraOnR3", (), tetrahedral(), "cubic"),
    ("fullTetraOnR3", (), full_tetrahedral(), "cubic"),
    ("rot2dOnR3", (4,), cyclic(4, d=3), "cubic"),
    ("rot2dOnR3", (), so2(d=3), "cubic"),
    ("conicalOnR3", (3,), conical(3), "cubic"),
    ("conicalOnR3", (), conical(), "cubic"),
    ("cylindricalOnR3", (3,), cylindrical(3), "cubic"),
    ("cylindricalOnR3", (-1,), cylindrical(), "cubic"),
    ("fullCylindricalOnR3", (4,), full_cylindrical(4), "cubic"),
    ("fullCylindricalOnR3", (), full_cylindrical(), "cubic"),
    ("dihedralOnR3", (4,), dihedral(4, d=3), "cubic"),
    ("dihedralOnR3", (), dihedral_axial(), "cubic"),
    ("mirOnR3", (), mirror(), "cubic"),
    ("invOnR3", (), inversion(), "cubic"),
    ("trivialOnR3", (), trivial(3), "cubic"),
    ("flipOnR1", (), reflection(1), "line"),
    ("trivialOnR1", (), trivial(1), "line"),
]


@pytest.mark.parametrize(("name", "arguments", "group", "kind"), FACTORIES, ids=[f"{n}{a}" for n, a, _, _ in FACTORIES])
def test_factories(name, arguments, group, kind):
    space = getattr(gspaces, name)(*arguments)
    assert space.fibergroup == group
    assert space.lattice.kind == kind
    assert set(space.lattice.spacing) == {1.0}


def test_every_factory_is_in_the_table():
    made = {n for n in dir(gspaces) if n[0] != "_" and "On" in n}
    assert made == {name for name, _, _, _ in FACTORIES}


def test_the_general_factory():
    space = gspaces.on(dihedral(6), lattice="hexagonal", spacing=0.5)
    assert (space.lattice.kind, space.lattice.spacing) == ("hexagonal", (0.5, 0.5))
    assert gspaces.on(octahedral(), spacing=(2.0, 1.0, 1.0)).lattice.spacing == (2.0, 1.0, 1.0)
    assert gspaces.on(reflection(1)).lattice.kind == "line"


def test_a_single_point():
    space = gspaces.no_base_space(so3())
    assert space.lattice is None
    assert space.dimensionality == 0


def test_peer_arguments_are_understood():
    assert gspaces.rot2dOnR2(N=8) == gspaces.rot2dOnR2(8)
    assert gspaces.rot2dOnR2(-1, maximum_frequency=6) == gspaces.rot2dOnR2(-1)
    assert gspaces.rot3dOnR3(maximum_frequency=3) == gspaces.rot3dOnR3()
    assert gspaces.rot2dOnR3(n=4) == gspaces.rot2dOnR3(4)


def test_the_mirror_of_an_image_is_left_right_by_default():
    flip = gspaces.flip2dOnR2().fibergroup.elements[1]
    assert torch.equal(flip, torch.tensor([[-1.0, 0.0], [0.0, 1.0]]).double())
    other = gspaces.flip2dOnR2(axis=0.3).fibergroup.elements[1]
    assert torch.equal(other, planar_reflection(0.3))
    assert gspaces.flipRot2dOnR2(4, axis=0.3).fibergroup == dihedral(4, axis=0.3)


def test_the_default_mirror_of_gspaces_and_of_groups():
    """As the docstrings of both say: left-right here, across the x axis there; the same elements for even orders."""
    assert gspaces.flipRot2dOnR2(4, axis=0.0).fibergroup == dihedral(4)
    assert gspaces.flipRot2dOnR2(4).fibergroup != dihedral(4)
    assert gspaces.flipRot2dOnR2(4).fibergroup <= dihedral(4) <= gspaces.flipRot2dOnR2(4).fibergroup
    assert not gspaces.flipRot2dOnR2(3).fibergroup <= dihedral(3)


def test_the_first_lines_of_everyones_code():
    """The names of the peers, with only the package changed."""
    act = gspaces.Rot2dOnR2(N=8)
    kind = act.type(*3 * [act.trivial_repr])
    assert (kind.size, len(kind)) == (3, 3)
    assert act.type(*10 * [act.regular_repr]).size == 80


@pytest.mark.parametrize("bad", [3, "cyclic(4)", None])
def test_something_that_is_no_group(bad):
    with pytest.raises(TypeError, match=r"on: a group is required first \(see steer\.group\); received"):
        gspaces.on(bad)


def test_grids_that_do_not_fit():
    with pytest.raises(ValueError, match=r"one of \['square', 'hexagonal'\] is required .* 2 dimensions; received 'cubic'"):
        gspaces.on(cyclic(4), "cubic")
    with pytest.raises(ValueError, match="acts on 4 dimensions"):
        gspaces.on(cyclic(4) * cyclic(3))
    with pytest.raises(ValueError, match="spacing: a positive number"):
        gspaces.on(cyclic(4), spacing=0.0)


@pytest.mark.parametrize("n", [0, -2, 2.5])
def test_bad_numbers_of_turns(n):
    with pytest.raises(ValueError, match="a whole number n >= 1 is required"):
        gspaces.rot2dOnR2(n)
