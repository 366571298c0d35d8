"""Finite sets of group elements that stand for the whole group, invariant under a large finite subgroup."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from steer.group import (
    ContinuousGroup,
    FiniteGroup,
    Group,
    cyclic,
    deterministic,
    from_generators,
    octahedral,
    quaternion_to_matrix,
)
from steer.nn._rotation_table import ROTATIONS
from steer.nn._sphere_points import smallest_rule, sphere_points

_PSI = 1.533751168755204288118041  # psi^4 = psi + 4


def default_count(group: Group, degree: int, coefficients: int, subgroup: Group | None = None) -> int:
    """How many rotations per block, or points of the sphere, sample functions of this degree and size well.

    Multiples of 12 in the plane, so that quarter turns and sixth turns are among them; multiples of 24 in space: about three
    times the coefficients, five times on cosets, where the samples are not as evenly spread. On the sphere the smallest rule
    that is exact for degree `4 L + 3`: twice the degree of squares, and something for what an activation adds.
    """
    if sphere_axis(group, subgroup) is not None:
        return smallest_rule(4 * degree + 3 if degree else 0)
    if any(size == 3 for _, size in _blocks(group)):
        parity = 2 if len(group.components) > 1 else 1
        factor, least = (2.25 / parity, 3) if subgroup is None else (5.0, 4)
        wanted = math.ceil(factor * coefficients / 24)
        return 24 * next((q for q in sorted(ROTATIONS) if q >= max(wanted, least if degree else 1)), wanted)
    return 12 * math.ceil((2 * degree + 1) / 4)


def sphere_axis(group: Group, subgroup: Group | None) -> int | None:
    """The axis that a subgroup of the turns of space turns about: its cosets are the points of a sphere, or of several.

    None for other groups and subgroups.
    """
    if subgroup is None or _blocks(group) != ((0, 3),) or group.d != 3:
        return None
    turning = [offset for offset, size in _blocks(subgroup) if size == 2]
    return (turning[0] + 2) % 3 if turning else None


@lru_cache(maxsize=32)
@deterministic
def coset_samples(group: Group, count: int, subgroup: Group) -> tuple[Tensor, Tensor]:
    """Elements whose cosets a finite subgroup of the group permutes, `[n, d, d]`, and their weights, `[n]`.

    On spheres, a turn of the axis to each of `count` points of a quadrature rule, times one element per component; otherwise
    `group_samples`, of equal weight.
    """
    axis = sphere_axis(group, subgroup)
    if axis is None:
        points = group_samples(group, count)
        return points, torch.ones(len(points), dtype=torch.float64)
    points, weights = sphere_points(count)
    pole = torch.eye(3, dtype=torch.float64)[axis]
    middle = points + pole  # half a turn about the middle takes the pole to the point
    opposite = middle.norm(dim=1) < 1e-9
    middle[opposite] = torch.eye(3, dtype=torch.float64)[axis - 1]
    middle = middle / middle.norm(dim=1, keepdim=True)
    turns = 2 * middle[:, :, None] * middle[:, None] - torch.eye(3, dtype=torch.float64)
    return (turns[:, None] @ group.components).flatten(0, 1), weights.repeat_interleave(len(group.components))


@lru_cache(maxsize=32)
@deterministic
def group_samples(group: Group, count: int) -> Tensor:
    """Elements that a finite subgroup permutes by left multiplication, `[n, d, d]`.

    All elements of a finite group. Otherwise every rotating plane gets `count` equispaced turns, every rotating space
    the orbit of `count / 24` rotations under the 24 of the cube, and all this times one element per component.

    Raises:
        ValueError: if `count` is not positive, or not divisible by 24 where a space rotates.
    """
    if isinstance(group, FiniteGroup):
        return group.elements
    points = torch.eye(group.d, dtype=torch.float64)[None]
    for offset, size in _blocks(group):
        turns = cyclic(count).elements if size == 2 else cube_orbits(count)
        points = (points[:, None] @ _embed(turns, offset, group.d)).flatten(0, 1)
    return (points[:, None] @ group.components).flatten(0, 1)


def sample_symmetry(group: Group, count: int) -> FiniteGroup:
    """The finite subgroup that permutes `group_samples(group, count)`: their Fourier nonlinearity is exact for it."""
    if isinstance(group, FiniteGroup):
        return group
    generators = [*group.components]
    for offset, size in _blocks(group):
        finite = cyclic(count) if size == 2 else octahedral()
        generators += [*_embed(finite.generators, offset, group.d)]
    return from_generators(generators, max_order=10**5)


def _blocks(group: Group) -> tuple[tuple[int, int], ...]:
    return group.blocks if isinstance(group, ContinuousGroup) else ()


def _embed(turns: Tensor, offset: int, d: int) -> Tensor:
    out = torch.eye(d, dtype=torch.float64).repeat(len(turns), 1, 1)
    size = turns.shape[-1]
    out[:, offset : offset + size, offset : offset + size] = turns
    return out


def cube_orbits(count: int) -> Tensor:
    """Rotations of space that the 24 rotations of the cube permute by left multiplication, well spread, `[count, 3, 3]`.

    Seeds from the table of `_rotation_table`, for other counts from `_spread`.
    """
    if not isinstance(count, int) or count < 24 or count % 24:
        raise ValueError(
            f"samples: a multiple of 24 is required for rotations of space (orbits of those of a cube); received {count!r}"
        )
    seeds = ROTATIONS.get(count // 24)
    rotations = _spread(count // 24) if seeds is None else quaternion_to_matrix(torch.tensor(seeds, dtype=torch.float64))
    return (octahedral().elements[:, None] @ rotations).flatten(0, 1)


def _spread(n: int) -> Tensor:
    """Rotations chosen one by one from a fine spiral, each as far as possible from the orbits of those before, `[n, 3, 3]`.

    Source: Alexa 2022, Super-Fibonacci Spirals, equation 5; farthest-point sampling.
    """
    fine = 40 * n
    s = torch.arange(fine, dtype=torch.float64) + 0.5
    a, b = 2 * math.pi * s / math.sqrt(2), 2 * math.pi * s / _PSI
    r, rest = (s / fine).sqrt(), (1 - s / fine).sqrt()
    spiral = quaternion_to_matrix(torch.stack([r * a.sin(), r * a.cos(), rest * b.sin(), rest * b.cos()], -1))
    flat = spiral.flatten(1)
    closest = torch.full((fine,), -math.inf, dtype=torch.float64)
    chosen = [0]
    for _ in range(n - 1):
        orbit = (octahedral().elements @ spiral[chosen[-1]]).flatten(1)
        closest = torch.maximum(closest, (flat @ orbit.mT).amax(1))
        chosen.append(int(closest.round(decimals=9).argmin()))  # rounded, so that no machine breaks a tie differently
    return spiral[chosen]
