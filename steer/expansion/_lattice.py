"""Grids: where the samples of an image or a volume lie in physical space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from steer.group import FiniteGroup, Group, deterministic, dihedral, from_generators, full_octahedral, reflection
from steer.group import trivial as trivial_group

KINDS = {"line": 1, "square": 2, "hexagonal": 2, "cubic": 3}


@dataclass(frozen=True)
class Lattice:
    """A Bravais lattice with the array that stores it.

    Array axes are `(z, y, x)` (or the last of them): x and z grow with the index, rows run down while y points up. A
    hexagonal lattice is stored sheared: column c of row r lies at `x = c + r / 2`, `y = -r sqrt(3) / 2`.

    Args:
        kind: "line", "square", "cubic", or "hexagonal".
        spacing: distance of neighbours along each array axis, in physical units, `(z, y, x)` order.
    """

    kind: str
    spacing: tuple[float, ...]

    @property
    def d(self) -> int:
        return KINDS[self.kind]

    @property
    @deterministic
    def matrix(self) -> Tensor:
        """Physical position `(x, y, z)` of a step along each array axis, as columns, `[d, d]`."""
        if self.kind == "hexagonal":
            s = self.spacing[0]
            return torch.tensor([[0.5 * s, s], [-0.5 * math.sqrt(3) * s, 0.0]], dtype=torch.float64)
        d = self.d
        out = torch.zeros(d, d, dtype=torch.float64)
        for axis, step in enumerate(self.spacing):
            coordinate = d - 1 - axis
            out[coordinate, axis] = -step if coordinate == 1 else step
        return out

    @property
    def point_group(self) -> FiniteGroup:
        """All orthogonal matrices that map the lattice to itself and fix a site."""
        return _point_group(self)

    @deterministic
    def offsets(self, shape: Sequence[int]) -> Tensor:
        """Array index of every sample relative to the centre of the grid, `[n, d]`; half-integers along even axes."""
        axes = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in shape]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, self.d)

    @deterministic
    def positions(self, shape: Sequence[int]) -> Tensor:
        """Physical position of every sample relative to the centre, `[n, d]`, array order."""
        return self.offsets(shape) @ self.matrix.mT

    @deterministic
    def kernel_mask(self, kernel_size: Sequence[int]) -> Tensor:
        """Which taps of a kernel exist, `[n]` bool: all, but on a hexagonal lattice those of a hexagon."""
        offsets = self.offsets(kernel_size)
        if self.kind != "hexagonal":
            return torch.ones(len(offsets), dtype=torch.bool)
        if kernel_size[0] != kernel_size[1] or kernel_size[0] % 2 == 0:
            raise ValueError(f"hexagonal kernels: one odd size is required; received {tuple(kernel_size)}")
        reach = torch.cat([offsets, offsets.sum(1, keepdim=True)], 1).abs().amax(1)
        return reach <= (kernel_size[0] - 1) / 2

    def __str__(self) -> str:
        unit = all(s == 1.0 for s in self.spacing)
        return self.kind if unit else f"{self.kind}(spacing={self.spacing})"


def lattice(kind: str | None, d: int, spacing: float | Sequence[float] = 1.0) -> Lattice:
    """The lattice of this name for a group that acts on `d` dimensions.

    Args:
        kind: "line", "square", "hexagonal", "cubic"; None for the rectangular one of the dimension.
        d: dimension, 1 to 3.
        spacing: one number, or one per array axis `(z, y, x)`, in physical units.
    Raises:
        ValueError: if the name is unknown or of another dimension, or a spacing is not positive.
    """
    kind = kind if kind is not None else {1: "line", 2: "square", 3: "cubic"}.get(d, "none")
    if not isinstance(kind, str) or KINDS.get(kind) != d:
        fitting = [name for name, dim in KINDS.items() if dim == d]
        raise ValueError(f"lattice: one of {fitting} is required for a group that acts on {d} dimensions; received {kind!r}")
    try:
        listed: Any = spacing.tolist() if hasattr(spacing, "tolist") else spacing  # of an array or a tensor
        given: tuple[Any, ...] = (listed,) * d if isinstance(listed, Real) else tuple(listed)
    except TypeError:
        given = ()
    steps = tuple(float(s) if isinstance(s, Real) and not isinstance(s, bool) else math.nan for s in given)
    if len(steps) != d or not all(math.isfinite(s) and s > 0 for s in steps):
        raise ValueError(f"spacing: a positive number, or {d} of them in (z, y, x) order, is required; received {spacing!r}")
    if kind == "hexagonal" and steps[0] != steps[1]:
        raise ValueError(f"spacing: a hexagonal lattice has one spacing; received {spacing!r}")
    return Lattice(kind, steps)


@lru_cache(maxsize=64)
def _point_group(grid: Lattice) -> FiniteGroup:
    if grid.kind == "line":
        return reflection(1)
    if grid.kind == "hexagonal":
        return dihedral(6)
    candidates = (dihedral(4) if grid.kind == "square" else full_octahedral()).elements
    steps = torch.linalg.inv(grid.matrix) @ candidates @ grid.matrix
    kept = candidates[((steps - steps.round()).abs().amax((-2, -1)) < 1e-9)]
    return from_generators(list(kept))


@lru_cache(maxsize=256)
def exact_symmetries(grid: Lattice, group: Group) -> FiniteGroup:
    """The elements of a group under which sampling on this lattice is exactly equivariant.

    A group that acts on another dimension than the grid has the identity alone.
    """
    if grid.d != group.d:
        return trivial_group(group.d)
    return group.intersection(grid.point_group)


def exchanged_axes(grid: Lattice, group: Group) -> set[tuple[int, int]]:
    """Pairs of array axes that an exact symmetry in a group maps to each other."""
    steps = torch.linalg.inv(grid.matrix) @ exact_symmetries(grid, group).elements @ grid.matrix
    mixed = (steps.abs() > 0.5).any(0)
    return {(i, j) for i in range(grid.d) for j in range(grid.d) if i < j and bool(mixed[i, j] | mixed[j, i])}


def sums_axes(grid: Lattice, group: Group) -> bool:
    """Whether an exact symmetry maps a step along one array axis to a sum of steps along several, as sixth turns do.

    Then arrays have it only if their centre is a sample, so that no size is even.
    """
    steps = torch.linalg.inv(grid.matrix) @ exact_symmetries(grid, group).elements @ grid.matrix
    return bool(((steps.abs() > 0.5).sum(-2) > 1).any())


def reversed_axes(grid: Lattice, group: Group) -> set[int]:
    """Array axes along which a layer must treat both ends alike, as an exact symmetry in a group reverses them."""
    steps = torch.linalg.inv(grid.matrix) @ exact_symmetries(grid, group).elements @ grid.matrix
    return {axis for axis in range(grid.d) if bool((steps[:, :, axis] < -0.5).any())}
