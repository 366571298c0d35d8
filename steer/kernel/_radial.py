"""Radial profiles: the free part of a steerable kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

RadialProfile = Callable[[Tensor], Tensor]
"""Anything that maps radii `[point]` to profile values `[profile, point]`."""


@dataclass(frozen=True)
class GaussianRings:
    """Rings `exp(-(r - radius)^2 / (2 width^2))`, the default profile.

    Args:
        radii: where the rings lie, in physical units.
        widths: standard deviations, one per ring, positive.
    Raises:
        ValueError: if the numbers do not match or a width is not positive.
    Source: Weiler et al. 2018; Weiler and Cesa 2019.
    """

    radii: tuple[float, ...]
    widths: tuple[float, ...]

    def __post_init__(self) -> None:
        for given in (self.radii, self.widths):
            if not isinstance(given, Sequence) or not all(isinstance(v, Real) and math.isfinite(v) for v in given):
                raise TypeError(f"GaussianRings: finite numbers, radii and widths, are required; received {given!r}")
        object.__setattr__(self, "radii", tuple(self.radii))  # lists have no hash
        object.__setattr__(self, "widths", tuple(self.widths))
        if len(self.radii) != len(self.widths) or not self.radii:
            raise ValueError(
                "GaussianRings: one width per radius is required; "
                f"received {len(self.radii)} radii, {len(self.widths)} widths"
            )
        if min(self.widths) <= 0 or min(self.radii) < 0:
            raise ValueError(
                f"GaussianRings: radii >= 0 and widths > 0 are required; received radii {self.radii}, widths {self.widths}"
            )

    def __call__(self, radius: Tensor) -> Tensor:
        centre = radius.new_tensor(self.radii)[:, None]
        width = radius.new_tensor(self.widths)[:, None]
        return torch.exp(-((radius - centre) ** 2) / (2 * width**2))
