"""The type of a feature field: how its channels transform."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from steer.expansion import transform
from steer.field._gspace import GSpace
from steer.group import Group
from steer.representation import Representation, direct_sum, parse_fields


class FieldType:
    """A list of fields over a gspace: representations that follow one another in the channel axis; a value.

    Law: `[g f](x) = rho(g) f(g^-1 x)` with rho the direct sum of `representations`.

    Args:
        gspace: the group and its grid.
        representations: representations of `gspace.fibergroup`, or strings such as "8xregular + 4x1"; at least one.
    Attributes:
        size: number of channels.
        runs: consecutive equal fields with their number, in channel order.
    Raises:
        ValueError: if there is none, or one belongs to another group.
    """

    def __init__(self, gspace: GSpace, representations: Iterable[Representation | str] | str) -> None:
        if not isinstance(gspace, GSpace):
            raise TypeError(f"FieldType: a GSpace is required first (see steer.gspaces); received {type(gspace).__name__}")
        if not isinstance(representations, (str, Representation, Iterable)):
            raise TypeError(
                "FieldType: a list of representations, or a string such as '8xregular + 4x1', is required; received "
                f"{type(representations).__name__} {representations!r}"
            )
        items = [representations] if isinstance(representations, (str, Representation)) else list(representations)
        fields: list[Representation] = []
        for item in items:
            if isinstance(item, str):
                fields += parse_fields(gspace.fibergroup, item)
            elif isinstance(item, Representation):
                fields.append(item)
            else:
                raise TypeError(f"FieldType: representations or strings are required; received {type(item).__name__}")
        if not fields:
            raise ValueError("FieldType: at least one field is required; received none")
        for field in set(fields):
            if field.group != gspace.fibergroup:
                raise ValueError(
                    f"FieldType: representations of {gspace.fibergroup} are required; received {field} of {field.group}; "
                    "restrict it to the subgroup, or build it from this gspace"
                )
        self.gspace = gspace
        self.representations: tuple[Representation, ...] = tuple(fields)
        self.size = sum(field.dim for field in fields)
        # Here, not when they are asked for: every typed call compares types, and compilers follow neither of the two.
        self.runs: tuple[tuple[Representation, int], ...] = tuple((f, len(list(same))) for f, same in groupby(fields))
        self._hash = hash((gspace, self.runs))

    @property
    def fibergroup(self) -> Group:
        return self.gspace.fibergroup

    @property
    def representation(self) -> Representation:
        """The direct sum of all fields."""
        return direct_sum(self.representations)

    @property
    def is_permutation(self) -> bool:
        """Whether pointwise nonlinearities are equivariant on it."""
        return all(field.is_permutation for field in set(self.representations))

    def channels(self) -> Iterator[tuple[Representation, slice]]:
        """Every field with its span of the channel axis."""
        start = 0
        for field in self.representations:
            yield field, slice(start, start + field.dim)
            start += field.dim

    def restrict(self, subgroup: Group) -> FieldType:
        """The same channels seen by a subgroup."""
        space = self.gspace.restrict(subgroup)
        return FieldType(space, [field.restrict(space.fibergroup) for field in self.representations])

    def transform_fibers(self, tensor: Tensor, g: Tensor) -> Tensor:
        """`rho(g)` on the channel axis alone, `[batch, channel, ...]`.

        Raises:
            ValueError: if there are more or fewer channels than the type has.
        """
        if tensor.ndim < 2 or tensor.shape[1] != self.size:
            raise ValueError(
                f"transform_fibers: a tensor [batch, {self.size}, ...] is required for {self}; received shape "
                f"{tuple(tensor.shape)}"
            )
        pieces = []
        start = 0
        for field, count in self.runs:
            span = tensor[:, start : start + count * field.dim]
            split = span.reshape(len(tensor), count, field.dim, *tensor.shape[2:])
            matrix = field(g.to("cpu", torch.float64)).to(tensor)
            pieces.append(torch.einsum("ij,bnj...->bni...", matrix, split).reshape(span.shape))
            start += count * field.dim
        return torch.cat(pieces, 1)

    def transform(self, tensor: Tensor, g: Tensor, mode: str = "bilinear") -> Tensor:
        """`[g f](x) = rho(g) f(g^-1 x)`, `[batch, channel, *space]`; exact for symmetries of the grid.

        Args:
            tensor: fields of this type.
            g: an element of the group, `[d, d]`.
            mode: interpolation for elements that the grid does not support.
        Raises:
            ValueError: if the tensor does not have the shape of this type.
        """
        if not isinstance(g, Tensor) or g.shape != (self.fibergroup.d, self.fibergroup.d):
            raise TypeError(
                f"transform: the matrix [{self.fibergroup.d}, {self.fibergroup.d}] of an element is required, such as "
                f"gspace.testing_elements[1]; received {tuple(g.shape) if isinstance(g, Tensor) else repr(g)}"
            )
        self.check(tensor)
        moved = self.transform_fibers(tensor, g)
        return moved if self.gspace.lattice is None else transform(moved, self.gspace.lattice, g, mode)

    def check(self, tensor: Tensor) -> None:
        """Raise `ValueError` unless a tensor has the shape `[batch, size, *space]` of this type.

        Without base space the fields of a set may follow, along any number of axes: `[batch, size, *position]`.
        """
        d = self.gspace.dimensionality
        if tensor.ndim < 2 + d or (d and tensor.ndim > 2 + d) or tensor.shape[1] != self.size:
            axes = ", ".join(["batch", str(self.size), *("zyx"[3 - d :] if d else ["*position"])])
            raise ValueError(f"a tensor [{axes}] is required for {self}; received shape {tuple(tensor.shape)}")

    def __len__(self) -> int:
        return len(self.representations)

    def __add__(self, other: FieldType) -> FieldType:
        if not isinstance(other, FieldType):
            return NotImplemented
        if other.gspace != self.gspace:
            raise ValueError(f"type + type: one gspace is required; received {self.gspace} and {other.gspace}")
        return FieldType(self.gspace, self.representations + other.representations)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, FieldType):
            return NotImplemented
        if self._hash != other._hash or torch.compiler.is_compiling():  # compilers cannot compare the matrices of groups
            return self._hash == other._hash
        # Field by field it would compare the matrices of a finite group once for each.
        return self.gspace == other.gspace and self.runs == other.runs

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return FieldType, (self.gspace, list(self.representations))

    def __str__(self) -> str:
        named = [(f"({field})" if " + " in str(field) else str(field), count) for field, count in self.runs]
        fields = " + ".join(f"{count}x{name}" if count > 1 else name for name, count in named)
        return f"{fields} of {self.gspace}"

    def __repr__(self) -> str:
        return f"<FieldType {self}, {self.size} channels>"
