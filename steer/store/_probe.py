"""A few numbers in the place of many, to see whether two sets of tensors are the same but for rounding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_SAME = 1e-7  # of the size of the numbers: far above the rounding of sums of millions, far below a basis element

Probe = list[float]


def probe(*tensors: Tensor) -> Probe:
    """Two sums of all entries with fixed weights, `cos(sqrt(2) n + k)` and `cos(sqrt(3) n + k)` for entry n of tensor k.

    Unlike a digest, they are compared to a tolerance (`same_probe`): no rounding is on the edge between two values.
    """
    sums = [0.0, 0.0]
    for k, tensor in enumerate(tensors):
        flat = tensor.detach().to("cpu", torch.float64).flatten()
        places = torch.arange(len(flat), dtype=torch.float64, device="cpu")
        for i, step in enumerate((2**0.5, 3**0.5)):
            sums[i] += float(flat @ (places * step + k).cos())
    return sums


def same_probe(one: Any, other: Any) -> bool:
    """Whether two probes are of the same tensors; what is no probe is that of none."""
    lists = all(isinstance(x, (list, tuple)) and all(isinstance(value, float) for value in x) for x in (one, other))
    return (
        lists
        and len(one) == len(other)
        and all(abs(a - b) <= _SAME * max(1.0, abs(b)) for a, b in zip(one, other, strict=True))
    )
