"""Irreps in closed form of the groups that act on a plane, and possibly on the axis across it."""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor

from steer.group import ContinuousGroup, FiniteGroup, working
from steer.representation._family import Family, IrrepInfo

_ALONG = 1e-9  # off-axis entries of a group that keeps the z axis; they would move its irreps by their square


def _signs(g: Tensor) -> tuple[Tensor, Tensor]:
    """Determinant on the plane and sign on the axis."""
    block = g[..., 0, 0] * g[..., 1, 1] - g[..., 0, 1] * g[..., 1, 0]
    return block, (g[..., 2, 2] if g.shape[-1] == 3 else torch.ones_like(block))


_FACTORS = 64  # up to this power one factor after the other, in the order of operations that the bases in packs have


def _power(z: Tensor, k: int) -> Tensor:
    """`z^k`; high powers by repeated squaring, as rounding grows with the number of products."""
    out = torch.ones_like(z)
    if k <= _FACTORS:
        for _ in range(k):
            out = out * z
        return out
    while k:
        out, z, k = (out * z if k % 2 else out), z * z, k // 2
    return out


def planar_continuous(group: ContinuousGroup) -> Planar:
    """The irreps of a group that holds all turns of the plane."""
    block, axis = _signs(group.components)
    flips = bool((block < 0).any())
    return Planar(None, flips, len(block) == 4 or (bool((axis < 0).any()) and not flips), 0.0)


def planar_finite(group: FiniteGroup) -> Planar | None:
    """The irreps of a finite group of the plane, or of space that keeps the z axis; None for any other.

    If the level mirror `diag(1, 1, -1)` is an element, the group is a planar one times that mirror (cylindrical groups).
    Otherwise its action on the plane is faithful, and the sign of the axis follows from it: always + (cyclic and conical
    groups), or that of the flip (dihedral groups). Rotoreflection groups, where it follows from the turn, are left to the
    search: no limit with all turns lends them its labels.
    """
    elements = group.elements
    if group.d == 3 and float(torch.cat([elements[:, 2, :2], elements[:, :2, 2]]).abs().max()) > _ALONG:
        return None
    block, axis = _signs(elements)
    plane = elements[:, :2, :2] - torch.eye(2, dtype=torch.float64)
    mirrored = bool(((plane.abs().amax((1, 2)) < _ALONG) & (axis < 0)).any())
    if not mirrored and bool((axis < 0).any()) and not bool((axis * block > 0).all()):
        return None
    turns = int((block > 0).sum()) // (2 if mirrored else 1)
    flipped = (block < 0).nonzero()
    if not len(flipped):
        return Planar(turns, False, mirrored, 0.0)
    first = elements[int(flipped[0])]
    return Planar(turns, True, mirrored, float(torch.atan2(first[1, 0], first[0, 0])))


class Planar(Family):
    """Groups that act on a plane by turns and possibly flips, and possibly on its axis by a sign of its own.

    Frequency k turns by k theta; a reflection `[[cos p, sin p], [sin p, -cos p]]` goes to the one with angle k p. The sign
    representation is "0o", the trivial one of a group with flips "0e". In a finite group of an even number n of turns,
    frequency n/2 is one-dimensional, and with flips there are two of it: "e" is +1 on the first reflection of the group.
    Labels of cylinder groups end in the sign of the axis, "+" or "-".

    A finite group of space that keeps the z axis has the labels of its plane, and those of its limit with all turns.

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
        match = re.fullmatch(r"([0-9]+)([eo]?)([+-]?)", label)
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
        dtype, g = g.dtype, working(g)
        flip, axis = _signs(g)
        power = _power(torch.complex(g[..., 0, 0], g[..., 1, 0]), k)
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
        return (out * axis[..., None, None] if sign == "-" else out).to(dtype)

    def from_integers(self, numbers: tuple[int, ...]) -> str | None:
        k = numbers[-1]
        parity = ("" if not self.flips else "e" if k == 0 else "") if len(numbers) == 1 else None
        if len(numbers) == 2 and numbers[0] in (0, 1) and self.flips:
            special = k == 0 or self._half(k)
            parity = ("e", "o")[numbers[0]] if special else "" if numbers[0] == 1 else None
        return None if parity is None or len(numbers) > 2 else f"{k}{parity}" + ("+" if self.axis else "")
