"""Numbers for every spatial axis, and the symmetries that they may break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steer.expansion import exchanged_axes
from steer.field import FieldType
from steer.nn._module import require_fields
from steer.nn._warn import warn_user

Size = int | Sequence[int]


class BrokenSymmetryWarning(UserWarning):
    """The arguments of a layer break a symmetry that its gspace promises."""


def as_tuple(value: Any, d: int, name: str, least: int) -> tuple[int, ...]:
    """One whole number for every spatial axis, from one or from `d` of them."""
    values = (value,) * d if isinstance(value, int) and not isinstance(value, bool) else value
    order = f"({', '.join('zyx'[3 - d :])})"
    good = isinstance(values, Sequence) and not isinstance(values, str) and len(values) == d
    if not good or any(not isinstance(v, int) or v < least for v in values):
        raise ValueError(
            f"{name}: a whole number >= {least}, or {d} of them in {order} order, is required; received {value!r}"
        )
    return tuple(values)


def grid_dimension(kind: FieldType, name: str) -> int:
    """The number of spatial axes.

    Raises:
        ValueError: if there is none.
    """
    d = require_fields(kind, name).gspace.dimensionality
    if d == 0:
        raise ValueError(f"{name}: fields over a grid are required; {kind} live on a point, where there is no space")
    return d


def warn_of_uneven_axes(kind: FieldType, name: str, **arguments: tuple[float, ...]) -> None:
    """Symmetries of the grid that exchange axes need the same numbers along both."""
    space = kind.gspace
    uneven = {key: values for key, values in arguments.items() if len(set(values)) > 1}
    if not uneven or space.lattice is None:
        return
    axes = exchanged_axes(space.lattice, space.exact_group)
    broken = [f"{key}={v}" for key, v in uneven.items() if any(v[i] != v[j] for i, j in axes)]
    if broken:
        warn_user(
            f"{name}: {', '.join(broken)} differ along axes that {space.fibergroup} exchanges, so the layer is equivariant "
            "under fewer elements only; give these axes one value, or use a smaller group",
            BrokenSymmetryWarning,
        )
