"""Act on equal fields at once: channels viewed as `[batch, field, component, *space]`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from steer.field import FieldType
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

    def __init__(self, in_type: FieldType, kind: Callable[[Representation], Any] = lambda field: field.dim) -> None:
        super().__init__()
        found: dict[tuple[Hashable, int], list[tuple[int, int]]] = {}
        kinds = {field: kind(field) for field in set(in_type.representations)}
        for position, (field, span) in enumerate(in_type.channels()):
            found.setdefault((kinds[field], field.dim), []).append((position, span.start))
        self.kinds = [key for key, _ in found]
        self.dims = [dim for _, dim in found]
        self.counts = [len(where) for where in found.values()]
        self.sizes = [dim * count for dim, count in zip(self.dims, self.counts, strict=True)]
        channel = [start + i for (_, dim), where in found.items() for _, start in where for i in range(dim)]
        self.positions = [position for where in found.values() for position, _ in where]
        order, fields = torch.tensor(channel), torch.tensor(self.positions)
        self.in_order = bool((order.diff() == 1).all())
        self.register_buffer("order", None if self.in_order else order, persistent=False)
        self.register_buffer("back", None if self.in_order else order.argsort(), persistent=False)
        self.register_buffer("fields", None if self.in_order else fields, persistent=False)
        self.register_buffer("fields_back", None if self.in_order else fields.argsort(), persistent=False)

    def split(self, x: Tensor) -> list[Tensor]:
        """One `[batch, field, component, *space]` per group."""
        if not self.in_order:
            x = x.index_select(1, self.get_buffer("order"))
        pieces = x.split(self.sizes, 1) if len(self.sizes) > 1 else (x,)
        return [piece.unflatten(1, (-1, dim)) for piece, dim in zip(pieces, self.dims, strict=True)]

    def join(self, pieces: list[Tensor]) -> Tensor:
        """The inverse of `split`."""
        flat = [piece.flatten(1, 2) for piece in pieces]
        out = torch.cat(flat, 1) if len(flat) > 1 else flat[0]
        return out if self.in_order else out.index_select(1, self.get_buffer("back"))

    def split_fields(self, numbers: Tensor, axis: int = 0) -> tuple[Tensor, ...]:
        """From one number per field along an axis, those of each group."""
        if not self.in_order:
            numbers = numbers.index_select(axis, self.get_buffer("fields"))
        return numbers.split(self.counts, axis)

    def join_fields(self, pieces: list[Tensor], axis: int = 0) -> Tensor:
        """The inverse of `split_fields`."""
        out = torch.cat(pieces, axis) if len(pieces) > 1 else pieces[0]
        return out if self.in_order else out.index_select(axis, self.get_buffer("fields_back"))


def squared_norm(fields: Tensor) -> Tensor:
    """`|f|^2` of every field, `[batch, field, component, *space] -> [batch, field, *space]`; at least single precision."""
    wide = fields.float() if fields.dtype in (torch.float16, torch.bfloat16) else fields
    return wide.square().sum(2)


def field_of_channel(kind: FieldType) -> Tensor:
    """The position of the field that each channel belongs to, `[channels]`."""
    return torch.tensor([i for i, field in enumerate(kind.representations) for _ in range(field.dim)])
