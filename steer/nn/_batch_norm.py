"""Batch normalisation whose statistics respect the fields."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.field import FieldType
from steer.nn._fields import FieldGroups, field_of_channel
from steer.nn._module import EquivariantModule
from steer.nn._pointwise import require_permutation

_STOCK = (torch.nn.BatchNorm1d, torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)


class InnerBatchNorm(EquivariantModule):
    """Batch normalisation with one mean and variance per field, shared by the channels that the group permutes.

    Law: a permutation of the channels of a field changes neither its mean nor its variance. Exact for the whole group in
    train and in eval mode, on permutation fields; approximate for none.

    Args:
        in_type: trivial, regular and quotient fields, over any number of dimensions.
        eps, momentum, affine, track_running_stats: as in `torch.nn.BatchNorm2d`; statistics, weight and bias hold one number
            per field.
    Raises:
        ValueError: if a field is not a permutation representation.
    Source: Cohen and Welling 2016, section 6.3.
    """

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        in_type: FieldType,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_permutation(in_type, "InnerBatchNorm", "NormBatchNorm")
        self.in_type = self.out_type = in_type
        self.eps, self.momentum, self.affine, self.track_running_stats = eps, momentum, affine, track_running_stats
        self.groups = FieldGroups(in_type)
        n = len(in_type)
        self.register_buffer("field", field_of_channel(in_type).to(device), persistent=False)
        for name, value in (("weight", 1.0), ("bias", 0.0)):
            full = torch.full((n,), value, device=device, dtype=dtype)
            self.register_parameter(name, torch.nn.Parameter(full) if affine else None)
        for name, value in (("running_mean", 0.0), ("running_var", 1.0)):
            full = torch.full((n,), value, device=device, dtype=dtype)
            self.register_buffer(name, full if track_running_stats else None)
        count = torch.tensor(0, dtype=torch.long, device=device)
        self.register_buffer("num_batches_tracked", count if track_running_stats else None)

    def _momentum(self) -> float:
        """The weight of this batch in the running statistics."""
        if self.num_batches_tracked is None:
            return 0.0
        self.num_batches_tracked.add_(1)
        return 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum

    def compute(self, x: Tensor) -> Tensor:
        if not self.training and self.running_mean is not None and self.running_var is not None:
            statistics = (self.running_mean[self.field], self.running_var[self.field])
            return F.batch_norm(x, *statistics, *self._affine_of_channels(), False, 0.0, self.eps)
        momentum = self._momentum() if self.training else 0.0
        out, means, variances = [], [], []
        split = self.groups.split_fields
        nothing = [None] * len(self.groups.dims)
        mean, var, weight, bias = (
            nothing if numbers is None else split(numbers)
            for numbers in (self.running_mean, self.running_var, self.weight, self.bias)
        )
        for f, m, v, w, b in zip(self.groups.split(x), mean, var, weight, bias, strict=True):
            out.append(F.batch_norm(f.flatten(2), m, v, w, b, True, momentum, self.eps).reshape(f.shape))
            means.append(m)
            variances.append(v)
        if self.running_mean is not None and self.running_var is not None and not self.groups.in_order:
            self.running_mean.copy_(self.groups.join_fields(means))
            self.running_var.copy_(self.groups.join_fields(variances))
        return self.groups.join(out)

    def _affine_of_channels(self) -> tuple[Tensor | None, Tensor | None]:
        if self.weight is None or self.bias is None:
            return None, None
        return self.weight[self.field], self.bias[self.field]

    def export(self) -> torch.nn.Module:
        statistics = self.running_mean, self.running_var
        return stock_batch_norm(self, *(None if s is None else s[self.field] for s in statistics), *self._affine_of_channels())

    def extra_repr(self) -> str:
        return f"{self.in_type}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}"


def stock_batch_norm(
    layer: InnerBatchNorm | NormBatchNorm, mean: Tensor | None, var: Tensor | None, weight: Tensor | None, bias: Tensor | None
) -> torch.nn.Module:
    """The stock layer with statistics, weight and bias per channel."""
    if mean is None or var is None or layer.training:
        raise ValueError(
            f"{type(layer).__name__}.export: running statistics in eval mode are required, as stock batch normalisation has "
            f"statistics of each channel; call .eval() before .export()"
        )
    kind = layer.in_type
    stock = _STOCK[kind.gspace.dimensionality](
        kind.size, layer.eps, layer.momentum, weight is not None, device=mean.device, dtype=mean.dtype
    )
    with torch.no_grad():
        stock.running_mean.copy_(mean)
        stock.running_var.copy_(var)
        if weight is not None and bias is not None:
            stock.weight.copy_(weight)
            stock.bias.copy_(bias)
    return stock.eval()
