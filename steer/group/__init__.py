"""Groups as values: closed subgroups of O(d), their elements, subgroups, Haar measure.

Imports `steer.store` alone. Law of the room: an element is its orthogonal matrix.

`__all__` is for users. For other rooms only, and subject to change: `deterministic`, which decorates what computes bases,
`gauss_legendre`, `SAME`, `holds`, `tolerance` and `working`, which checks of elements are made of, and `require` and
`numbers`, which public doors read arguments with.
"""

from steer.group._checks import holds as holds
from steer.group._checks import numbers as numbers
from steer.group._checks import require as require
from steer.group._checks import tolerance as tolerance
from steer.group._checks import working as working
from steer.group._closure import from_generators
from steer.group._continuous import ContinuousGroup
from steer.group._deterministic import deterministic as deterministic
from steer.group._finite import SAME as SAME
from steer.group._finite import FiniteGroup
from steer.group._group import Group
from steer.group._haar import gauss_legendre as gauss_legendre
from steer.group._haar import quaternion_to_matrix
from steer.group._matrices import planar_reflection, planar_rotation, reflection_across, rotation
from steer.group._named import (
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
    klein,
    mirror,
    o2,
    o3,
    octahedral,
    pyritohedral,
    reflection,
    so2,
    so3,
    tetrahedral,
    trivial,
)

__all__ = [
    "ContinuousGroup",
    "FiniteGroup",
    "Group",
    "conical",
    "cyclic",
    "cylindrical",
    "dihedral",
    "dihedral_axial",
    "from_generators",
    "full_cylindrical",
    "full_icosahedral",
    "full_octahedral",
    "full_tetrahedral",
    "icosahedral",
    "inversion",
    "klein",
    "mirror",
    "o2",
    "o3",
    "octahedral",
    "planar_reflection",
    "planar_rotation",
    "pyritohedral",
    "quaternion_to_matrix",
    "reflection",
    "reflection_across",
    "rotation",
    "so2",
    "so3",
    "tetrahedral",
    "trivial",
]
