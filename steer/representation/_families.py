"""Where the irreps of a group come from: closed forms for planar, axial and spatial groups, a search for the others."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from steer.group import ContinuousGroup, FiniteGroup, Group, deterministic, working
from steer.representation._family import Family, IrrepInfo
from steer.representation._planar import planar_continuous, planar_finite
from steer.representation._search import Search
from steer.representation._wigner import wigner_d
from steer.store import Entry, cached


@cached(256)
@deterministic
def family(group: Group) -> Family:
    """The irreps of a group: closed forms where the group has a name for its frequencies, the search otherwise."""
    found: Family | None = None
    if isinstance(group, ContinuousGroup):
        if group.d == 3 and group.blocks == ((0, 3),):
            found = Spatial(with_parity=len(group.components) == 2)
        elif group.d in (2, 3) and group.blocks == ((0, 2),):
            found = planar_continuous(group)
    elif isinstance(group, FiniteGroup) and group.d in (2, 3):
        found = planar_finite(group)
    return found or Searched(Search(group))


def is_searched(group: Group) -> bool:
    """Whether the irreps of a group have no closed form and are found by the search."""
    return group.is_finite and isinstance(family(group), Searched)


def searched_irreps(group: Group) -> Entry:
    """The irreps of a finite group whose irreps are found by the search, as packs hold them.

    Raises:
        ValueError: if they are written down in closed form: no pack needs to hold them.
    """
    found = family(group)
    if not isinstance(found, Searched) or not is_searched(group):
        raise ValueError(f"irreps: a finite group without closed forms is required; received {group}")
    return found.search.entry()


_LABELS = {True: '"0e", "1o", "2e"', False: '"0", "1", "2"'}


class Spatial(Family):
    """SO(3): "l"; O(3): "le" and "lo", where -1 acts as + and -. Degree 1 odd is the vector (x, y, z)."""

    def __init__(self, with_parity: bool) -> None:
        self.parity = with_parity
        self.known = f"a degree {'and a' if with_parity else 'without'} parity ({_LABELS[with_parity]}, ...)"

    def labels(self, max_degree: int | None) -> tuple[str, ...]:
        if max_degree is None:
            raise ValueError("irreps(max_degree): a continuous group has infinitely many irreps; say up to which degree")
        return tuple(f"{k}{p}" for k in range(max_degree + 1) for p in (("e", "o") if self.parity else ("",)))

    def info(self, label: str) -> IrrepInfo | None:
        match = re.fullmatch(r"([0-9]+)[eo]" if self.parity else r"([0-9]+)", label)
        return IrrepInfo(2 * int(match[1]) + 1, 1, int(match[1])) if match else None

    def matrices(self, label: str, g: Tensor) -> Tensor:
        if not self.parity:
            return wigner_d(int(label), g)
        dtype, g = g.dtype, working(g)
        sign = torch.linalg.det(g).sign()[..., None, None]
        d = wigner_d(int(label[:-1]), g * sign)
        return (d * sign if label[-1] == "o" else d).to(dtype)

    def from_integers(self, numbers: tuple[int, ...]) -> str | None:
        if not self.parity:
            return str(numbers[0]) if len(numbers) == 1 else None
        if len(numbers) == 2 and numbers[0] in (0, 1):
            return f"{numbers[1]}{'eo'[numbers[0]]}"
        return f"{numbers[0]}{'eo'[numbers[0] % 2]}" if len(numbers) == 1 else None


class Searched(Family):
    """Irreps found by the search, named "0", "1", ... in the order in which it finds them; "0" is trivial."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.known = 'the position in group.irreps() ("0", "1", ...)'

    def labels(self, max_degree: int | None) -> tuple[str, ...]:
        if max_degree is None and not self.search.group.is_finite:
            raise ValueError("irreps(max_degree): a continuous group has infinitely many irreps; say up to which degree")
        return tuple(str(i) for i, _ in enumerate(self.search.upto(max_degree)))

    def info(self, label: str) -> IrrepInfo | None:
        found = self.search.get(int(label)) if re.fullmatch(r"[0-9]+", label) else None
        return IrrepInfo(found.dim, found.endomorphisms, found.degree) if found else None

    def matrices(self, label: str, g: Tensor) -> Tensor:
        return self.search.matrices(int(label), g)

    def from_integers(self, numbers: tuple[int, ...]) -> str | None:
        return str(numbers[0]) if len(numbers) == 1 else None


def integers(label: tuple[Any, ...]) -> bool:
    """Whether a label was given as whole numbers."""
    return bool(label) and all(isinstance(part, int) and not isinstance(part, bool) for part in label)
