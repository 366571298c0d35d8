"""Where the sites of a grid lie, by operations that keep following the dtype and device of a module once they are traced."""

from __future__ import annotations

import torch
from torch import Tensor


def steps_from_centre(x: Tensor, d: int) -> list[Tensor]:
    """The array offset of every site from the centre, one tensor per axis that broadcasts over `[*space]`.

    In single precision, or double if `x` is. No dtype or device is named, as a trace would keep it: numbers of `x` times
    others in single precision have the better precision of both.
    """
    one = _one(x)
    axes = []
    for axis in range(d):
        n = x.shape[2 + axis]
        steps = x.new_ones(n, dtype=torch.long).cumsum(0) * one - (n + 1) / 2
        axes.append(steps.reshape(*(1,) * axis, -1, *(1,) * (d - 1 - axis)))
    return axes


def widened(constant: Tensor, x: Tensor) -> Tensor:
    """A constant in the precision of `steps_from_centre`."""
    return constant * _one(x)


def narrowed(values: Tensor, x: Tensor) -> Tensor:
    """Values in the dtype of `x`."""
    return x.new_empty(values.shape).copy_(values)


def _one(x: Tensor) -> Tensor:
    return x.new_ones(1) * x.new_ones(1, dtype=torch.float32)
