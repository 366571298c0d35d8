"""Subgroups by the number of their turns, which is enough to name them where turns have one axis."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from steer.group._continuous import ContinuousGroup
from steer.group._group import Group
from steer.group._named import cyclic, so2, trivial


def is_id(given: Any) -> bool:
    """Whether something is meant as the id of a subgroup: n, or (None, n)."""
    if isinstance(given, tuple) and len(given) == 2 and given[0] is None:
        given = given[1]
    return isinstance(given, Integral) and not isinstance(given, bool)


def turns(group: Group, given: Any) -> Group:
    """The subgroup of n turns about the centre of the plane, or about z where every element keeps that axis.

    Args:
        given: n; or (None, n), as peers write it where there are reflections; -1 for all turns of a continuous group.
    Raises:
        ValueError: if the group has no such subgroup, or n does not name one.
    """
    n = int(given[1] if isinstance(given, tuple) else given)
    d = group.d
    one_axis = d == 2 or (d == 3 and bool((group.components[:, 2, 2] > 1 - 1e-9).all()) and len(group.algebra) <= 1)
    if n == 1:
        return trivial(d)
    if n >= 1 and one_axis:
        return cyclic(n, d)
    if n == -1 and one_axis and isinstance(group, ContinuousGroup):
        return so2(d)
    whole = "-1 for all, " if one_axis and isinstance(group, ContinuousGroup) else ""
    needed = f"a number of turns n >= 1, {whole}a group or matrices" if one_axis else "a group or matrices"
    why = "" if one_axis else ", and there are no turns of the line" if d == 1 else ", and turns have many axes there"
    raise ValueError(f"subgroup: {needed} are required for {group}; received {given!r}{why}")
