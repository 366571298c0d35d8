"""Products of fields component by component, in few passes over memory, forwards and backwards.

A field is `[batch, field, component, *space]`, a number per field `[batch, field, *space]`. What autograd derives for these
products reduces over components, which are neither the first nor the last axis, several times slower than adding them up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from steer.expansion import has_tangent, is_plain

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


def scale(fields: Tensor, factor: Tensor) -> Tensor:
    """Every field times its number."""
    factor = factor.to(fields.dtype)
    return _Scale.apply(fields, factor) if _differentiated(fields, factor) else _times(fields, factor)


def scale_in_a_row(pieces: list[Tensor], factors: list[Tensor | None]) -> Tensor:
    """Fields of several dimensions, each times its number, one after another in the channels, `[batch, channel, *space]`.

    Pieces with None for numbers are taken as they are. Products are written to their place, where nothing but autograd
    follows the steps: one pass over memory less than to join them.
    """
    numbers = [None if s is None else s.to(f.dtype) for f, s in zip(pieces, factors, strict=True)]
    if _in_place(pieces + [s for s in numbers if s is not None]):
        joined: Tensor = _ScaleInARow.apply(len(pieces), *pieces, *numbers)
        return joined
    found = [f if s is None else scale(f, s) for f, s in zip(pieces, numbers, strict=True)]
    return torch.cat([f.flatten(1, 2) for f in found], 1)


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


def _in_place(tensors: list[Tensor]) -> bool:
    """Whether pieces of a result may be written to their places, with the numbers and the dtype of other ways.

    No compiler or transform needs the steps, no tangents come along, and all have one dtype: joined, they would get one that
    holds them all.
    """
    if torch.compiler.is_compiling() or any(t.dtype != tensors[0].dtype for t in tensors):
        return False
    return all(is_plain(t) and not has_tangent(t) for t in tensors)


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


class _ScaleInARow(torch.autograd.Function):
    """`scale_in_a_row` of n pieces and n numbers, or None."""

    @staticmethod
    def forward(ctx: Any, n: int, *given: Tensor | None) -> Tensor:
        ctx.n = n
        ctx.save_for_backward(*given)
        pieces, numbers = [f for f in given[:n] if f is not None], given[n:]
        batch, space, channels = pieces[0].shape[0], pieces[0].shape[3:], sum(f.shape[1] * f.shape[2] for f in pieces)
        if _has_channels_last(pieces[0], 2):
            out = pieces[0].new_empty(batch, *space, channels).movedim(-1, 1)
        else:
            out = pieces[0].new_empty(batch, channels, *space)
        for fields, factor, place in zip(pieces, numbers, _places(out, pieces), strict=True):
            if factor is None:
                place.copy_(fields)
            else:
                _times(fields, factor, place)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # once: checkpoints compute them when they are asked for
        pieces, numbers = saved[: ctx.n], saved[ctx.n :]
        grads = _places(grad, pieces)
        of_fields = [g if s is None else scale(g, s) for g, s in zip(grads, numbers, strict=True)]
        of_numbers = [None if s is None else dot(g, f) for g, f, s in zip(grads, pieces, numbers, strict=True)]
        return None, *of_fields, *of_numbers


def _places(joined: Tensor, pieces: Iterable[Tensor]) -> list[Tensor]:
    """The channels of every piece, viewed as its fields."""
    shapes = [f.shape[1:3] for f in pieces]
    parts = joined.split([shape.numel() for shape in shapes], 1)
    # Not `unflatten`, which backward passes of several gradients at once (`is_grads_batched`) do not know.
    return [part.reshape(part.shape[0], *shape, *part.shape[2:]) for part, shape in zip(parts, shapes, strict=True)]
