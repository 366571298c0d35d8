"""Numbers that layers take: checked at the door, as a wrong one would train without a word."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any


def positive(value: Any, argument: str, layer: str) -> float:
    """A finite number above zero.

    Raises:
        ValueError: if it is none.
    """
    if not is_number(value) or not value > 0:
        raise ValueError(f"{layer}: {argument}, a positive number, is required; received {value!r}")
    return value


def fraction(value: Any, argument: str, layer: str) -> float:
    """A number from 0 to 1.

    Raises:
        ValueError: if it is none.
    """
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{layer}: {argument}, a number from 0 to 1, is required; received {value!r}")
    return value


def is_number(value: Any) -> bool:
    """Whether it is a finite real number."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
