"""How the channels of a list of representations split into atoms: irreps and quotients."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
class Run:
    """Equal atoms that follow one another in the channels: the first and the number among their kind, the first channel."""

    first: int
    count: int
    channel: int


@dataclass(frozen=True)
class Layout:
    """Channels sorted by atom.

    Attributes:
        dim: number of channels.
        groups: `(atom, how many)`, in order of first appearance; their channels follow one another in sorted order.
        order: position in sorted order of each channel, `[dim]`, or None if sorting changes nothing.
        mixing: `[dim, dim]`, channels from sorted atoms, when a change of basis is needed (it contains `order`), or None.
        runs: for each group where its atoms stand: in the channels, or in sorted order if they are moved afterwards.
        moved: whether `order` or `mixing` takes `runs` to the channels. Not so where atoms stand together, in a few runs.
    """

    dim: int
    groups: tuple[tuple[Representation, int], ...]
    order: Tensor | None
    mixing: Tensor | None
    runs: tuple[tuple[Run, ...], ...]
    moved: bool


def layout(representations: tuple[Representation, ...]) -> Layout:
    """The layout of fields that follow one another in the channel axis; its tensors are the caller's own."""
    found = _layout(representations)
    order, mixing = (None if t is None else t.clone() for t in (found.order, found.mixing))
    return replace(found, order=order, mixing=mixing)


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
    runs = tuple(_runs(atom, where) for atom, where in offsets.items())
    moved = mixed or sum(map(len, runs)) > _FEW * len(groups)
    if moved:
        counts = [count * atom.dim for atom, count in groups]
        runs = tuple((Run(0, count, sum(counts[:i])),) for i, (_, count) in enumerate(groups))
    return Layout(start, groups, None if plain or mixed else order, mixing, runs, moved)


_FEW = 3  # runs of each kind: more pieces cost more than a pass over the kernel that sorts it


def _runs(atom: Representation, offsets: list[int]) -> tuple[Run, ...]:
    """Atoms of one kind as runs."""
    breaks = [i for i in range(len(offsets)) if i == 0 or offsets[i] != offsets[i - 1] + atom.dim]
    ends = [*breaks[1:], len(offsets)]
    return tuple(Run(first, end - first, offsets[first]) for first, end in zip(breaks, ends, strict=True))
