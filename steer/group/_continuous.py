"""Continuous groups: rotations of some coordinate blocks, times finitely many component representatives."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from steer.group import _haar
from steer.group._checks import count, numbers
from steer.group._deterministic import deterministic
from steer.group._finite import SAME
from steer.group._group import Group

_ALGEBRA = {
    2: torch.tensor([[[0.0, -1.0], [1.0, 0.0]]], dtype=torch.float64, device="cpu"),
    3: torch.tensor(
        [
            [[0.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]],
            [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 0.0]],
            [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        ],
        dtype=torch.float64,
        device="cpu",
    ),
}


class ContinuousGroup(Group):
    """`G = G_0 C`: the connected part `G_0` rotates blocks of two or three coordinates, `C` represents the components.

    Args:
        d: dimension of the space.
        blocks: `(offset, size)` of the rotating coordinate blocks; a size-2 block turns by SO(2), a size-3 by SO(3).
        components: one element per connected component, the identity first, `[n, d, d]`.
        name: how the group prints.
    """

    def __init__(self, d: int, blocks: tuple[tuple[int, int], ...], components: Tensor, name: str) -> None:
        self.d = d
        self.blocks = blocks
        self.name = name
        self._components = components.detach().clone()  # the caller may write to its own

    @property
    def order(self) -> float:
        return math.inf

    @property
    def components(self) -> Tensor:
        return self._components.clone()

    @property
    @deterministic
    def algebra(self) -> Tensor:
        out = []
        for offset, size in self.blocks:
            full = torch.zeros(len(_ALGEBRA[size]), self.d, self.d, dtype=torch.float64)
            full[:, offset : offset + size, offset : offset + size] = _ALGEBRA[size]
            out.append(full)
        return torch.cat(out)

    @property
    @deterministic
    def generators(self) -> Tensor:
        """Turns by one radian (an irrational part of a circle) in every generating plane, and the components."""
        return torch.cat([torch.linalg.matrix_exp(self.algebra), self._components[1:]])

    def _embed(self, offset: int, block: Tensor) -> Tensor:
        out = torch.eye(self.d, dtype=torch.float64).repeat(len(block), 1, 1)
        size = block.shape[-1]
        out[:, offset : offset + size, offset : offset + size] = block
        return out

    @deterministic
    def haar(self, degree: int) -> tuple[Tensor, Tensor]:
        degree, n = count(degree, "haar(degree)"), len(self._components)
        points, weights = self._components, torch.full((n,), 1.0 / n, dtype=torch.float64)
        for offset, size in self.blocks:
            p, w = (_haar.so2_quadrature if size == 2 else _haar.so3_quadrature)(degree)
            points = (self._embed(offset, p)[:, None] @ points).reshape(-1, self.d, self.d)
            weights = (w[:, None] * weights).reshape(-1)
        return points, weights

    @deterministic
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        out = self._components[torch.randint(len(self._components), (count(n, "sample(n)"),), generator=generator)]
        for offset, size in self.blocks:
            turn = (_haar.so2_sample if size == 2 else _haar.so3_sample)(n, generator)
            out = self._embed(offset, turn) @ out
        return out

    def _in_identity_component(self, g: Tensor, tolerance: float) -> Tensor:
        # Nothing is written in place: under torch.func.vmap the matrices hide a batch that new tensors lack.
        free = torch.ones(self.d, self.d, dtype=torch.float64)
        good = []
        for offset, size in self.blocks:
            span = slice(offset, offset + size)
            block = g[..., span, span]
            good.append((block @ block.mT - torch.eye(size, dtype=torch.float64)).abs().amax((-2, -1)) < tolerance)
            good.append(torch.linalg.det(block) > 0)
            free[span, span] = 0.0
        good.append(((g - self.identity) * free).abs().amax((-2, -1)) < tolerance)
        return torch.stack(good).all(0)

    @deterministic
    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        g = numbers(g, "contains", f"matrices [..., {self.d}, {self.d}] are")
        if g.shape[-2:] != (self.d, self.d):
            return torch.zeros(g.shape[:-2], dtype=torch.bool)
        g = g.detach().to("cpu", torch.float64)
        inside = [self._in_identity_component(g @ c.mT, tolerance) for c in self._components]
        return torch.stack(inside).any(0)

    def __le__(self, other: Group) -> bool:
        if not isinstance(other, Group):
            return NotImplemented
        return self.d == other.d and not other.is_finite and bool(other.contains(self.generators).all())

    def __mul__(self, other: Group) -> Group:
        from steer.group._product import direct_product

        return direct_product(self, other)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, ContinuousGroup)
            and (self.d, self.blocks, self._components.shape) == (other.d, other.blocks, other._components.shape)
            and float((self._components - other._components).abs().max()) < SAME
        )

    def __hash__(self) -> int:
        return hash((self.d, self.blocks, len(self._components)))

    def __reduce__(self) -> tuple[Any, ...]:
        return ContinuousGroup, (self.d, self.blocks, self._components, self.name)
