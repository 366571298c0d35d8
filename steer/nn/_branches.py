"""Fields in another order, in several parts, and together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import add
from typing import Any

import torch
from torch import Tensor

from steer.field import FieldType, GeometricTensor
from steer.group import require
from steer.nn._constants import Constants
from steer.nn._module import EquivariantModule, require_fields


class Reshuffle(EquivariantModule):
    """The fields of a type in another order, `out_i = f_order[i]`; a field may occur several times or not at all.

    Law: whole fields move, so each transforms as before. Exact for every group; approximate for none.

    Args:
        in_type: any fields, over any number of dimensions.
        order: the position in `in_type` of each field of `out_type`; None sorts fields by dimension and name, equal ones
            together, as layers that act on equal fields at once like it.
    Raises:
        ValueError: if it is empty or a position does not exist.

    >>> from steer import gspaces, nn
    >>> print(nn.Reshuffle(gspaces.rot2dOnR2(-1).type("1 + 0 + 1 + 0")).out_type)
    2x0 + 2x1 of so2() on square
    """

    def __init__(self, in_type: FieldType, order: Sequence[int] | None = None) -> None:
        count = len(require_fields(in_type, "Reshuffle"))
        if order is None:
            order = in_type.sorted_fields()
        listed = order.tolist() if hasattr(order, "tolist") else order  # of an array or a tensor
        whole = isinstance(listed, Sequence) and all(isinstance(i, int) and not isinstance(i, bool) for i in listed)
        if not whole or not listed or not all(0 <= i < count for i in listed):
            raise ValueError(f"Reshuffle: order, positions of fields from 0 to {count - 1}, is required; received {order!r}")
        self.order = list(listed)
        super().__init__(in_type, in_type.index_select(self.order))
        self.index = Constants(channel=in_type.channels_of(self.order))

    def compute(self, x: Tensor) -> Tensor:
        return take_channels(x, self.index)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


class Branch(torch.nn.Module):
    """Splits fields into several parts, each with a type of its own; `Merge` with the same types is the inverse.

    Law: each part transforms by its own block of a block-diagonal matrix. Exact for every group; approximate for none.

    Args:
        out_types: the types of the parts, one after another; `in_type` is their sum.
    Shapes: `[batch, in_type.size, *space]` to a list of `[batch, out_types[i].size, *space]`, geometric tensors if the input
    is one.
    Raises:
        ValueError: if there is no part, or types of several gspaces come.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> space = gspaces.rot2dOnR2(4)
    >>> split = nn.Branch([space.type("2xregular"), space.type("3x0")])
    >>> [part.shape[1] for part in split(torch.zeros(1, 11, 5, 5))]
    [8, 3]
    """

    def __init__(self, out_types: Sequence[FieldType]) -> None:
        super().__init__()
        self.in_type = sum_of_types(out_types, "Branch: out_types")
        self.out_types = list(out_types)
        self.sizes = [kind.size for kind in out_types]

    def export(self) -> torch.nn.Module:
        """The same for plain tensors, made of torch alone."""
        return _graph("Branch", torch.split, self.sizes)

    def forward(self, x: GeometricTensor | Tensor) -> list[Any]:
        if not isinstance(x, GeometricTensor):
            self.in_type.check(x)
            return split_channels(x, self.sizes)
        if x.type != self.in_type:
            raise ValueError(f"Branch: fields of type {self.in_type} are required; received {x.type}")
        parts = split_channels(x.tensor, self.sizes)
        return [GeometricTensor(part, kind) for part, kind in zip(parts, self.out_types, strict=True)]

    def extra_repr(self) -> str:
        return f"{self.in_type} -> " + ", ".join(str(kind) for kind in self.out_types)


class Merge(torch.nn.Module):
    """Concatenates fields of several types: the direct sum.

    Law: a direct sum of representations acts on each part by itself. Exact for every group; approximate for none.

    Args:
        in_types: the types of the parts, one after another; `out_type` is their sum.
    Shapes: a list of `[batch, in_types[i].size, *space]` to `[batch, out_type.size, *space]`, a geometric tensor
    if all parts are.
    Raises:
        ValueError: if there is no part, or types of several gspaces come; when called with parts of other types or sizes.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> kind = gspaces.rot2dOnR2(4).type("regular")
    >>> nn.Merge([kind, kind])([torch.zeros(1, 4, 5, 5), torch.ones(1, 4, 5, 5)]).shape
    torch.Size([1, 8, 5, 5])
    """

    def __init__(self, in_types: Sequence[FieldType]) -> None:
        super().__init__()
        self.out_type = sum_of_types(in_types, "Merge: in_types")
        self.in_types = list(in_types)

    def export(self) -> torch.nn.Module:
        """The same for plain tensors, made of torch alone."""
        return _graph("Merge", torch.cat)

    def forward(self, parts: Sequence[Any]) -> Any:
        if len(parts) != len(self.in_types):
            raise ValueError(f"Merge: {len(self.in_types)} tensors are required, one per type; received {len(parts)}")
        typed = [isinstance(part, GeometricTensor) for part in parts]
        for part, kind, is_typed in zip(parts, self.in_types, typed, strict=True):
            if is_typed and part.type != kind:
                raise ValueError(f"Merge: fields of type {kind} are required; received {part.type}")
            kind.check(part.tensor if is_typed else part)
        out = join_channels([part.tensor if is_typed else part for part, is_typed in zip(parts, typed, strict=True)])
        return GeometricTensor(out, self.out_type) if all(typed) else out

    def extra_repr(self) -> str:
        return ", ".join(str(kind) for kind in self.in_types) + f" -> {self.out_type}"


def _graph(name: str, function: Callable[..., Any], *arguments: Any) -> torch.fx.GraphModule:
    """`x -> function(x, *arguments, dim=1)` as a module that loads without this package."""
    graph = torch.fx.Graph()
    graph.output(graph.call_function(function, (graph.placeholder("x"), *arguments), {"dim": 1}))
    return torch.fx.GraphModule({}, graph, name)


def tensor_directsum(tensors: Sequence[GeometricTensor]) -> GeometricTensor:
    """The direct sum of geometric tensors: channels one after another, of the sum of the types.

    Raises:
        TypeError: if one is no geometric tensor.
        ValueError: if there is none, or they live over several gspaces or grids of several sizes.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> x = nn.GeometricTensor(torch.zeros(1, 4, 5, 5), gspaces.rot2dOnR2(4).type("regular"))
    >>> print(nn.tensor_directsum([x, x]).type)
    2xregular of cyclic(4) on square
    """
    for tensor in require(tensors, Iterable, "tensor_directsum", "a list of geometric tensors"):
        if not isinstance(tensor, GeometricTensor):
            raise TypeError(f"tensor_directsum: geometric tensors are required; received {type(tensor).__name__}")
    kind = sum_of_types([tensor.type for tensor in tensors], "tensor_directsum: types")
    shapes = {(len(tensor), *tensor.shape[2:]) for tensor in tensors}
    if len(shapes) > 1:
        raise ValueError(f"tensor_directsum: one batch and grid size is required; received {sorted(shapes)}")
    return GeometricTensor(torch.cat([tensor.tensor for tensor in tensors], 1), kind)


def sum_of_types(kinds: Sequence[FieldType], what: str) -> FieldType:
    """The type of all fields one after another.

    Raises:
        TypeError: if one is no type.
        ValueError: if there is none, or their gspaces differ.
    """
    layer, _, role = what.partition(": ")
    if isinstance(kinds, FieldType) or not isinstance(kinds, Sequence) or not len(kinds):
        raise ValueError(f"{what}, a list of at least one type, is required; received {kinds!r}")
    return reduce(add, [require_fields(kind, layer, role) for kind in kinds])


def take_channels(x: Tensor, index: Constants) -> Tensor:
    """The channels of an index list, in its order."""
    return x.index_select(1, index["channel"])


def split_channels(x: Tensor, sizes: list[int]) -> list[Tensor]:
    """Parts of these numbers of channels, one after another."""
    return list(x.split(sizes, 1))


def join_channels(parts: Sequence[Tensor]) -> Tensor:
    """The inverse of `split_channels`."""
    return torch.cat(list(parts), 1)
