"""Random fields to test with."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.field import FieldType, GSpace

_REACH = 6
_WIDTH = 2.0  # standard deviation in samples of what the smooth noise is blurred with


def rough_noise(kind: FieldType, size: tuple[int, ...], batch: int, dtype: torch.dtype, seed: int) -> Tensor:
    """Independent normal numbers in every sample: nothing is hidden from the test."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, kind.size, *size, dtype=torch.float64, generator=generator).to(dtype)


def smooth_noise(kind: FieldType, size: tuple[int, ...], batch: int, dtype: torch.dtype, seed: int) -> Tensor:
    """Random fields, smooth on the scale of a few samples, that fade out towards the border of the inscribed ball."""
    x = rough_noise(kind, size, batch, torch.float64, seed)
    offsets = torch.arange(-_REACH, _REACH + 1, dtype=torch.float64)
    window = torch.exp(-(offsets**2) / (2 * _WIDTH**2))
    for axis in range(2, x.ndim):
        x = torch.nn.functional.pad(x.movedim(axis, -1), (_REACH, _REACH)).unfold(-1, len(window), 1)
        x = (x @ (window / window.norm())).movedim(-1, axis)
    distance = distance_from_centre(kind.gspace, size)
    return (x * torch.cos(distance.clamp(max=1) * torch.pi / 2)).to(dtype)


def distance_from_centre(space: GSpace, size: tuple[int, ...]) -> Tensor:
    """Distance of every sample from the centre in units of the radius of the inscribed ball, `[*size]`."""
    grid = space.lattice
    assert grid is not None
    reach = min(max(n - 1, 1) / 2 * s for n, s in zip(size, grid.spacing, strict=True))
    reach *= 3**0.5 / 2 if grid.kind == "hexagonal" else 1.0
    return (grid.positions(size).norm(dim=1) / reach).reshape(size)
