"""Items of a tensor of fields along its axes: of the batch, whole fields of the channels, parts of space."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from steer.field._field_type import FieldType

_WANTED = "an integer, a slice, or a list of integers"


def select(tensor: Tensor, kind: FieldType, items: Any) -> tuple[Tensor, FieldType]:
    """`tensor[batch, field, *space]` and its type; every axis stays, and lists act on their own axis alone.

    Raises:
        TypeError: if an item is neither integer, slice nor list of integers.
        IndexError: if one is out of range, takes no field, or there are more items than axes.
    """
    each = _per_axis(items if isinstance(items, tuple) else (items,), tensor.ndim)
    chosen = numbers_of_fields(each[1], len(kind), "x[...]")
    if not chosen:
        raise IndexError(f"x[...]: at least one of {len(kind)} fields is required; received {each[1]!r}")
    if chosen != list(range(len(kind))):
        tensor, kind = _channels(tensor, kind, chosen), kind.index_select(chosen)
    for axis, item in enumerate(each):
        if axis != 1:
            tensor = _along(tensor, axis, item, "the batch" if axis == 0 else f"axis {axis}")
    return tensor, kind


def _per_axis(items: tuple[Any, ...], axes: int) -> list[Any]:
    """One item for every axis, an ellipsis and what follows the last one filled up."""
    dots = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1 or len(items) - len(dots) > axes:
        raise IndexError(f"x[...]: at most {axes} items, for batch, fields and space, are required; received {items!r}")
    place = dots[0] if dots else len(items)
    before, after = list(items[:place]), list(items[place + 1 :])
    return [*before, *[slice(None)] * (axes - len(before) - len(after)), *after]


def numbers_of_fields(item: Any, count: int, where: str) -> list[int]:
    """The numbers of those of so many fields that an item takes; Python's own, which compilers follow.

    Raises:
        TypeError: if it is neither integer, slice, list of integers nor mask.
        IndexError: if one is out of range.
    """
    if isinstance(item, slice):
        return list(range(count))[item]
    given = _plain(item)
    listed = [given] if _is_integer(given) else given
    if isinstance(listed, list) and len(listed) == count and all(isinstance(i, bool) for i in listed):  # a mask
        return [i for i, taken in enumerate(listed) if taken]
    if not isinstance(listed, list) or not all(map(_is_integer, listed)):
        raise TypeError(f"{where}: {_WANTED}, is required for fields; received {item!r}")
    if not all(-count <= i < count for i in listed):
        raise IndexError(f"{where}: integers from {-count} to {count - 1} are required for fields; received {item!r}")
    return [int(i) % count for i in listed]


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _channels(tensor: Tensor, kind: FieldType, chosen: list[int]) -> Tensor:
    """The channels of some fields, in this order; a view where they follow one another."""
    starts, ends = kind.fields_start, kind.fields_end
    if chosen == list(range(chosen[0], chosen[-1] + 1)):
        return tensor[:, starts[chosen[0]] : ends[chosen[-1]]]
    return tensor.index_select(1, torch.tensor(kind.channels_of(chosen), device=tensor.device))


def _along(tensor: Tensor, axis: int, item: Any, what: str) -> Tensor:
    """Items along one axis, which stays."""
    size = tensor.shape[axis]
    if not isinstance(item, Tensor) or not item.ndim:  # an index along one axis stays where it is
        item = _plain(item)
    if _is_integer(item):
        if not -size <= item < size:
            raise IndexError(f"x[...]: an integer from {-size} to {size - 1} is required for {what}; received {item}")
        return tensor.narrow(axis, item % size, 1)
    if not isinstance(item, slice) and not _has_one_axis(item):
        raise TypeError(f"x[...]: {_WANTED}, is required for {what}; received {item!r}")
    try:
        return tensor[(slice(None),) * axis + (item,)]
    except (IndexError, TypeError, ValueError, RuntimeError) as error:
        raise IndexError(f"x[...]: {_WANTED}, is required for the {size} of {what}; received {item!r}: {error}") from error


def _plain(item: Any) -> Any:
    """Tensors, arrays and sequences of numbers as Python's own; anything else as it is."""
    if hasattr(item, "tolist"):
        return item.tolist()
    return [_plain(i) for i in item] if isinstance(item, Sequence) and not isinstance(item, str) else item


def _has_one_axis(item: Any) -> bool:
    """Whether it is a list of integers or a mask; one of lists would add an axis."""
    if isinstance(item, Tensor):
        return item.ndim == 1 and not (item.is_floating_point() or item.is_complex())
    return isinstance(item, list) and all(isinstance(i, Integral) for i in item)
