"""Pooling of the channels of a field into one invariant channel."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.field import FieldType
from steer.nn._field_products import squared_norm
from steer.nn._fields import FieldGroups
from steer.nn._module import EquivariantModule
from steer.nn._pointwise import require_permutation

_TINY = 1e-30  # added to squared norms, so that the gradient where a field vanishes is zero
_STOCK = {
    "max": (torch.nn.MaxPool1d, torch.nn.MaxPool2d, torch.nn.MaxPool3d),
    "mean": (torch.nn.AvgPool1d, torch.nn.AvgPool2d, torch.nn.AvgPool3d),
}


def one_each(kind: FieldType) -> FieldType:
    """One trivial field per field."""
    return FieldType(kind.gspace, [kind.gspace.trivial_repr] * len(kind))


class GroupPooling(EquivariantModule):
    """The maximum, or the mean, over the channels of every field: one invariant channel per field.

    Law: `pool(rho(g) f) = pool(f)`, as g permutes the channels. Exact for the whole group, on permutation fields;
    approximate for none. Trivial fields pass unchanged. Where channels tie, the gradient of the maximum is shared equally.

    Args:
        in_type: trivial, regular and quotient fields, over any number of dimensions.
        function: "max" or "mean".
    Shapes: `[batch, in_type.size, *space] -> [batch, len(in_type), *space]`.
    Raises:
        ValueError: if a field is not a permutation representation, or the function is unknown.
    Source: Cohen and Welling 2016, section 6.3.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> pool = nn.GroupPooling(gspaces.rot2dOnR2(4).type("3xregular"))
    >>> pool(torch.zeros(1, 12, 5, 5)).shape
    torch.Size([1, 3, 5, 5])
    """

    def __init__(self, in_type: FieldType, function: str = "max") -> None:
        super().__init__(in_type)
        if not isinstance(function, str) or function not in _STOCK:
            raise ValueError(f"GroupPooling: function, 'max' or 'mean', is required; received {function!r}")
        require_permutation(in_type, "GroupPooling", "NormPool")
        self.out_type = one_each(in_type)
        self.function = function
        self.groups = FieldGroups(in_type)

    def compute(self, x: Tensor) -> Tensor:
        return pool_fields(x, self.groups, self.function)

    def export(self) -> torch.nn.Module:
        d, dims = self.in_type.gspace.dimensionality, self.groups.dims
        if dims == [1]:
            return torch.nn.Identity()
        if len(dims) > 1 or d not in (1, 2):  # stock pooling has one window for all fields, and a number of axes
            return super().export()
        window = (dims[0], *(1,) * d)
        split = torch.nn.Unflatten(1, (len(self.in_type), dims[0]))
        return torch.nn.Sequential(split, _STOCK[self.function][d](window), torch.nn.Flatten(1, 2))

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, function={self.function!r}"


class NormPool(EquivariantModule):
    """The norm of every field: one invariant channel per field.

    Law: `|rho(g) f| = |f|`. Exact for the whole group, on every field; approximate for none. The norm of a trivial field
    is its absolute value. The gradient at `f = 0` is zero.

    Args:
        in_type: any fields, over any number of dimensions.
    Shapes: `[batch, in_type.size, *space] -> [batch, len(in_type), *space]`.
    """

    def __init__(self, in_type: FieldType) -> None:
        super().__init__(in_type)
        self.out_type = one_each(in_type)
        self.groups = FieldGroups(in_type)

    def compute(self, x: Tensor) -> Tensor:
        return norms(x, self.groups)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


def pool_fields(x: Tensor, groups: FieldGroups, function: str) -> Tensor:
    """The maximum or mean over the components of every field."""
    pieces = [f.squeeze(2) if f.shape[2] == 1 else f.amax(2) if function == "max" else f.mean(2) for f in groups.split(x)]
    return groups.join_fields(pieces, 1)


def norms(x: Tensor, groups: FieldGroups) -> Tensor:
    """The norm of every field."""
    pieces = [squared_norm(f, _TINY).sqrt().to(x.dtype) for f in groups.split(x)]
    return groups.join_fields(pieces, 1)
