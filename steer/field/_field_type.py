"""The type of a feature field: how its channels transform."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from steer.expansion import transform
from steer.field._gspace import GSpace
from steer.field._index import numbers_of_fields
from steer.group import Group, require
from steer.representation import Representation, direct_sum, parse_fields

if TYPE_CHECKING:
    from steer.field._geometric_tensor import GeometricTensor


class FieldType:
    """A list of fields over a gspace: representations that follow one another in the channel axis; a value.

    Called with a tensor, it gives a `GeometricTensor` of this type.

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
        self._axes = 2 + gspace.dimensionality  # of a tensor; here, as every layer checks its input
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

    @property
    def fields_start(self) -> tuple[int, ...]:
        """The first channel of every field."""
        return tuple(span.start for _, span in self.channels())

    @property
    def fields_end(self) -> tuple[int, ...]:
        """The channel after the last one of every field."""
        return tuple(span.stop for _, span in self.channels())

    def index_select(self, fields: Sequence[int] | Tensor | slice | int) -> FieldType:
        """The type of some fields, in this order: that of `x[:, fields]`, which takes their channels.

        Args:
            fields: their numbers, or a mask, one entry per field: lists, tensors or arrays; a slice; one number.
        Raises:
            TypeError: if it is something else, such as a list of fractions.
            ValueError: if there is none.
            IndexError: if there is no field of a number.
        """
        chosen = numbers_of_fields(fields, len(self), "index_select")
        return FieldType(self.gspace, [self.representations[i] for i in chosen])

    def channels_of(self, fields: Sequence[int] | Tensor | slice | int) -> list[int]:
        """The channels of some fields, given as in `index_select`, one field after another in this order.

        Raises:
            TypeError, IndexError: as `index_select`.

        >>> from steer import gspaces
        >>> gspaces.rot2dOnR2(4).type("0 + 1 + 0").channels_of([2, 1])
        [3, 1, 2]
        """
        spans = [span for _, span in self.channels()]
        chosen = numbers_of_fields(fields, len(self), "channels_of")
        return [channel for i in chosen for channel in range(spans[i].start, spans[i].stop)]

    def sorted(self) -> FieldType:
        """The same fields by dimension and name, equal ones together; `nn.Reshuffle(kind)` moves the channels there."""
        return self.index_select(self.sorted_fields())

    def sorted_fields(self) -> list[int]:
        """The numbers of the fields in the order of `sorted`; equal ones stay in their order."""
        fields = self.representations
        return sorted(range(len(fields)), key=lambda i: (fields[i].dim, str(fields[i])))

    def group_by_labels(self, labels: Sequence[Hashable]) -> dict[Hashable, FieldType]:
        """The fields of each label, in their order; labels in the order in which they come first.

        Args:
            labels: one per field.
        Raises:
            TypeError: if it is no list; the letters of a string are no labels.
            ValueError: if there are more or fewer.

        >>> from steer import gspaces
        >>> kind = gspaces.rot2dOnR2(4).type("0 + 1 + 0")
        >>> {label: kind.size for label, kind in kind.group_by_labels(["grey", "flow", "grey"]).items()}
        {'grey': 2, 'flow': 2}
        """
        if isinstance(labels, str):
            raise TypeError(f"group_by_labels: a list of labels is required; received str {labels!r}")
        if len(require(labels, Sequence, "group_by_labels", "a list of labels")) != len(self):
            raise ValueError(f"group_by_labels: {len(self)} labels, one per field, are required; received {len(labels)}")
        return {
            label: self.index_select([i for i, other in enumerate(labels) if other == label])
            for label in dict.fromkeys(labels)
        }

    def restrict(self, subgroup: Group | int | Tensor) -> FieldType:
        """The same channels seen by a subgroup, given as in `Group.subgroup`."""
        space = self.gspace.restrict(subgroup)
        return FieldType(space, [field.restrict(space.fibergroup) for field in self.representations])

    def transform_fibers(self, tensor: Tensor, g: Tensor) -> Tensor:
        """`rho(g)` on the channel axis alone, `[batch, channel, ...]`.

        Raises:
            ValueError: if there are more or fewer channels than the type has.
        """
        _require_element(g, self.fibergroup, "transform_fibers")
        _require_tensor(tensor, "transform_fibers")
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
        _require_element(g, self.fibergroup, "transform")
        self.check(tensor)
        moved = self.transform_fibers(tensor, g)
        return moved if self.gspace.lattice is None else transform(moved, self.gspace.lattice, g, mode)

    def check(self, tensor: Tensor) -> None:
        """Raise `ValueError` unless a tensor has the shape `[batch, size, *space]` of this type.

        Without base space the fields of a set may follow, along any number of axes: `[batch, size, *position]`.
        """
        _require_tensor(tensor, "check")
        is_set = self._axes == 2 and tensor.ndim > 2
        if not (tensor.ndim == self._axes or is_set) or tensor.shape[1] != self.size:
            d = self.gspace.dimensionality
            axes = ", ".join(["batch", str(self.size), *("zyx"[3 - d :] if d else ["*position"])])
            raise ValueError(f"a tensor [{axes}] is required for {self}; received shape {tuple(tensor.shape)}")

    def __call__(self, tensor: Tensor) -> GeometricTensor:
        """A tensor of this type, `GeometricTensor(tensor, type)`."""
        from steer.field._geometric_tensor import GeometricTensor

        return GeometricTensor(tensor, self)

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


def _require_element(g: Tensor, group: Group, where: str) -> None:
    if not isinstance(g, Tensor) or g.shape != (group.d, group.d):
        raise TypeError(
            f"{where}: the matrix [{group.d}, {group.d}] of an element is required, such as gspace.testing_elements[1]; "
            f"received {tuple(g.shape) if isinstance(g, Tensor) else repr(g)}"
        )


def _require_tensor(tensor: Tensor, where: str) -> None:
    if not isinstance(tensor, Tensor):
        kind = type(tensor).__name__
        way_out = "; x.transform(g) has the type itself, x.tensor is the tensor" if kind == "GeometricTensor" else ""
        raise TypeError(f"{where}: a torch tensor is required; received {kind}{way_out}")
