"""Ready-made gspaces under the names the field knows, and the general one, `on`.

The peers' `maximum_frequency` argument is accepted and not needed: irreps are made when they are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from steer import group as _group
from steer.expansion import lattice as _lattice
from steer.field import GSpace
from steer.group import Group


def on(group: Group, lattice: str | None = None, spacing: float | Sequence[float] = 1.0) -> GSpace:
    """A group acting on a grid of its own dimension.

    Args:
        group: a subgroup of O(1), O(2) or O(3).
        lattice: "line", "square", "hexagonal" or "cubic"; None for the rectangular grid.
        spacing: distance of samples in physical units: a number, or one per array axis in `(z, y, x)` order.
    """
    if not isinstance(group, Group):
        raise TypeError(f"on: a group is required first (see steer.group); received {type(group).__name__}")
    return GSpace(group, _lattice(lattice, group.d, spacing))


def no_base_space(group: Group) -> GSpace:
    """A group acting on a single point: fields are vectors `[batch, channel]`."""
    return GSpace(group, None)


def _turns(n: int | None, finite: object, continuous: object) -> GSpace:
    """The finite group for n >= 1, the continuous one for -1 (or None)."""
    return on(continuous() if n in (-1, None) else finite(n))  # type: ignore[operator]


def rot2dOnR2(N: int = -1, maximum_frequency: int | None = None) -> GSpace:
    """Rotations of the plane by multiples of 1/N of a turn; all of them for N = -1."""
    return _turns(N, _group.cyclic, _group.so2)


def flipRot2dOnR2(N: int = -1, maximum_frequency: int | None = None, axis: float = math.pi / 2) -> GSpace:
    """Rotations and reflections of the plane, N turns or all (-1); `axis` is the angle of a mirror line (vertical).

    The default is the peers', the left-right mirror of images, and not that of `group.dihedral(N)`, whose first mirror line
    is the x axis: pass `axis=0.0` for `fibergroup == group.dihedral(N)`.
    """
    return _turns(N, lambda n: _group.dihedral(n, axis=axis), _group.o2)


def flip2dOnR2(axis: float = math.pi / 2) -> GSpace:
    """One reflection of the plane, across the line at angle `axis`: left-right for the vertical line."""
    return on(_group.dihedral(1, axis=axis))


def trivialOnR2() -> GSpace:
    """No symmetry but translations, in the plane: the baseline in the same code."""
    return on(_group.trivial(2))


Rot2dOnR2 = rot2dOnR2
FlipRot2dOnR2 = flipRot2dOnR2
Flip2dOnR2 = flip2dOnR2
TrivialOnR2 = trivialOnR2


def rot3dOnR3(maximum_frequency: int | None = None) -> GSpace:
    """All rotations of space, SO(3)."""
    return on(_group.so3())


def flipRot3dOnR3(maximum_frequency: int | None = None) -> GSpace:
    """All rotations and reflections of space, O(3)."""
    return on(_group.o3())


def octaOnR3() -> GSpace:
    """The 24 rotations of the cube."""
    return on(_group.octahedral())


def fullOctaOnR3() -> GSpace:
    """The 48 symmetries of the cube."""
    return on(_group.full_octahedral())


def icoOnR3() -> GSpace:
    """The 60 rotations of the icosahedron."""
    return on(_group.icosahedral())


def fullIcoOnR3() -> GSpace:
    """The 120 symmetries of the icosahedron."""
    return on(_group.full_icosahedral())


def tetraOnR3() -> GSpace:
    """The 12 rotations of the tetrahedron."""
    return on(_group.tetrahedral())


def fullTetraOnR3() -> GSpace:
    """The 24 symmetries of the tetrahedron."""
    return on(_group.full_tetrahedral())


def rot2dOnR3(n: int = -1, maximum_frequency: int | None = None) -> GSpace:
    """Rotations about the z axis, n or all (-1)."""
    return _turns(n, lambda k: _group.cyclic(k, d=3), lambda: _group.so2(d=3))


def conicalOnR3(n: int = -1, maximum_frequency: int | None = None) -> GSpace:
    """Rotations about z and mirrors through the axis."""
    return _turns(n, _group.conical, _group.conical)


def cylindricalOnR3(n: int = -1, maximum_frequency: int | None = None) -> GSpace:
    """Rotations about z and the mirror z -> -z."""
    return _turns(n, _group.cylindrical, _group.cylindrical)


def fullCylindricalOnR3(n: int = -1, maximum_frequency: int | None = None) -> GSpace:
    """Rotations about z, mirrors through the axis, and z -> -z."""
    return _turns(n, _group.full_cylindrical, _group.full_cylindrical)


def dihedralOnR3(n: int = -1, maximum_frequency: int | None = None) -> GSpace:
    """Rotations about z and half turns about lines in the xy plane."""
    return _turns(n, lambda k: _group.dihedral(k, d=3), _group.dihedral_axial)


def mirOnR3() -> GSpace:
    """The mirror z -> -z."""
    return on(_group.mirror())


def invOnR3() -> GSpace:
    """The inversion x -> -x."""
    return on(_group.inversion())


def trivialOnR3() -> GSpace:
    """No symmetry but translations, in space."""
    return on(_group.trivial(3))


def flipOnR1() -> GSpace:
    """Reversal of a line."""
    return on(_group.reflection(1))


def trivialOnR1() -> GSpace:
    """No symmetry but translations, on a line."""
    return on(_group.trivial(1))
