"""A tensor that knows how it transforms."""

from __future__ import annotations

import builtins
import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Number, Real
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from steer.field._field_type import FieldType
from steer.field._index import select
from steer.group import Group


@dataclass(init=False, repr=False, eq=False)  # data parallel training looks into dataclasses for tensors
class GeometricTensor:
    """A tensor `[batch, channel, *space]` with its field type; without base space also sets, `[batch, channel, *position]`.

    `x[batch, field, *space]` takes items of the batch, whole fields, parts of space; `a + b`, `a - b`, `2 * a` are defined.

    Args:
        tensor: the data.
        type: its field type.
    Raises:
        ValueError: if the shape does not fit the type.
    """

    tensor: Tensor
    type: FieldType

    def __init__(self, tensor: Tensor, type: FieldType) -> None:
        if not isinstance(type, FieldType) or not isinstance(tensor, Tensor):
            raise TypeError(
                "GeometricTensor: a torch tensor and a FieldType are required, in this order; received "
                f"{_name(tensor)} and {_name(type)}"
            )
        type.check(tensor)
        self.tensor = tensor
        self.type = type

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None
    ) -> Any:
        """What torch does to it, it does to the tensor, and the result is a plain tensor: torch knows nothing of fields.

        `torch.cat` keeps types: along channels they add up, along the batch they must be equal.
        """
        options = options or {}
        if function in (torch.cat, torch.concat, torch.concatenate):
            return _cat(*arguments, **options)
        plain = pytree.tree_map(
            lambda value: value.tensor if isinstance(value, cls) else value,
            (arguments, options),
            is_leaf=lambda value: isinstance(value, cls),
        )
        return function(*plain[0], **plain[1])

    def __getattr__(self, name: str) -> Any:
        """Methods of the tensor, with plain results, so that stock modules take it: `x.flatten(1)`, `x.mean()`, ..."""
        if name.startswith("_") or name in ("tensor", "type"):
            raise AttributeError(f"GeometricTensor has no {name!r}")
        return getattr(self.tensor, name)

    @property
    def shape(self) -> torch.Size:
        return self.tensor.shape

    @property
    def device(self) -> torch.device:
        return self.tensor.device

    @property
    def dtype(self) -> torch.dtype:
        return self.tensor.dtype

    def size(self, axis: int | None = None) -> Any:
        return self.tensor.size() if axis is None else self.tensor.size(axis)

    def transform(self, g: Tensor, mode: str = "bilinear") -> GeometricTensor:
        """`[g f](x) = rho(g) f(g^-1 x)`: rotate the picture and its fibres. Exact for symmetries of the grid.

        Args:
            g: element of the group, `[d, d]`; for example one of `type.gspace.testing_elements`.
            mode: interpolation for other elements, "bilinear", "nearest" or "bicubic".
        """
        return GeometricTensor(self.type.transform(self.tensor, g, mode), self.type)

    def transform_fibers(self, g: Tensor) -> GeometricTensor:
        """`rho(g) f(x)`: turn the fibres alone, and leave the picture where it is."""
        return GeometricTensor(self.type.transform_fibers(self.tensor, g), self.type)

    def restrict(self, subgroup: Group | int | Tensor) -> GeometricTensor:
        """The same numbers as fields of a subgroup, given as in `Group.subgroup`."""
        return GeometricTensor(self.tensor, self.type.restrict(subgroup))

    def split(self, breaks: Sequence[int] | None = None) -> list[GeometricTensor]:
        """One geometric tensor per field, or per run of fields between `breaks`.

        Args:
            breaks: numbers of the fields before which to split, growing; None for all of them.
        Raises:
            ValueError: if they do not grow from 1 to the number of fields less 1.
        """
        n = len(self.type)
        inner = list(range(1, n) if breaks is None else breaks)
        edges = [0, *inner, n]
        if not all(isinstance(i, int) for i in inner) or any(a >= b for a, b in pairwise(edges)):
            raise ValueError(f"split: growing numbers of fields from 1 to {n - 1} are required; received {breaks!r}")
        return [self[:, a:b] for a, b in pairwise(edges)]

    def to(self, *args: Any, **kwargs: Any) -> GeometricTensor:
        return GeometricTensor(self.tensor.to(*args, **kwargs), self.type)

    def double(self) -> GeometricTensor:
        return self.to(torch.float64)

    def float(self) -> GeometricTensor:
        return self.to(torch.float32)

    def half(self) -> GeometricTensor:
        return self.to(torch.float16)

    def cpu(self) -> GeometricTensor:
        return self.to("cpu")

    def cuda(self) -> GeometricTensor:
        return self.to("cuda")

    def detach(self) -> GeometricTensor:
        return GeometricTensor(self.tensor.detach(), self.type)

    def _same(self, other: object, sign: str) -> Tensor:
        if not isinstance(other, GeometricTensor):
            raise TypeError(f"GeometricTensor {sign} GeometricTensor is defined; received {type(other).__name__}")
        if other.type != self.type:
            raise ValueError(f"a {sign} b: one field type is required; received {self.type} and {other.type}")
        return other.tensor

    def __add__(self, other: GeometricTensor) -> GeometricTensor:
        return GeometricTensor(self.tensor + self._same(other, "+"), self.type)

    def __sub__(self, other: GeometricTensor) -> GeometricTensor:
        return GeometricTensor(self.tensor - self._same(other, "-"), self.type)

    def __mul__(self, scalar: builtins.float | Tensor) -> GeometricTensor:
        return GeometricTensor(self.tensor * _scalar(scalar, "*"), self.type)

    __rmul__ = __mul__

    def __truediv__(self, scalar: builtins.float | Tensor) -> GeometricTensor:
        return GeometricTensor(self.tensor / _scalar(scalar, "/"), self.type)

    def __getitem__(self, items: Any) -> GeometricTensor:
        """`x[batch, field, *space]`: items of the batch, whole fields by their number, parts of space.

        Channels of one field stay together, so the second index counts fields. Every axis stays, also for an integer, and
        lists of integers act on their own axis alone: `x[0]` is a batch of one, `x[:, 1:3]` the second and the third field.
        A part of space has its own centre, about which it transforms.

        Raises:
            TypeError: if an item is neither integer, slice nor list of integers.
            IndexError: if one is out of range, takes no field, or there are more items than axes.

        >>> import torch
        >>> from steer import gspaces
        >>> x = gspaces.rot2dOnR2(4).type("regular + 2x1")(torch.zeros(2, 8, 5, 5))
        >>> x[0, 1:]
        GeometricTensor((1, 4, 5, 5), 2x1 of cyclic(4) on square)
        """
        return GeometricTensor(*select(self.tensor, self.type, items))

    def __len__(self) -> int:
        return len(self.tensor)

    def __neg__(self) -> GeometricTensor:
        return GeometricTensor(-self.tensor, self.type)

    def __repr__(self) -> str:
        return f"GeometricTensor({tuple(self.shape)}, {self.type})"


def _flatten(x: GeometricTensor) -> tuple[list[Any], FieldType]:
    return [x.tensor], x.type


def _unflatten(children: Any, kind: FieldType) -> GeometricTensor:
    # Unchecked: torch puts placeholders and batched tensors into the places of tensors.
    out = GeometricTensor.__new__(GeometricTensor)
    (out.tensor,), out.type = children, kind
    return out


def _flatten_with_keys(x: GeometricTensor) -> tuple[list[Any], FieldType]:
    return [(pytree.GetAttrKey("tensor"), x.tensor)], x.type


# Where torch looks for tensors in what functions take and give: data parallel training, vmap, checkpoints, export.
pytree.register_pytree_node(
    GeometricTensor,
    _flatten,
    _unflatten,
    serialized_type_name=f"{__name__}.{GeometricTensor.__name__}",
    flatten_with_keys_fn=_flatten_with_keys,
)


def _cat(items: Any, dim: int = 0, axis: int | None = None) -> GeometricTensor | Tensor:
    axis = dim if axis is None else axis
    tensors = [item.tensor if isinstance(item, GeometricTensor) else item for item in items]
    if not all(isinstance(item, GeometricTensor) for item in items):
        return torch.cat(tensors, axis)
    kinds = [item.type for item in items]
    if -tensors[0].ndim <= axis < 0:
        axis += tensors[0].ndim
    if axis == 1:
        kind = functools.reduce(operator.add, kinds)
        return GeometricTensor(torch.cat(tensors, 1), kind)
    if axis == 0 and all(kind == kinds[0] for kind in kinds):
        return GeometricTensor(torch.cat(tensors), kinds[0])
    raise ValueError(
        "torch.cat: fields of one gspace along the channels (dim=1), or of one type along the batch (dim=0), are required; "
        f"received dim={axis} and {', '.join(map(str, kinds))}; for plain tensors take x.tensor"
    )


def _scalar(value: Any, sign: str) -> builtins.float | Tensor:
    """A number, as it is: by anything else a field would be scaled that does not transform like one any more."""
    if isinstance(value, Real) or (isinstance(value, Tensor) and not value.ndim and not value.is_complex()):
        return value  # type: ignore[return-value]
    if isinstance(value, Number):
        raise TypeError(f"a {sign} s: a real number is required, as fields are; received {value!r}")
    kind = TypeError if not isinstance(value, Tensor) else ValueError
    received = f"shape {tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else _name(value)
    raise kind(
        f"a {sign} s: a number is required; a tensor would not transform like the field; received {received}; "
        "s.squeeze() makes a number of a tensor with one, nn.TensorProductNonLinearity multiplies fields"
    )


def _name(value: object) -> str:
    name = builtins.type(value).__name__
    return f"{name} (torch.from_numpy makes a tensor of it)" if name == "ndarray" else name
