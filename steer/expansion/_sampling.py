"""What a convolution samples: taps, rings, and the band limit of each ring."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from steer.expansion._lattice import Lattice
from steer.group import deterministic
from steer.kernel import GaussianRings, RadialProfile, harmonic_dim, harmonics
from steer.store import cached

BandLimit = int | Sequence[int] | Callable[[float], int] | None


@cached(32)
@deterministic
def tap_functions(sampling: Sampling, d: int) -> Tensor:
    """The scalar functions of a sampling at its taps, `[function, tap]`; not to be modified."""
    return sampling.functions(sampling.points(d))


@dataclass(frozen=True)
class Sampling:
    """Everything that fixes the scalar functions a kernel is made of; a hashable value.

    A kernel is a combination of `radial_p(|x|) Y_lm(x / |x|)` with `l <= limits[p]`, sampled at the taps.

    Args:
        lattice: None for a single tap at the origin (no base space).
        kernel_size: taps along each array axis.
        radial: profiles, a hashable callable.
        limits: largest degree for each profile.
    """

    lattice: Lattice | None
    kernel_size: tuple[int, ...]
    radial: RadialProfile
    limits: tuple[int, ...]

    @property
    def taps(self) -> int:
        return math.prod(self.kernel_size)

    @property
    def described(self) -> str:
        """Everything in words, with all digits; empty for profiles that only their code describes."""
        if not isinstance(self.radial, GaussianRings):
            return ""
        return f"{self.lattice!r} {self.kernel_size} {self.radial!r} {self.limits}"

    def points(self, d: int) -> Tensor:
        """Physical position of every tap, `[taps, d]`."""
        return torch.zeros(1, d, dtype=torch.float64) if self.lattice is None else self.lattice.positions(self.kernel_size)

    def terms(self, d: int) -> list[tuple[int, int]]:
        """Pairs (profile, degree) in the order of the scalar functions."""
        return [(p, l) for p, limit in enumerate(self.limits) for l in range(limit + 1) if harmonic_dim(max(d, 1), l)]

    def centred(self) -> tuple[bool, ...]:
        """For every profile, whether it is the centre tap alone."""
        radius = self.points(self.lattice.d if self.lattice is not None else 1).norm(dim=-1)
        return tuple((~(self.radial(radius) * (radius > 0) > 1e-6).any(1)).tolist())

    def smooth(self, kernels: Tensor, d: int) -> Tensor:
        """Mean square that kernels `[..., tap]` give for smooth input of variance one, `[...]`: their gain.

        Smooth is white noise blurred with a Gaussian of two samples: correlated as `exp(-|y|^2 / 16)`, y in samples.
        """
        points = self.points(d)
        # Not by products, which leave rounding where the distance of a point to itself is zero.
        distance = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
        sample = distance[distance > 0].min() if self.taps > 1 else 1.0
        correlation = torch.exp(-((distance / sample) ** 2) / 16)
        return (kernels @ correlation * kernels).sum(-1)

    def functions(self, points: Tensor) -> Tensor:
        """The scalar functions at points, `[..., point, d] -> [..., function, point]`; zero at taps that do not exist.

        For each degree the radial profiles are made orthonormal over the taps, symmetrically (Loewdin), so that each stays
        as close to its ring as can be. The points are the taps, or the taps turned by orthogonal matrices.
        """
        d = points.shape[-1]
        radius = points[(0,) * (points.ndim - 2)].norm(dim=-1)  # rotations keep radii
        profiles = self.radial(radius)
        if self.lattice is not None:
            profiles = profiles * self.lattice.kernel_mask(self.kernel_size)
        terms = self.terms(d)
        sampled, mixed = [], []
        for degree in range(max(self.limits) + 1):
            sampled.append(harmonics(points, degree).mT)
            mixed.append(_orthonormal(profiles[[p for p, l in terms if l == degree]] * (radius > 0 if degree else 1.0)))
        rank = {term: sum(l == term[1] for _, l in terms[:i]) for i, term in enumerate(terms)}
        return torch.cat([sampled[l] * mixed[l][rank[p, l]] for p, l in terms], -2)


def _orthonormal(rows: Tensor) -> Tensor:
    """`G^(-1/2) rows` with the Gram matrix G of rows of unit norm; nearly dependent directions are not blown up.

    Rows that vanish on the taps stay zero, all of them as well: the functions made of them are dropped later.
    """
    norm = rows.norm(dim=1, keepdim=True)
    unit = rows / torch.where(norm == 0, 1.0, norm)
    values, vectors = torch.linalg.eigh(unit @ unit.mT)
    if len(values) == 0 or not float(values[-1]) > 0:
        return rows
    return (vectors * values.clamp(min=1e-3 * float(values[-1])).rsqrt()) @ vectors.mT @ unit


def sampling(
    grid: Lattice,
    kernel_size: Sequence[int],
    band_limit: BandLimit = None,
    rings: Sequence[float] | None = None,
    widths: Sequence[float] | None = None,
    radial: RadialProfile | None = None,
) -> Sampling:
    """Rings, widths and band limits for a kernel; the defaults are those of the field.

    Rings lie one sample apart from the centre (or half a sample, for even sizes) to the edge. Widths are 0.6 samples, 0.4
    for the outermost ring; a ring at the origin is the centre tap alone. Band limits, with r the radius in samples: 0 at the
    origin; in the plane `min(2, floor(2 r))` on the outermost ring, and between `2 r - 1` for even r and `floor(2 r)` for
    all others; in space `floor(2 r + 1)`. Sampled elements need not be independent where the band limit exceeds what the
    taps can tell apart: weights over them then describe a kernel in more than one way.

    Args:
        grid: the lattice.
        kernel_size: taps along each array axis, at least 1.
        band_limit: largest degree, for all rings or for each; or a function of the radius in samples.
        rings: radii in physical units.
        widths: standard deviations in physical units, one per ring.
        radial: other profiles in place of Gaussian rings: a hashable callable of module level, from radii in physical units
            `[point]` to `[profile, point]`, in float64; `band_limit` is then one degree, or one for each profile.
    Raises:
        ValueError: if a size is below 1, a hexagonal kernel has no single odd size, or the numbers do not match the rings.
    Source: Weiler and Cesa 2019 (plane); Weiler et al. 2018, "compromise" (space); docs/theory/sampling.
    """
    size = tuple(kernel_size)
    if len(size) != grid.d or any(not isinstance(k, int) or k < 1 for k in size):
        raise ValueError(f"kernel_size: {grid.d} whole numbers >= 1 are required; received {size}")
    grid.kernel_mask(size)  # a hexagonal kernel has one odd size
    if radial is not None:
        return Sampling(grid, size, radial, _profile_limits(radial, band_limit, rings, widths))
    extended = [step for k, step in zip(size, grid.spacing, strict=True) if k > 1]
    unit = min(extended, default=min(grid.spacing))
    reach = max((k - 1) / 2 * step for k, step in zip(size, grid.spacing, strict=True))
    if rings is None:
        first = 0.5 if any(k % 2 == 0 for k in size) else 0.0
        radii = [(first + i) * unit for i in range(math.floor(reach / unit - first + 1e-9) + 1)] or [reach]
    else:
        radii = _lengths(rings, "rings")
        if not radii:
            raise ValueError("rings: at least one radius is required; received none; None chooses them by the kernel size")
    if widths is None:
        deviation = [0.005 * unit if r == 0 else 0.6 * unit for r in radii]
        deviation[-1] = min(deviation[-1], 0.4 * unit)
    else:
        deviation = _lengths(widths, "widths")
    profile = GaussianRings(tuple(radii), tuple(deviation))
    samples = [round(r / unit, 9) for r in radii]  # a radius of 3 samples is one in any unit of length
    limits = tuple(_limit(band_limit, i, r, i == len(radii) - 1, grid.d, len(radii)) for i, r in enumerate(samples))
    return Sampling(grid, size, profile, limits)


def _profile_limits(
    radial: RadialProfile, band_limit: BandLimit, rings: Sequence[float] | None, widths: Sequence[float] | None
) -> tuple[int, ...]:
    if rings is not None or widths is not None:
        raise ValueError("radial: rings and widths belong to the Gaussian profiles; received them beside other profiles")
    if not callable(radial):
        raise TypeError(f"radial: a function of radii [point] to [profile, point], is required; received {radial!r}")
    try:
        count = len(radial(torch.zeros(1, dtype=torch.float64)).reshape(-1, 1))
    except Exception as error:  # whatever another function does with radii
        raise ValueError(
            f"radial: a function of radii [point] to [profile, point], in float64, is required; received {radial!r}, which "
            f"fails: {error}"
        ) from error
    limits = (band_limit,) * count if isinstance(band_limit, int) else band_limit
    if not isinstance(limits, Sequence) or len(limits) != count or any(not isinstance(l, int) or l < 0 for l in limits):
        raise ValueError(
            f"band_limit: one degree, or one for each of the {count} profiles of radial, is required; "
            f"received {band_limit!r}"
        )
    return tuple(limits)


def _limit(band_limit: BandLimit, ring: int, radius: float, outermost: bool, d: int, count: int) -> int:
    if isinstance(band_limit, bool):
        raise ValueError("band_limit: a degree, one per ring, or a function of the radius is required; received a bool")
    if isinstance(band_limit, int):
        limit = band_limit
    elif callable(band_limit):
        limit = _limit_at(band_limit, radius)
    elif band_limit is not None:
        listed = isinstance(band_limit, Sequence) and not isinstance(band_limit, str) and len(band_limit) == count
        if not listed or any(not isinstance(l, int) or isinstance(l, bool) for l in band_limit):
            raise ValueError(
                f"band_limit: one degree, or one for each of {count} rings, is required; received {band_limit!r}"
            )
        limit = band_limit[ring]
    elif radius == 0:
        limit = 0
    elif d == 3:
        limit = math.floor(2 * radius + 1)
    elif outermost:
        limit = min(2, math.floor(2 * radius))
    else:
        whole = math.floor(2 * radius)
        limit = whole - (1 if radius == int(radius) and (int(radius) + 1) % 2 else 0)
    if limit < 0:
        raise ValueError(f"band_limit: degrees >= 0 are required; received {limit}")
    return 0 if radius == 0 else limit


def _limit_at(band_limit: Callable[[float], int], radius: float) -> int:
    try:
        return int(band_limit(radius))
    except Exception as error:  # whatever another function does with a radius
        raise ValueError(
            f"band_limit: a function of the radius in samples to a degree is required; received {band_limit!r}, which fails "
            f"for {radius}: {error}"
        ) from error


def _lengths(given: Sequence[float], what: str) -> list[float]:
    """Numbers in physical units, of a list, an array or a tensor."""
    listed: Any = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(listed, Iterable) or isinstance(listed, str):
        listed = [None]
    listed = list(listed)
    if not all(isinstance(v, Real) and not isinstance(v, bool) and math.isfinite(v) for v in listed):
        raise ValueError(
            f"{what}: a list of numbers in physical units, one per ring, is required; received {given!r}; None chooses them "
            "by the kernel size"
        )
    return [float(v) for v in listed]


POINT = Sampling(None, (), GaussianRings((0.0,), (1.0,)), (0,))
"""A single tap at the origin: layers without base space."""
