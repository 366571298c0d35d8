"""The named groups."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from steer.group._closure import from_generators
from steer.group._continuous import ContinuousGroup
from steer.group._deterministic import deterministic
from steer.group._finite import FiniteGroup
from steer.group._group import Group
from steer.group._matrices import (
    block_diagonal,
    planar_reflection,
    planar_rotation,
    reflection_across,
    rotation,
    snap,
)


def _once(function: Callable[P, G]) -> Callable[P, G]:
    """Make every group once."""
    kept = lru_cache(maxsize=None, typed=True)(function)  # typed: 7.0 equals 7, but errors may not depend on earlier calls

    @wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> G:
        try:
            hash((*args, *kwargs.values()))
        except TypeError:  # a list, say: the function's own checks tell what is wrong with it
            return function(*args, **kwargs)
        return kept(*args, **kwargs)  # type: ignore[arg-type]

    make.__dict__["cache_info"] = kept.cache_info
    return make


P = ParamSpec("P")
G = TypeVar("G", bound=Group)
_ONE = torch.eye(1, dtype=torch.float64, device="cpu")
_GOLDEN = (1 + math.sqrt(5)) / 2


def _dimension(d: int, allowed: tuple[int, ...], what: str) -> None:
    if not isinstance(d, int) or isinstance(d, bool) or d not in allowed:
        raise ValueError(f"{what}: d in {allowed} is required; received {d!r}")


def _count(n: int, what: str) -> None:
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ValueError(
            f"{what}: a whole number {what[-2]} >= 1 is required; received {n!r}"
            + ("" if what == "trivial(d)" else "; for n -> infinity use so2() or o2()")
        )


@deterministic
def _powers(n: int) -> Tensor:
    """Rotations of the plane by multiples of 1/n of a turn, each from its own angle, `[n, 2, 2]`."""
    return torch.stack([planar_rotation(2 * math.pi * k / n) for k in range(n)])


@_once
@deterministic
def trivial(d: int = 2) -> FiniteGroup:
    """The group of one element, acting on `d` dimensions."""
    _count(d, "trivial(d)")
    return from_generators([torch.eye(d)], name=f"trivial({d})")


@_once
@deterministic
def reflection(d: int = 1) -> FiniteGroup:
    """`{1, s}` with `s` the reflection `x -> -x` of the first axis (a left-right mirror of images)."""
    _dimension(d, (1, 2, 3, 4), "reflection(d)")
    return from_generators([reflection_across([1.0] + [0.0] * (d - 1))], name=f"reflection({d})")


@_once
@deterministic
def cyclic(n: int, d: int = 2) -> FiniteGroup:
    """Rotations by multiples of 1/n of a turn, counter-clockwise; in three dimensions about the z axis.

    `elements[k]` turns by `2 pi k / n`.
    """
    _count(n, "cyclic(n)")
    _dimension(d, (2, 3), "cyclic(n, d)")
    turns = _powers(n) if d == 2 else block_diagonal(_powers(n), _ONE)
    return FiniteGroup(turns, turns[1 % n][None], f"cyclic({n})" if d == 2 else f"cyclic({n}, d=3)")


@_once
@deterministic
def dihedral(n: int, d: int = 2, axis: float = 0.0) -> FiniteGroup:
    """The 2n symmetries of a regular n-gon.

    In two dimensions `elements[k]` turns by `2 pi k / n` and `elements[n + k]` reflects across the line at angle `axis`
    first and then turns. In three dimensions (Schoenflies D_n) the turns are about z, and the reflections become half
    turns about the lines at angle `axis` in the xy plane: all elements are rotations.

    The first reflection is the one of `o2()`, across the x axis, unless `axis` says otherwise. `gspaces.flipRot2dOnR2(n)`
    has the left-right mirror of images first instead, as its peers do: it is `dihedral(n, axis=pi / 2)`, which for even n
    has the same elements in another order, and for odd n is another group.
    """
    _count(n, "dihedral(n)")
    _dimension(d, (2, 3), "dihedral(n, d)")
    flip, turns = planar_reflection(axis), _powers(n)
    if d == 3:
        flip, turns = block_diagonal(flip, -_ONE), block_diagonal(turns, _ONE)
    elements = snap(torch.cat([turns, turns @ flip]))
    arguments = str(n) + ("" if d == 2 else ", d=3") + ("" if axis == 0.0 else f", axis={axis:.6g}")
    return FiniteGroup(elements, elements[[1 % n, n]] if n > 1 else elements[[n]], f"dihedral({arguments})")


@_once
@deterministic
def so2(d: int = 2) -> ContinuousGroup:
    """All rotations of the plane; in three dimensions about the z axis."""
    _dimension(d, (2, 3), "so2(d)")
    return ContinuousGroup(d, ((0, 2),), torch.eye(d)[None].double(), "so2()" if d == 2 else "so2(d=3)")


@_once
@deterministic
def o2() -> ContinuousGroup:
    """All rotations and reflections of the plane."""
    return ContinuousGroup(2, ((0, 2),), torch.stack([torch.eye(2).double(), planar_reflection()]), "o2()")


@_once
@deterministic
def so3() -> ContinuousGroup:
    """All rotations of space."""
    return ContinuousGroup(3, ((0, 3),), torch.eye(3)[None].double(), "so3()")


@_once
@deterministic
def o3() -> ContinuousGroup:
    """All rotations and reflections of space."""
    return ContinuousGroup(3, ((0, 3),), torch.stack([torch.eye(3).double(), -torch.eye(3).double()]), "o3()")


@deterministic
def _axial(name: str, n: int | None, extra: list[Tensor]) -> FiniteGroup | ContinuousGroup:
    """Rotations about z (all of them, or n) with extra commuting or normalising elements of order two."""
    if n is None:
        components = from_generators(extra).elements
        return ContinuousGroup(3, ((0, 2),), components, f"{name}()")
    _count(n, f"{name}(n)")
    elements = cyclic(n, d=3).elements
    for g in extra:
        elements = torch.cat([elements, elements @ g])
    return FiniteGroup(snap(elements), torch.stack([elements[1 % n], *extra]), f"{name}({n})")


_UPRIGHT_MIRROR = torch.diag(torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64, device="cpu"))
_HALF_TURN_X = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64, device="cpu"))
_LEVEL_MIRROR = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64, device="cpu"))


@_once
@deterministic
def conical(n: int | None = None) -> FiniteGroup | ContinuousGroup:
    """The symmetry of a cone: turns about z and reflections across planes that contain z (C_nv; all turns by default)."""
    return _axial("conical", n, [_UPRIGHT_MIRROR])


@_once
@deterministic
def dihedral_axial() -> ContinuousGroup:
    """All turns about z and half turns about lines in the xy plane: the limit of `dihedral(n, d=3)` (D_infinity)."""
    return ContinuousGroup(3, ((0, 2),), from_generators([_HALF_TURN_X]).elements, "dihedral_axial()")


@_once
@deterministic
def cylindrical(n: int | None = None) -> FiniteGroup | ContinuousGroup:
    """Turns about z and the reflection z -> -z (C_nh; all turns by default)."""
    return _axial("cylindrical", n, [_LEVEL_MIRROR])


@_once
@deterministic
def full_cylindrical(n: int | None = None) -> FiniteGroup | ContinuousGroup:
    """The full symmetry of a cylinder: turns about z, upright mirrors, and z -> -z (D_nh; all turns by default)."""
    return _axial("full_cylindrical", n, [_UPRIGHT_MIRROR, _LEVEL_MIRROR])


@_once
@deterministic
def inversion() -> FiniteGroup:
    """`{1, -1}` in three dimensions."""
    return from_generators([-torch.eye(3)], name="inversion()")


@_once
@deterministic
def mirror() -> FiniteGroup:
    """`{1, s}` in three dimensions with `s` the reflection z -> -z."""
    return from_generators([_LEVEL_MIRROR], name="mirror()")


@_once
@deterministic
def klein() -> FiniteGroup:
    """The half turns about the three coordinate axes, and the identity."""
    return from_generators([_HALF_TURN_X, rotation([0, 0, 1], math.pi)], name="klein()")


_DIAGONAL_TURN = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=torch.float64, device="cpu")
_QUARTER_TURN = torch.tensor([[0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64, device="cpu")


@_once
@deterministic
def tetrahedral() -> FiniteGroup:
    """The 12 rotations of a tetrahedron whose two-fold axes are the coordinate axes."""
    return from_generators([_HALF_TURN_X, rotation([0, 0, 1], math.pi), _DIAGONAL_TURN], name="tetrahedral()")


@_once
@deterministic
def full_tetrahedral() -> FiniteGroup:
    """The 24 rotations and reflections of a tetrahedron (T_d)."""
    swap = reflection_across([1.0, -1.0, 0.0])
    return from_generators([*tetrahedral().generators, swap], name="full_tetrahedral()")


@_once
@deterministic
def pyritohedral() -> FiniteGroup:
    """The tetrahedral rotations and the inversion: 24 elements (T_h)."""
    return from_generators([*tetrahedral().generators, -torch.eye(3)], name="pyritohedral()")


@_once
@deterministic
def octahedral() -> FiniteGroup:
    """The 24 rotations of the cube: signed permutation matrices of determinant one."""
    return from_generators([_QUARTER_TURN, _HALF_TURN_X, _DIAGONAL_TURN], name="octahedral()")


@_once
@deterministic
def full_octahedral() -> FiniteGroup:
    """All 48 symmetries of the cube: signed permutation matrices."""
    return from_generators([*octahedral().generators, -torch.eye(3)], name="full_octahedral()")


_FIVEFOLD = rotation([0.0, 1.0, _GOLDEN], 2 * math.pi / 5)


@_once
@deterministic
def icosahedral() -> FiniteGroup:
    """The 60 rotations of an icosahedron whose two-fold axes include the coordinate axes (it contains `tetrahedral()`)."""
    return from_generators([*tetrahedral().generators, _FIVEFOLD], name="icosahedral()")


@_once
@deterministic
def full_icosahedral() -> FiniteGroup:
    """All 120 symmetries of the icosahedron."""
    return from_generators([*icosahedral().generators, -torch.eye(3)], name="full_icosahedral()")
