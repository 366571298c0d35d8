"""What every layer is: a torch module with field types, for typed and for plain tensors."""

from __future__ import annotations

from abc import abstractmethod
from typing import overload

import torch
from torch import Tensor

from steer.field import FieldType, GeometricTensor


class EquivariantModule(torch.nn.Module):
    """A layer that maps fields of `in_type` to fields of `out_type`, equivariantly.

    A `GeometricTensor` in gives a `GeometricTensor` out, a plain tensor a plain tensor, with the same numbers. Subclasses
    define `compute`, on plain tensors, and `export`.

    Attributes:
        in_type, out_type: how input and output transform.
    """

    in_type: FieldType
    out_type: FieldType

    @abstractmethod
    def compute(self, x: Tensor) -> Tensor:
        """The layer on plain tensors, `[batch, in_type.size, *space] -> [batch, out_type.size, *space]`."""

    @overload
    def forward(self, x: GeometricTensor) -> GeometricTensor: ...
    @overload
    def forward(self, x: Tensor) -> Tensor: ...
    def forward(self, x: GeometricTensor | Tensor) -> GeometricTensor | Tensor:
        """Apply the layer.

        Raises:
            ValueError: if the type, or the number of channels or axes, is not that of `in_type`.
        """
        if isinstance(x, GeometricTensor):
            if x.type != self.in_type:
                raise ValueError(f"{type(self).__name__}: fields of type {self.in_type} are required; received {x.type}")
            return GeometricTensor(self.compute(x.tensor), self.out_type)
        self._check(x)
        return self.compute(x)

    def _check(self, x: Tensor) -> None:
        self.in_type.check(x)

    def export(self) -> torch.nn.Module:
        """The same map as a stock `torch.nn` module on plain tensors, in the present mode and dtype."""
        raise TypeError(f"{type(self).__name__} has no stock torch.nn counterpart")
