"""A tensor that knows how it transforms."""

from __future__ import annotations

import builtins
from typing import Any

import torch
from torch import Tensor

from steer.field._field_type import FieldType


class GeometricTensor:
    """A tensor `[batch, channel, *space]` with its field type.

    Args:
        tensor: the data.
        type: its field type.
    Raises:
        ValueError: if the shape does not fit the type.
    """

    def __init__(self, tensor: Tensor, type: FieldType) -> None:
        if not isinstance(type, FieldType) or not isinstance(tensor, Tensor):
            raise TypeError(
                "GeometricTensor: a torch tensor and a FieldType are required, in this order; received "
                f"{_name(tensor)} and {_name(type)}"
            )
        type.check(tensor)
        self.tensor = tensor
        self.type = type

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


def _name(value: object) -> str:
    name = builtins.type(value).__name__
    return f"{name} (torch.from_numpy makes a tensor of it)" if name == "ndarray" else name
