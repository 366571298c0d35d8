"""Fields centred and divided by the root mean square of a batch, and the derivative of that."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.nn._constants import Constants
from steer.nn._fields import FieldGroups

_PART = 1 << 20  # numbers


class FieldStatistics(torch.nn.Module):
    """From numbers per channel to numbers per field and per invariant, and back.

    Args:
        groups: the fields, grouped by dimension.
        field: the field of every channel.
        means: number of invariants of every field.
        vectors: the invariant vectors as columns, orthogonal to each other, `[channel, n]`; None for one per field, ones.
    """

    is_machinery = True

    def __init__(self, groups: FieldGroups, field: list[int], means: list[int], vectors: Tensor | None) -> None:
        super().__init__()
        self.groups = groups
        if vectors is None:
            self.constants, self.centred = Constants(field=field), True
            return
        dims = torch.bincount(torch.tensor(field, device="cpu")).double()
        coefficients = (vectors / vectors.square().sum(0)).mT
        self.constants = Constants(field=field, dims=dims, means=means, vectors=vectors, coefficients=coefficients)
        self.centred = vectors.shape[1] > 0

    def of_channels(self, numbers: Tensor) -> Tensor:
        """From one number per field."""
        return numbers.index_select(0, self.constants["field"])

    def field_mean(self, numbers: Tensor) -> Tensor:
        """From one number per channel to their mean over each field."""
        return self.groups.join_fields([piece[0].mean(1) for piece in self.groups.split(numbers[None])])

    def coefficients(self, vector: Tensor) -> Tensor:
        """The coefficients of the invariant part of a vector, `[channel] -> [n]`."""
        return self.constants.like("coefficients", vector) @ vector

    def vector(self, coefficients: Tensor) -> Tensor:
        """The invariant vector with these coefficients, `[n] -> [channel]`."""
        if "vectors" not in self.constants.sources:
            return self.of_channels(coefficients)
        return self.constants.like("vectors", coefficients) @ coefficients

    def project(self, vector: Tensor) -> Tensor:
        """The invariant part of a vector."""
        return self.vector(self.coefficients(vector)) if self.centred else torch.zeros_like(vector)


def normalise(
    x: Tensor,
    weight: Tensor,
    shift: Tensor,
    statistics: FieldStatistics,
    eps: float,
    moments: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """`weight (x - m) / sqrt(mean |x - m|^2 + eps) + shift`, m the invariant part of the mean over batch and space.

    Args:
        x: `[batch, channel, *space]`.
        weight: one number per field.
        shift: one number per channel.
        moments: mean of every channel and mean square of every field; None for those of `x`.
    Returns:
        The result, the mean of every channel and the mean square of every field, without gradients.
    """
    mean, square = _moments(x, statistics) if moments is None else moments
    scale = statistics.of_channels(weight * (square + eps).rsqrt())
    shift = shift - scale * statistics.project(mean)
    return torch.addcmul(_fit(shift, x), x, _fit(scale, x)), mean.detach(), square.detach()


class Normalise(torch.autograd.Function):
    """`normalise` with a derivative in half the memory passes that the chain rule would take step by step.

    With r the reciprocal root, P the projection on invariants, means over a field, batch and space, and y = x - m:
    `dx = weight r (g - P mean g) - weight r^3 mean(g y) y`, `dweight = r sum(g y)`, `dshift = sum g`. The mean of y has no
    invariant part, so the mean square does not depend on m.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, shift: Tensor, statistics: FieldStatistics, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, square = _moments(x, statistics)
        centre, var, gain = statistics.project(mean), statistics.of_channels(square), statistics.of_channels(weight)
        return F.batch_norm(x, centre, var, gain.to(var), shift.to(var), False, 0.0, eps), mean, square

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: tuple[Tensor, Tensor, Tensor]) -> None:
        x, weight, shift, ctx.statistics, ctx.eps = inputs
        ctx.shift_dtype = shift.dtype
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(x, weight, *output[1:])
        ctx.save_for_forward(x, weight, *output[1:])

    @staticmethod
    def jvp(ctx: Any, dx: Tensor, dweight: Tensor, dshift: Tensor, *_: Any) -> tuple[Tensor, None, None]:
        """`weight r (dx - P mean dx) + (dweight r - weight r^3 mean(y dx)) y + dshift`."""
        x, weight, mean, square = ctx.saved_tensors
        statistics: FieldStatistics = ctx.statistics
        samples = x.numel() // x.shape[1]
        root, centre = (square + ctx.eps).rsqrt(), statistics.project(mean)
        product, total = _sums(dx, x, centre)
        scale = statistics.of_channels(weight * root)
        inner = statistics.field_mean(product) / samples
        turn = statistics.of_channels(dweight * root - weight * root**3 * inner)
        rest = dshift - scale * statistics.project(total) / samples - turn * centre
        return dx * _fit(scale, x) + x * _fit(turn, x) + _fit(rest, x), None, None

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None, None]:
        x, weight, mean, square = ctx.saved_tensors
        statistics: FieldStatistics = ctx.statistics
        if torch.is_grad_enabled():  # second derivatives: the moments depend on x
            mean, square = _moments(x, statistics)
        samples = x.numel() // x.shape[1]
        root, centre = (square + ctx.eps).rsqrt(), statistics.project(mean)
        product, total = _products(grad, x, centre)
        inner = statistics.field_mean(product) / samples
        scale = statistics.of_channels(weight * root)
        back = statistics.of_channels(-weight * root**3 * inner)
        rest = -scale * statistics.project(total) / samples - back * centre
        dx = _affine(grad, scale, rest)
        # Into memory that is there, where it may be: for large batches more costs more time than the sum.
        dx = torch.addcmul(dx, x, _fit(back, x)) if torch.is_grad_enabled() else dx.addcmul_(x, _fit(back, x))
        dweight = root * inner * samples * statistics.constants.like("dims", root)
        return dx, dweight.to(weight.dtype), total.to(ctx.shift_dtype), None, None


def _affine(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """`x scale + shift`, channel by channel."""
    if torch.is_grad_enabled():
        return torch.addcmul(_fit(shift, x), x, _fit(scale, x))
    zero, one = torch.zeros_like(scale), torch.ones_like(scale)  # as batch normalisation it is twice as fast
    return F.batch_norm(x, zero, one, scale, shift, False, 0.0, 0.0)


def _products(grad: Tensor, x: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """`sum g (x - centre)` and `sum g` over batch and space, of every channel."""
    if torch.is_grad_enabled():
        return _sums(grad, x, centre)
    # The first half of the backward pass of torch's own batch normalisation is these two sums, fused.
    one = torch.ones_like(centre)
    _, product, total = torch.ops.aten.native_batch_norm_backward(
        grad, x, None, None, None, centre, one, True, 0.0, [False, True, True]
    )
    return product, total


def _sums(grad: Tensor, x: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """The same by operations that have a derivative."""
    total = rows_of(grad).sum(2, dtype=centre.dtype).sum(0)
    product = torch.linalg.vecdot(rows_of(grad), rows_of(x)).to(centre.dtype).sum(0)
    return product - centre * total, total


def _moments(x: Tensor, statistics: FieldStatistics) -> tuple[Tensor, Tensor]:
    """Mean of every channel, and mean square of every field about its invariant part, in single precision or better."""
    wide = wide_dtype(x)
    rows = rows_of(x)
    # Over contiguous memory first: several times faster than over all axes at once. Centred before it is squared, as a
    # difference of two large numbers would lose the digits.
    mean = rows.new_zeros(rows.shape[1], dtype=wide)
    if statistics.centred:
        mean = rows.mean(2, dtype=wide).mean(0)
        centre = statistics.project(mean).to(x.dtype)[:, None]
        parts = [torch.linalg.vector_norm(part - centre, dim=2, dtype=wide) for part in _some_samples(rows)]
        lengths = torch.cat(parts)
    else:
        lengths = torch.linalg.vector_norm(rows, dim=2, dtype=wide)
    return mean, statistics.field_mean(lengths.square().mean(0) / rows.shape[2])


def _some_samples(rows: Tensor) -> tuple[Tensor, ...]:
    """The batch in parts whose temporaries stay in the cache, and in memory that the process has already."""
    if torch.compiler.is_compiling():  # which needs no temporaries, and would unroll the parts
        return (rows,)
    return rows.split(max(1, _PART // max(1, rows[0:1].numel())))


def wide_dtype(x: Tensor) -> torch.dtype:
    """That of statistics: single precision or better."""
    return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype


def rows_of(x: Tensor) -> Tensor:
    """`[batch, channel, *space]` with space as one axis."""
    return x.flatten(2) if x.ndim > 2 else x.unsqueeze(2)


def _fit(numbers: Tensor, x: Tensor) -> Tensor:
    """`[channel]` as a factor of `[batch, channel, *space]`."""
    return numbers.to(x.dtype).reshape(-1, *(1,) * (x.ndim - 2))
