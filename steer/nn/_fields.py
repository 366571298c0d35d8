"""Act on equal fields at once: channels viewed as `[batch, field, component, *space]`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from steer.field import FieldType
from steer.nn._constants import Constants
from steer.nn._field_products import scale, scale_in_a_row
from steer.representation import Representation

_FEW_RUNS = 32


class FieldGroups(torch.nn.Module):
    """The fields of a type sorted into groups of one kind, with their channels viewed field by field.

    Fields of a group that follow one another are sliced, and so are types that repeat, such as 8 times `0 + 1 + 2`; only
    others are gathered and scattered. It holds no parameters and adds nothing to a checkpoint.

    Args:
        in_type: the fields.
        kind: what the fields of one group have in common, besides their dimension.

    Attributes:
        kinds: the kind of each group, in order of first appearance.
        dims: dimension of the fields of each group.
        counts: number of fields of each group.
        positions: which field of the type comes where in the order of the groups.
    """

    is_machinery = True

    def __init__(self, in_type: FieldType, kind: Callable[[Representation], Any] = lambda field: field.dim) -> None:
        super().__init__()
        kinds = {field: kind(field) for field in set(in_type.representations)}
        self._sort(
            [list(range(span.start, span.stop)) for _, span in in_type.channels()],
            [kinds[field] for field in in_type.representations],
        )

    @classmethod
    def of_blocks(cls, blocks: list[list[int]], kinds: list[Any] | None = None) -> FieldGroups:
        """Blocks of channels in place of fields: parts of a field, or several fields taken as one.

        Args:
            blocks: the channels of every block; each channel of the type occurs once in all.
            kinds: what the blocks of one group have in common, besides their number of channels.
        """
        out = cls.__new__(cls)
        torch.nn.Module.__init__(out)
        out._sort(blocks, [None] * len(blocks) if kinds is None else kinds)
        return out

    def _sort(self, blocks: list[list[int]], kinds: list[Any]) -> None:
        found: dict[tuple[Hashable, int], list[int]] = {}
        for position, (block, kind) in enumerate(zip(blocks, kinds, strict=True)):
            found.setdefault((kind, len(block)), []).append(position)
        self.kinds: list[Any] = [kind for kind, _ in found]
        self.dims, self.counts = [dim for _, dim in found], [len(where) for where in found.values()]
        self.positions = [position for where in found.values() for position in where]
        order = [channel for position in self.positions for channel in blocks[position]]
        self.sizes = [dim * count for dim, count in zip(self.dims, self.counts, strict=True)]
        self.in_order = order == list(range(len(order)))
        self.repeats = _repeats([(kind, len(block)) for block, kind in zip(blocks, kinds, strict=True)], blocks)
        self.index: Constants | None = None
        self.order: ChannelOrder | None = None
        self.back: ChannelOrder | None = None
        if not self.in_order:
            self.index = Constants(fields=self.positions, fields_back=_inverse(self.positions))
            self.order, self.back = ChannelOrder(order), ChannelOrder(_inverse(order))

    def split(self, x: Tensor) -> list[Tensor]:
        """One `[batch, field, component, *space]` per group, and then the channels after those of the fields, if any."""
        rest = x.shape[1] - sum(self.sizes)
        if rest and (self.repeats > 1 or self.order is not None):
            fields, others = x.split([x.shape[1] - rest, rest], 1)
            return [*self.split(fields), others]
        if self.repeats > 1:
            parts = x.unflatten(1, (self.repeats, -1)).split([size // self.repeats for size in self.sizes], 2)
            return [part.unflatten(2, (-1, dim)).flatten(1, 2) for part, dim in zip(parts, self.dims, strict=True)]
        if self.order is not None:
            x = self.order.take(x)
        sizes = [*self.sizes, rest] if rest else self.sizes
        pieces = x.split(sizes, 1) if len(sizes) > 1 else (x,)
        shapes = zip(pieces, self.counts, self.dims, strict=False)
        grouped = [piece.reshape(x.shape[0], count, dim, *x.shape[2:]) for piece, count, dim in shapes]
        return [*grouped, pieces[-1]] if rest else grouped

    def join(self, pieces: list[Tensor]) -> Tensor:
        """The inverse of `split`."""
        if self.repeats > 1:
            return torch.cat([piece.unflatten(1, (self.repeats, -1)).flatten(2, 3) for piece in pieces], 2).flatten(1, 2)
        flat = [piece.flatten(1, 2) for piece in pieces]
        out = torch.cat(flat, 1) if len(flat) > 1 else flat[0]
        return out if self.back is None else self.back.take(out)

    def join_scaled(self, pieces: list[Tensor], factors: list[Tensor | None]) -> Tensor:
        """`join` of every field times its number; pieces with None for numbers are taken as they are."""
        if len(pieces) > 1 and self.order is None and self.repeats == 1:
            return scale_in_a_row(pieces, factors)
        return self.join([f if s is None else scale(f, s) for f, s in zip(pieces, factors, strict=True)])

    def split_fields(self, numbers: Tensor, axis: int = 0) -> tuple[Tensor, ...]:
        """From one number per field along an axis, those of each group."""
        if self.index is not None:
            numbers = numbers.index_select(axis, self.index["fields"])
        return numbers.split(self.counts, axis)

    def join_fields(self, pieces: list[Tensor], axis: int = 0) -> Tensor:
        """The inverse of `split_fields`."""
        out = torch.cat(pieces, axis) if len(pieces) > 1 else pieces[0]
        return out if self.index is None else out.index_select(axis, self.index["fields_back"])


def _repeats(kinds: list[Hashable], blocks: list[list[int]]) -> int:
    """How often a type repeats a part in which no kind comes back; 1 if it does not, or if one part is all."""
    channels = [channel for block in blocks for channel in block]
    distinct = len(set(kinds))
    first = next((i for i in range(1, len(kinds)) if kinds[i] == kinds[0] != kinds[i - 1]), len(kinds))
    runs = len([1 for i in range(first) if i == 0 or kinds[i] != kinds[i - 1]])
    if channels != list(range(len(channels))) or runs != distinct or len(kinds) % first:
        return 1
    return len(kinds) // first if all(kinds[i] == kinds[i % first] for i in range(len(kinds))) else 1


class ChannelOrder(torch.nn.Module):
    """Channels in another order, `out_i = x_order[i]`: run by run where they move in few runs, otherwise one by one.

    Runs stay last in memory where channels come last, forwards and backwards; what an index list selects, and its gradient,
    torch lays out with channels first.

    Args:
        order: every channel once.
    """

    is_machinery = True

    def __init__(self, order: list[int]) -> None:
        super().__init__()
        cuts = [0, *(i for i in range(1, len(order)) if order[i] != order[i - 1] + 1), len(order)]
        lengths = {order[start]: stop - start for start, stop in pairwise(cuts)}
        place = {first: i for i, first in enumerate(sorted(lengths))}
        self.lengths = [lengths[first] for first in sorted(lengths)]
        self.places = [place[first] for first in lengths]
        self.index = Constants(order=order) if len(lengths) > _FEW_RUNS else None

    def take(self, x: Tensor) -> Tensor:
        """The channels in this order. No `forward`: it is no layer, and has no law that a measurement could ask for."""
        if self.index is not None:
            return x.index_select(1, self.index["order"])
        runs = x.split(self.lengths, 1)
        return torch.cat([runs[i] for i in self.places], 1)


def _inverse(order: list[int]) -> list[int]:
    return sorted(range(len(order)), key=order.__getitem__)


def consecutive(sizes: Iterable[int]) -> list[list[int]]:
    """Blocks of these sizes that follow one another, each a list of its members."""
    stops = list(accumulate(sizes, initial=0))
    return [list(range(start, stop)) for start, stop in pairwise(stops)]


def field_of_channel(kind: FieldType) -> list[int]:
    """The position of the field that each channel belongs to."""
    return [i for i, field in enumerate(kind.representations) for _ in range(field.dim)]
