"""How the channels of a list of representations split into atoms: irreps and quotients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steer.coupling import decompose
from steer.group import deterministic
from steer.representation import DirectSum, Irrep, Quotient, Representation
from steer.store import cached


def atoms(representation: Representation) -> tuple[tuple[Representation, ...], Tensor | None]:
    """The atoms of a representation in channel order, and the change of basis to them (None for the identity)."""
    if isinstance(representation, Irrep) or (isinstance(representation, Quotient) and representation.group.is_finite):
        return (representation,), None
    if isinstance(representation, DirectSum):
        parts = [atoms(part) for part in representation.parts]
        pieces = tuple(atom for found, _ in parts for atom in found)
        if all(change is None for _, change in parts):
            return pieces, None
        blocks = [
            torch.eye(part.dim, dtype=torch.float64) if change is None else change
            for part, (_, change) in zip(representation.parts, parts, strict=True)
        ]
        return pieces, torch.block_diag(*blocks)
    irreps, change = decompose(representation)
    return irreps, change


@dataclass(frozen=True)
class Layout:
    """Channels sorted by atom.

    Attributes:
        dim: number of channels.
        groups: `(atom, how many)`, in order of first appearance; their channels follow one another in sorted order.
        order: position in sorted order of each channel, `[dim]`, or None if sorting changes nothing.
        mixing: `[dim, dim]`, channels from sorted atoms, when a change of basis is needed (it contains `order`), or None.
    """

    dim: int
    groups: tuple[tuple[Representation, int], ...]
    order: Tensor | None
    mixing: Tensor | None


def layout(representations: tuple[Representation, ...]) -> Layout:
    """The layout of fields that follow one another in the channel axis; its tensors are the caller's own."""
    found = _layout(representations)
    order, mixing = (None if t is None else t.clone() for t in (found.order, found.mixing))
    return Layout(found.dim, found.groups, order, mixing)


@cached(256)
@deterministic
def _layout(representations: tuple[Representation, ...]) -> Layout:
    offsets: dict[Representation, list[int]] = {}
    changes: list[Tensor] = []
    start = 0
    mixed = False
    for representation in representations:
        found, change = atoms(representation)
        mixed |= change is not None
        changes.append(torch.eye(representation.dim, dtype=torch.float64) if change is None else change)
        for atom in found:
            offsets.setdefault(atom, []).append(start)
            start += atom.dim
    channel = torch.cat([torch.arange(offset, offset + atom.dim) for atom, where in offsets.items() for offset in where])
    groups = tuple((atom, len(where)) for atom, where in offsets.items())
    order = channel.argsort()
    plain = bool((order == torch.arange(start)).all())
    mixing = torch.block_diag(*changes)[:, channel] if mixed else None
    return Layout(start, groups, None if plain or mixed else order, mixing)
