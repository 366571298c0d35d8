"""What comes in at public doors, how close a matrix must be to an element, and what only some tensors can answer."""

from __future__ import annotations

import reprlib
from typing import Any

import torch
from torch import Tensor


def require(value: Any, kind: type, where: str, needed: str) -> Any:
    """The value itself, if it is of this class.

    Args:
        where, needed: begin of the message, and what is required.
    Raises:
        TypeError: if it is of another.
    """
    if isinstance(value, kind):
        return value
    raise TypeError(f"{where}: {needed} is required; received {type(value).__name__} {reprlib.repr(value)}")


def numbers(value: Any, where: str, needed: str) -> Tensor:
    """A tensor as it is; arrays and lists of numbers in double precision, whatever torch's default is.

    Raises:
        TypeError: if it is neither.
    """
    if isinstance(value, Tensor):
        return value
    try:
        return torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{where}: {needed} required; received {type(value).__name__} {reprlib.repr(value)}") from None


def count(value: Any, where: str) -> int:
    """A whole number that is not negative.

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{where}: a whole number >= 0 is required; received {value!r}")
    return value


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
