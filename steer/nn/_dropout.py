"""Dropout of channels and of fields."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.field import FieldType
from steer.nn._constants import Constants
from steer.nn._fields import field_of_channel
from steer.nn._module import EquivariantModule
from steer.nn._numbers import fraction
from steer.nn._pointwise import require_permutation

_STOCK = (torch.nn.Dropout, torch.nn.Dropout1d, torch.nn.Dropout2d, torch.nn.Dropout3d)
_DROP = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d)


class PointwiseDropout(EquivariantModule):
    """Dropout of single channels, each over all space, on permutation fields.

    Law: which channels drop is drawn independently, so the distribution of the output is equivariant; in train mode a single
    draw is not. Exact for the whole group in eval mode, where it does nothing, and, in distribution, in train mode;
    approximate for none. `FieldDropout` is exact draw by draw.

    Args:
        in_type: trivial, regular and quotient fields, over any number of dimensions.
        p: probability of a channel to drop; the others are divided by `1 - p`.
        inplace: whether the input is overwritten, as in `torch.nn.Dropout`.
    Raises:
        ValueError: if a field is not a permutation representation, or p is not a probability.
    """

    def __init__(self, in_type: FieldType, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__(in_type)
        require_permutation(in_type, "PointwiseDropout", "FieldDropout")
        self.p = fraction(p, "p", "PointwiseDropout")
        self.inplace = inplace

    def compute(self, x: Tensor) -> Tensor:
        return _DROP[self.in_type.gspace.dimensionality](x, self.p, self.training, self.inplace)

    def export(self) -> torch.nn.Module:
        return _STOCK[self.in_type.gspace.dimensionality](self.p, self.inplace).train(self.training)

    def extra_repr(self) -> str:
        return f"{self.in_type}, p={self.p}"


class FieldDropout(EquivariantModule):
    """Dropout of whole fields, each over all space.

    Law: a dropped field is zero in every frame, so every single draw is equivariant. Exact for the whole group, on every
    field, in train and in eval mode; approximate for none.

    Args:
        in_type: any fields, over any number of dimensions.
        p: probability of a field to drop; the others are divided by `1 - p`.
    Raises:
        ValueError: if p is not a probability.
    """

    def __init__(self, in_type: FieldType, p: float = 0.5) -> None:
        super().__init__(in_type)
        self.p = fraction(p, "p", "FieldDropout")
        self.index = Constants(field=field_of_channel(in_type))

    def compute(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        keep = F.dropout(x.new_ones(x.shape[0], len(self.in_type)), self.p)
        return x * keep.index_select(1, self.index["field"]).reshape(*x.shape[:2], *(1,) * (x.ndim - 2))

    def export(self) -> torch.nn.Module:
        """The identity.

        Raises:
            ValueError: in train mode, as stock dropout does not know which channels belong together.
        """
        if self.training and self.p > 0:
            raise ValueError(
                "FieldDropout.export: eval mode is required, as stock dropout knows no fields; call .eval() first"
            )
        return torch.nn.Identity()

    def extra_repr(self) -> str:
        return f"{self.in_type}, p={self.p}"
