"""Harmonics on the unit sphere of 1, 2 and 3 dimensions, and how groups act on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steer.group import ContinuousGroup, Group, numbers, o3, working
from steer.representation import Irrep, Representation, gradient_coupling, irrep


def harmonic_dim(d: int, degree: int) -> int:
    """Number of harmonics of one degree on the sphere in `d` dimensions: 1, 1, 0, ... ; 1, 2, 2, ... ; 2 l + 1.

    Raises:
        ValueError: if the degree is no whole number >= 0, or d is above 3 (for degrees above 0).
    """
    if not isinstance(degree, int) or isinstance(degree, bool) or degree < 0:
        raise ValueError(f"harmonics: a degree that is a whole number >= 0 is required; received {degree!r}")
    if degree == 0:
        return 1
    if d in (1, 2, 3):
        return {1: int(degree == 1), 2: 2, 3: 2 * degree + 1}[d]
    raise ValueError(f"harmonics: 1, 2 or 3 dimensions are required; received d = {d}")


def harmonics(points: Tensor, degree: int) -> Tensor:
    """Harmonics of one degree in the direction of each point, `[..., d] -> [..., harmonic_dim(d, degree)]`.

    Law: `Y(g x) = D(g) Y(x)` for g in O(d), with D of `HarmonicRepresentation`. `|Y(x)| = 1` away from the origin; at the
    origin only degree 0 is different from zero. Degree 1 is the direction itself: (x, y, z). In the plane degree k is
    `(cos k phi, sin k phi)`; in space the basis is e3nn's.

    Args:
        points: of 1, 2 or 3 coordinates, any length; of other dimensions degree 0 alone.
        degree: at least 0.
    Returns:
        In the dtype of the points; integers and lists of numbers give float64.
    Raises:
        ValueError: if the degree is no whole number >= 0, or the points have more than three coordinates.
    """
    points = numbers(points, "harmonics", "points [..., d] are")
    d = points.shape[-1] if points.ndim else 0
    dim = harmonic_dim(d, degree)
    dtype = points.dtype if points.is_floating_point() else torch.float64
    return _harmonics(working(points), degree, dim).to(dtype)


def _harmonics(points: Tensor, degree: int, dim: int) -> Tensor:
    radius = points.norm(dim=-1, keepdim=True)
    if degree == 0:
        return torch.ones_like(radius)
    direction = points / torch.where(radius == 0, 1.0, radius)
    d = points.shape[-1]
    if dim == 0:
        return points.new_zeros(*points.shape[:-1], 0)
    if d == 1:
        return direction
    if d == 2:
        z = power = torch.complex(direction[..., 0], direction[..., 1])
        for _ in range(degree - 1):
            power = power * z
        return torch.stack([power.real, power.imag], -1)
    y = torch.ones_like(radius)
    for level in range(1, degree + 1):
        # The gradient coupling of Y_(l-1) with x has norm sqrt(l / (2 l - 1)) on the sphere.
        coupling = gradient_coupling(level).to(points)
        scale = ((2 * level - 1) / level) ** 0.5
        y = scale * torch.einsum("mni,...n,...i->...m", coupling, y, direction)
    return y


@dataclass(frozen=True, repr=False)
class HarmonicRepresentation(Representation):
    """A subgroup of O(d) acting on the harmonics of one degree: `Y(g x) = D(g) Y(x)`.

    Args:
        group: of 1, 2 or 3 dimensions; any for degree 0.
        harmonic_degree: at least 0.
    Raises:
        ValueError: if the degree is no whole number >= 0, or the group acts on more than three dimensions.
    """

    group: Group
    harmonic_degree: int

    def __post_init__(self) -> None:
        harmonic_dim(self.group.d, self.harmonic_degree)

    @property
    def dim(self) -> int:
        return harmonic_dim(self.group.d, self.harmonic_degree)

    @property
    def degree(self) -> int:
        return self.harmonic_degree

    @property
    def packed_as(self) -> str:
        return f"harmonics {self.harmonic_degree}"

    @property
    def as_irrep(self) -> Irrep | None:
        """Under all rotations of its space they are one irrep, in its own basis."""
        group = self.group
        if not isinstance(group, ContinuousGroup) or group.blocks != ((0, group.d),) or group.d not in (2, 3):
            return None
        return irrep(group, self.harmonic_degree)

    def matrices(self, g: Tensor) -> Tensor:
        degree, d = self.harmonic_degree, self.group.d
        if degree == 0:
            return g.new_ones(*g.shape[:-2], 1, 1)
        if d == 1:
            return g[..., : self.dim, : self.dim].clone()
        if d == 2:
            # Not the irrep of O(2), whose last bits differ where columns are not normalised: packs hold these.
            dtype, g = g.dtype, working(g)
            flip = torch.linalg.det(g).sign()
            first = harmonics(g[..., :, 0], degree)  # the image of (1, 0) at angle k phi
            c, s = first.unbind(-1)
            return torch.stack([first, torch.stack([-flip * s, flip * c], -1)], -1).to(dtype)
        # All rotations and reflections of space act by one irrep, in this basis; a subgroup by its restriction.
        return irrep(o3(), degree).matrices(g)

    def __str__(self) -> str:
        return f"harmonics[{self.harmonic_degree}]"
