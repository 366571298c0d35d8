"""Act on equal fields at once: channels viewed as `[batch, field, component, *space]`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from steer.field import FieldType
from steer.nn._constants import Constants
from steer.representation import Representation


class FieldGroups(torch.nn.Module):
    """The fields of a type sorted into groups of one kind, with their channels viewed field by field.

    Fields of a group that follow one another are sliced; only types whose kinds alternate are gathered and scattered. It
    holds no parameters and adds nothing to a checkpoint.

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
        found: dict[tuple[Hashable, int], list[tuple[int, int]]] = {}
        kinds = {field: kind(field) for field in set(in_type.representations)}
        for position, (field, span) in enumerate(in_type.channels()):
            found.setdefault((kinds[field], field.dim), []).append((position, span.start))
        self.kinds = [key for key, _ in found]
        self.positions = [position for where in found.values() for position, _ in where]
        order = [start + i for (_, dim), where in found.items() for _, start in where for i in range(dim)]
        self._arrange([dim for _, dim in found], [len(where) for where in found.values()], order)

    def _arrange(self, dims: list[int], counts: list[int], order: list[int]) -> None:
        self.dims, self.counts = dims, counts
        self.sizes = [dim * count for dim, count in zip(dims, counts, strict=True)]
        self.in_order = order == list(range(len(order)))
        self.index: Constants | None = None
        if not self.in_order:
            lists = {"order": order, "fields": self.positions}
            back = {f"{name}_back": sorted(range(len(o)), key=o.__getitem__) for name, o in lists.items()}
            self.index = Constants(**lists, **back)

    @classmethod
    def regrouped(cls, order: list[int], dim: int) -> FieldGroups:
        """A single group of fields of one dimension, given the channel that each of their components is in."""
        out = cls.__new__(cls)
        torch.nn.Module.__init__(out)
        count = len(order) // dim
        out.kinds, out.positions = [None], list(range(count))
        out._arrange([dim], [count], order)
        return out

    def split(self, x: Tensor) -> list[Tensor]:
        """One `[batch, field, component, *space]` per group."""
        if self.index is not None:
            x = x.index_select(1, self.index["order"])
        pieces = x.split(self.sizes, 1) if len(self.sizes) > 1 else (x,)
        return [piece.unflatten(1, (-1, dim)) for piece, dim in zip(pieces, self.dims, strict=True)]

    def join(self, pieces: list[Tensor]) -> Tensor:
        """The inverse of `split`."""
        flat = [piece.flatten(1, 2) for piece in pieces]
        out = torch.cat(flat, 1) if len(flat) > 1 else flat[0]
        return out if self.index is None else out.index_select(1, self.index["order_back"])

    def split_fields(self, numbers: Tensor, axis: int = 0) -> tuple[Tensor, ...]:
        """From one number per field along an axis, those of each group."""
        if self.index is not None:
            numbers = numbers.index_select(axis, self.index["fields"])
        return numbers.split(self.counts, axis)

    def join_fields(self, pieces: list[Tensor], axis: int = 0) -> Tensor:
        """The inverse of `split_fields`."""
        out = torch.cat(pieces, axis) if len(pieces) > 1 else pieces[0]
        return out if self.index is None else out.index_select(axis, self.index["fields_back"])


def field_of_channel(kind: FieldType) -> list[int]:
    """The position of the field that each channel belongs to."""
    return [i for i, field in enumerate(kind.representations) for _ in range(field.dim)]
