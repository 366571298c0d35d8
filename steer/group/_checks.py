"""How close a matrix must be to an element, and questions that only some tensors can answer."""

from __future__ import annotations

import torch
from torch import Tensor


def tolerance(dtype: torch.dtype) -> float:
    """What an entry may differ from that of an element: 1e-4, or a few units in the last place of half precision."""
    return max(1e-4, 4 * torch.finfo(dtype).eps) if dtype.is_floating_point else 1e-4


def holds(condition: Tensor) -> bool:
    """Whether all entries are true; true as well where values cannot be looked at.

    In compiled graphs, under `torch.func.vmap` and in symbolic tensors there is no one answer: checks go unmade there.
    """
    if torch.compiler.is_compiling():
        return True
    try:
        return bool(condition.all())
    except RuntimeError:
        return True


def working(g: Tensor) -> Tensor:
    """Half precision in single, integers in double: determinants and complex powers exist in no less."""
    if not g.is_floating_point():
        return g.double()
    return g.float() if torch.finfo(g.dtype).bits < 32 else g
