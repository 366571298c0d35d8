"""Where the irreps of a group come from: closed forms for planar, axial and spatial groups, a search for the others."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from steer.group import ContinuousGroup, FiniteGroup, Group
from steer.representation._search import Search
from steer.representation._wigner import wigner_d


@dataclass(frozen=True)
class IrrepInfo:
    """What a family knows of one irrep: its size, the dimension (1, 2, 4) of its endomorphisms, its degree."""

    dim: int
    endomorphisms: int
    degree: int


class Family(ABC):
    """All irreps of one group."""

    @abstractmethod
    def labels(self, max_degree: int | None) -> tuple[str, ...]: ...

    @abstractmethod
    def info(self, label: str) -> IrrepInfo | None:
        """None when no irrep has this label."""

    @abstractmethod
    def matrices(self, label: str, g: Tensor) -> Tensor: ...

    @abstractmethod
    def from_integers(self, numbers: tuple[int, ...]) -> str | None:
        """Label of the irrep that integers name, or None."""

    def normalise(self, label: str) -> str:
        """Other spellings of a label that are understood."""
        return label

    known: str  # what labels look like, for error messages


@lru_cache(maxsize=256)
def family(group: Group) -> Family:
    """The irreps of a group: closed forms where the group has a name for its frequencies, the search otherwise."""
    if isinstance(group, ContinuousGroup):
        if group.d == 3 and group.blocks == ((0, 3),):
            return Spatial(with_parity=len(group.components) == 2)
        if group.d in (2, 3) and group.blocks == ((0, 2),):
            return _planar_continuous(group)
    elif isinstance(group, FiniteGroup) and group.d == 2:
        return _planar_finite(group)
    return Searched(Search(group))


def _signs(g: Tensor) -> tuple[Tensor, Tensor]:
    block = g[..., 0, 0] * g[..., 1, 1] - g[..., 0, 1] * g[..., 1, 0]
    return block, (g[..., 2, 2] if g.shape[-1] == 3 else torch.ones_like(block))


def _planar_continuous(group: ContinuousGroup) -> Planar:
    block, axis = _signs(group.components)
    flips = bool((block < 0).any())
    return Planar(None, flips, len(block) == 4 or (bool((axis < 0).any()) and not flips), 0.0)


def _planar_finite(group: FiniteGroup) -> Planar:
    block, _ = _signs(group.elements)
    turns = int((block > 0).sum())
    if turns == group.order:
        return Planar(turns, False, False, 0.0)
    first = group.elements[int((block < 0).nonzero()[0])]
    return Planar(turns, True, False, float(torch.atan2(first[1, 0], first[0, 0])))


class Planar(Family):
    """Groups that act on a plane by turns and possibly flips, and possibly on its axis by a sign of its own.

    Frequency k turns by k theta; a reflection `[[cos p, sin p], [sin p, -cos p]]` goes to the one with angle k p. The sign
    representation is "0o", the trivial one of a group with flips "0e". In a finite group of an even number n of turns,
    frequency n/2 is one-dimensional, and with flips there are two of it: "e" is +1 on the first reflection of the group.
    Labels of cylinder groups end in the sign of the axis, "+" or "-".

    Args:
        turns: number of turns n, None for all of them.
        flips: whether reflections of the plane exist.
        axis: whether the sign of the axis is independent of the flips.
        mirror: angle p of the reflection that "n/2e" sends to +1.
    """

    def __init__(self, turns: int | None, flips: bool, axis: bool, mirror: float) -> None:
        self.turns, self.flips, self.axis, self.mirror = turns, flips, axis, mirror
        self.known = "a frequency" + (' ("0e", "0o", "1", "2", ...)' if flips else ' ("0", "1", ...)')
        self.known += ' and the sign of the axis, "+" or "-"' if axis else ""

    def _half(self, frequency: int) -> bool:
        return self.turns is not None and frequency > 0 and 2 * frequency == self.turns

    def labels(self, max_degree: int | None) -> tuple[str, ...]:
        top = max_degree if self.turns is None else self.turns // 2
        if top is None:
            raise ValueError("irreps(max_degree): a continuous group has infinitely many irreps; say up to which frequency")
        if max_degree is not None:
            top = min(top, max_degree)
        out = []
        for k in range(top + 1):
            parities = ("e", "o") if self.flips and (k == 0 or self._half(k)) else ("",)
            out += [f"{k}{p}{s}" for p in parities for s in (("+", "-") if self.axis else ("",))]
        return tuple(out)

    def _split(self, label: str) -> tuple[int, str, str] | None:
        match = re.fullmatch(r"(\d+)([eo]?)([+-]?)", label)
        if not match:
            return None
        k, parity, sign = int(match[1]), match[2], match[3]
        special = self.flips and (k == 0 or self._half(k))
        if bool(parity) != special or bool(sign) != self.axis or (self.turns is not None and 2 * k > self.turns):
            return None
        return k, parity, sign

    def info(self, label: str) -> IrrepInfo | None:
        parts = self._split(label)
        if parts is None:
            return None
        k = parts[0]
        if k == 0 or self._half(k):
            return IrrepInfo(1, 1, k)
        return IrrepInfo(2, 1 if self.flips else 2, k)

    def matrices(self, label: str, g: Tensor) -> Tensor:
        parts = self._split(label)
        assert parts is not None
        k, parity, sign = parts
        flip, axis = _signs(g)
        z = torch.complex(g[..., 0, 0], g[..., 1, 0])
        power = torch.ones_like(z)
        for _ in range(k):
            power = power * z
        c, s = power.real, power.imag
        if k == 0 or self._half(k):
            value = torch.ones_like(flip)
            if k:
                turned = math.cos(k * self.mirror) * c + math.sin(k * self.mirror) * s
                value = (torch.where(flip > 0, c, turned) if self.flips else c).round()
            if parity == "o":
                value = value * flip
            out = value[..., None, None]
        else:
            out = torch.stack([torch.stack([c, -flip * s], -1), torch.stack([s, flip * c], -1)], -2)
        return out * axis[..., None, None] if sign == "-" else out

    def from_integers(self, numbers: tuple[int, ...]) -> str | None:
        k = numbers[-1]
        parity = ("" if not self.flips else "e" if k == 0 else "") if len(numbers) == 1 else None
        if len(numbers) == 2 and numbers[0] in (0, 1) and self.flips:
            special = k == 0 or self._half(k)
            parity = ("e", "o")[numbers[0]] if special else "" if numbers[0] == 1 else None
        return None if parity is None or len(numbers) > 2 else f"{k}{parity}" + ("+" if self.axis else "")


class Spatial(Family):
    """SO(3): "l"; O(3): "le" and "lo", where -1 acts as + and -. Degree 1 odd is the vector (x, y, z)."""

    def __init__(self, with_parity: bool) -> None:
        self.parity = with_parity
        self.known = 'a degree and a parity ("0e", "1o", "2e", ...)' if with_parity else 'a degree ("0", "1", "2", ...)'

    def labels(self, max_degree: int | None) -> tuple[str, ...]:
        if max_degree is None:
            raise ValueError("irreps(max_degree): a continuous group has infinitely many irreps; say up to which degree")
        return tuple(f"{k}{p}" for k in range(max_degree + 1) for p in (("e", "o") if self.parity else ("",)))

    def normalise(self, label: str) -> str:
        return label if self.parity else re.sub(r"^(\d+)[eo]$", r"\1", label)

    def info(self, label: str) -> IrrepInfo | None:
        match = re.fullmatch(r"(\d+)[eo]" if self.parity else r"(\d+)", label)
        return IrrepInfo(2 * int(match[1]) + 1, 1, int(match[1])) if match else None

    def matrices(self, label: str, g: Tensor) -> Tensor:
        if not self.parity:
            return wigner_d(int(label), g)
        sign = torch.linalg.det(g).sign()[..., None, None]
        d = wigner_d(int(label[:-1]), g * sign)
        return d * sign if label[-1] == "o" else d

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
        found = self.search.get(int(label)) if re.fullmatch(r"\d{1,6}", label) else None
        return IrrepInfo(found.dim, found.endomorphisms, found.degree) if found else None

    def matrices(self, label: str, g: Tensor) -> Tensor:
        return self.search.matrices(int(label), g)

    def from_integers(self, numbers: tuple[int, ...]) -> str | None:
        return str(numbers[0]) if len(numbers) == 1 else None


def integers(label: tuple[Any, ...]) -> bool:
    """Whether a label was given as whole numbers."""
    return bool(label) and all(isinstance(part, int) and not isinstance(part, bool) for part in label)
