"""Products of fields component by component, in few passes over memory, forwards and backwards.

A field is `[batch, field, component, *space]`, a number per field `[batch, field, *space]`. What autograd derives for these
products reduces over components, which are neither the first nor the last axis, several times slower than adding them up.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from steer.expansion import is_plain

_FEW = 8


def dot(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of fields."""
    if a.shape[2] > _FEW:
        return (a * b).sum(2)
    first, *others = zip(a.unbind(2), b.unbind(2), strict=True)
    total = first[0] * first[1]
    for left, right in others:
        total = torch.addcmul(total, left, right)
    return total


def squared_norm(fields: Tensor, start: float = 0.0) -> Tensor:
    """`start + |f|^2` of every field, in single precision or better.

    With `start` above zero, its root and reciprocal have a gradient where a field vanishes.
    """
    wide = fields.float() if fields.dtype in (torch.float16, torch.bfloat16) else fields
    square = _SquaredNorm.apply(wide) if _differentiated(wide) else dot(wide, wide)
    return square + start if start else square


def scale(fields: Tensor, factor: Tensor, out: Tensor | None = None) -> Tensor:
    """Every field times its number; written into `out`, where nobody asks for a derivative."""
    factor = factor.to(fields.dtype)
    return _Scale.apply(fields, factor) if _differentiated(fields, factor) else _times(fields, factor, out)


def _times(fields: Tensor, factor: Tensor, out: Tensor | None = None) -> Tensor:
    dim = fields.shape[2]
    if _has_channels_last(fields, 2) and dim > 1:
        # Repeated first: as a broadcast its innermost loop would run over the few components of a field.
        every = factor.movedim(1, -1).repeat_interleave(dim, -1).unflatten(-1, (-1, dim)).movedim((-2, -1), (1, 2))
        return torch.mul(fields, every, out=out)
    return torch.mul(fields, factor.unsqueeze(2), out=out)


def packed(x: Tensor) -> Tensor:
    """Some of many channels without gaps in memory where channels come last: functions of numbers are slow across gaps."""
    return x.clone(memory_format=torch.preserve_format) if _has_channels_last(x, 1) else x


def _has_channels_last(x: Tensor, axis: int) -> bool:
    return not torch.compiler.is_compiling() and x.ndim > axis + 1 and x.stride(axis) == 1 and not x.is_contiguous()


def _differentiated(*tensors: Tensor) -> bool:
    """Whether autograd, and it alone, will ask for a derivative: compilers and transforms see through the plain formulas."""
    if torch.compiler.is_compiling() or not torch.is_grad_enabled():
        return False
    return any(t.requires_grad for t in tensors) and all(is_plain(t) for t in tensors)


def is_unwatched(*tensors: Tensor) -> bool:
    """Whether results may be written into memory of the dtype of the first tensor, with the numbers of other ways.

    No derivative, compiler or transform needs the steps, and no autocast chooses other dtypes.
    """
    if torch.compiler.is_compiling() or not all(is_plain(t) for t in tensors):
        return False
    if torch.is_autocast_enabled(tensors[0].device.type):
        return False
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        return False
    return all(forward_ad.unpack_dual(t).tangent is None for t in tensors)


class _SquaredNorm(torch.autograd.Function):
    """`dot(f, f)`; `d|f|^2 = 2 f . df`."""

    @staticmethod
    def forward(ctx: Any, fields: Tensor) -> Tensor:
        ctx.save_for_backward(fields)
        ctx.save_for_forward(fields)
        return dot(fields, fields)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (fields,) = ctx.saved_tensors
        return scale(fields, 2 * grad)

    @staticmethod
    def jvp(ctx: Any, change: Tensor) -> Tensor:
        (fields,) = ctx.saved_tensors
        return 2 * dot(fields, change)


class _Scale(torch.autograd.Function):
    """`f s`; `d(f s) = s df + f ds`."""

    @staticmethod
    def forward(ctx: Any, fields: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(fields, factor)
        ctx.save_for_forward(fields, factor)
        return _times(fields, factor)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        fields, factor = ctx.saved_tensors
        return scale(grad, factor), dot(grad, fields)

    @staticmethod
    def jvp(ctx: Any, change: Tensor | None, factor_change: Tensor | None) -> Tensor:
        fields, factor = ctx.saved_tensors
        out = torch.zeros_like(fields)
        if change is not None:
            out = out + change * factor.unsqueeze(2)
        return out if factor_change is None else out + fields * factor_change.unsqueeze(2)
