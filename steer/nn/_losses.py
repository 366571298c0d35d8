"""Losses between fields that no element of the group changes."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from steer.field import FieldType, GeometricTensor
from steer.nn._field_products import dot, squared_norm
from steer.nn._fields import FieldGroups
from steer.nn._module import require_fields
from steer.nn._numbers import positive

_REDUCTIONS = ("mean", "sum", "none")


class FieldLoss(torch.nn.Module):
    """A loss of every field at every site, reduced over all of them.

    Law: `loss(g y, g t) = loss(y, t)`, as it depends on lengths and inner products of whole fields. Exact for the whole
    group, for every choice of fields; approximate for none. A loss of torch that treats components one by one, such as
    `L1Loss` or `SmoothL1Loss`, has another value when its arguments turn.

    Args:
        kind: the fields of prediction and target.
        reduction: "mean" or "sum" over batch, fields and sites, or "none" for `[batch, field, *space]`, in the order of the
            fields.
    Shapes: prediction and target `[batch, kind.size, *space]`, plain tensors or geometric ones.
    Raises:
        ValueError: if the reduction is unknown, or a shape or a type is not that of `kind`.
    """

    def __init__(self, kind: FieldType, reduction: str = "mean") -> None:
        super().__init__()
        name = type(self).__name__
        if reduction not in _REDUCTIONS:
            raise ValueError(f"{name}: reduction, one of {', '.join(_REDUCTIONS)}, is required; received {reduction!r}")
        self.kind, self.reduction = require_fields(kind, name, "kind"), reduction
        self.groups = FieldGroups(kind)

    @abstractmethod
    def of_fields(self, y: Tensor, target: Tensor) -> Tensor:
        """The loss of equal fields, `[batch, field, component, *space]` to `[batch, field, *space]`."""

    def forward(self, y: GeometricTensor | Tensor, target: GeometricTensor | Tensor) -> Tensor:
        y, target = self._plain(y, "prediction"), self._plain(target, "target")
        if y.shape != target.shape:
            raise ValueError(
                f"{type(self).__name__}: prediction and target of one shape are required; received {tuple(y.shape)} and "
                f"{tuple(target.shape)}"
            )
        pairs = zip(self.groups.split(y), self.groups.split(target), strict=True)
        each = self.groups.join_fields([self.of_fields(a, b) for a, b in pairs], 1)
        return each if self.reduction == "none" else each.mean() if self.reduction == "mean" else each.sum()

    def _plain(self, x: GeometricTensor | Tensor, role: str) -> Tensor:
        if not isinstance(x, GeometricTensor):
            self.kind.check(x)
            return x
        if x.type != self.kind:
            raise ValueError(f"{type(self).__name__}: a {role} of type {self.kind} is required; received {x.type}")
        return x.tensor

    def extra_repr(self) -> str:
        return f"{self.kind}, reduction={self.reduction!r}"


class FieldMSELoss(FieldLoss):
    """The squared length of the difference, per component: `|y - t|^2 / dim`.

    Law: `loss(g y, g t) = loss(y, t)`. Exact for the whole group; approximate for none. For fields of one dimension it is
    `torch.nn.MSELoss`; among fields of several dimensions each counts alike, and not each component.

    Args and shapes: as in `FieldLoss`.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> kind = gspaces.rot3dOnR3().type("0 + 1")
    >>> y, target = torch.zeros(2, 4, 3, 3, 3), torch.ones(2, 4, 3, 3, 3)
    >>> float(nn.FieldMSELoss(kind)(y, target))
    1.0
    """

    def of_fields(self, y: Tensor, target: Tensor) -> Tensor:
        return squared_norm(y - target) / y.shape[2]


class FieldNormLoss(FieldLoss):
    """The length of the difference, rounded near zero: `sqrt(|y - t|^2 + beta^2) - beta`, less moved by outliers.

    Law: `loss(g y, g t) = loss(y, t)`. Exact for the whole group; approximate for none. The invariant counterpart of
    `torch.nn.L1Loss`.

    Args:
        kind, reduction: as in `FieldLoss`.
        beta: the length below which the loss is quadratic, above zero.
    """

    def __init__(self, kind: FieldType, reduction: str = "mean", beta: float = 1e-3) -> None:
        super().__init__(kind, reduction)
        self.beta = positive(beta, "beta", type(self).__name__)

    def of_fields(self, y: Tensor, target: Tensor) -> Tensor:
        return squared_norm(y - target, self.beta**2).sqrt() - self.beta


class FieldCosineLoss(FieldLoss):
    """One less the cosine of the angle between prediction and target, for directions: `1 - <y, t> / (|y| |t|)`.

    Law: `loss(g y, g t) = loss(y, t)`. Exact for the whole group; approximate for none. Lengths have no effect; where the
    target vanishes there is no direction, and the loss is zero.

    Args:
        kind, reduction: as in `FieldLoss`.
        eps: lengths are rounded up smoothly near this one, above zero.
    """

    def __init__(self, kind: FieldType, reduction: str = "mean", eps: float = 1e-6) -> None:
        super().__init__(kind, reduction)
        self.eps = positive(eps, "eps", type(self).__name__)

    def of_fields(self, y: Tensor, target: Tensor) -> Tensor:
        lengths = (squared_norm(y, self.eps**2) * squared_norm(target, self.eps**2)).sqrt()
        there = (target != 0).any(2)
        return (1 - dot(y, target) / lengths) * there
