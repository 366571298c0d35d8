"""A tensor that knows how it transforms."""

from __future__ import annotations

import builtins
import functools
import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from steer.field._field_type import FieldType


@dataclass(init=False, repr=False, eq=False)  # data parallel training looks into dataclasses for tensors
class GeometricTensor:
    """A tensor `[batch, channel, *space]` with its field type; without base space also sets, `[batch, channel, *position]`.

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

    def split(self) -> list[GeometricTensor]:
        """One geometric tensor per field."""
        return [
            GeometricTensor(self.tensor[:, span], FieldType(self.type.gspace, [field]))
            for field, span in self.type.channels()
        ]

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
        if isinstance(scalar, Tensor) and scalar.numel() != 1:
            raise ValueError("a * s: a number is required; a tensor would not transform like the field")
        return GeometricTensor(self.tensor * scalar, self.type)

    __rmul__ = __mul__

    def __truediv__(self, scalar: builtins.float | Tensor) -> GeometricTensor:
        return self * (1 / scalar)

    def __getitem__(self, items: slice | Tensor | list[int]) -> GeometricTensor:
        """Some items of the batch; for channels see `split`."""
        if isinstance(items, (tuple, int)):
            raise TypeError(
                f"x[...]: a slice or an index list of the batch is required; received {items!r}; x.tensor has all axes"
            )
        return GeometricTensor(self.tensor[items], self.type)

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


def _name(value: object) -> str:
    name = builtins.type(value).__name__
    return f"{name} (torch.from_numpy makes a tensor of it)" if name == "ndarray" else name
