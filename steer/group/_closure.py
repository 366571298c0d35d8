"""From generator matrices to a finite group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from steer.group._deterministic import deterministic
from steer.group._finite import FiniteGroup
from steer.group._matrices import snap

_SAME = 1e-5  # products of generators closer than this are one element; generators may carry float32 rounding


@deterministic
def from_generators(generators: Sequence[Any] | Tensor, max_order: int = 1000, name: str | None = None) -> FiniteGroup:
    """The finite subgroup of O(d) that orthogonal matrices generate.

    The elements come in Dimino's order: powers of the first generator, then cosets as further generators enter, so one
    generator's group is `e, g, g^2, ...`. Generators given in single precision are polished to double.

    Args:
        generators: matrices `[d, d]`, `1 <= d`, orthogonal to 1e-6.
        max_order: stop with an error beyond this many elements.
        name: how the group prints.
    Raises:
        ValueError: if a matrix is not square, finite and orthogonal, or the group exceeds `max_order`.
    Source: Butler, Fundamental Algorithms for Permutation Groups (1991), Dimino's algorithm; docs/theory/groups.

    >>> import torch, steer
    >>> steer.group.from_generators([torch.tensor([[0.0, -1.0], [1.0, 0.0]])]).order
    4
    """
    matrices = [torch.as_tensor(g).detach().to("cpu", torch.float64) for g in generators]
    if not matrices:
        raise ValueError("from_generators: at least one matrix is required; received none; use trivial(d) for {1}")
    d = matrices[0].shape[-1] if matrices[0].ndim else 0
    for i, g in enumerate(matrices):
        if g.ndim != 2 or g.shape != (d, d) or d == 0:
            raise ValueError(
                f"from_generators: square matrices of one size are required; number {i} has shape {tuple(g.shape)}"
            )
        error = float((g @ g.mT - torch.eye(d, dtype=torch.float64)).abs().max())
        if not error < 1e-6:
            raise ValueError(
                f"from_generators: orthogonal matrices (g g^T = 1) are required; number {i} misses by {error:.2g}; "
                "orthonormalise it first, for example with torch.linalg.qr"
            )
    elements = _close(torch.stack(matrices), max_order)
    stack = torch.stack(matrices)
    index = (stack.reshape(len(stack), -1) @ elements.reshape(len(elements), -1).mT).argmax(-1)
    return FiniteGroup(elements, elements[index], name or f"from_generators(order={len(elements)}, d={d})")


@deterministic
def _close(generators: Tensor, max_order: int) -> Tensor:
    """Dimino's algorithm: extend the group by whole cosets, one generator at a time."""
    d = generators.shape[-1]
    elements = torch.eye(d, dtype=torch.float64)[None]

    def known(g: Tensor) -> bool:
        return bool(((elements - g).abs().amax((-2, -1)) < _SAME).any())

    for i, generator in enumerate(generators):
        if known(generator):
            continue
        previous = elements
        representatives = [elements[0]]
        while representatives:
            representative = representatives.pop(0)
            for g in generators[: i + 1]:
                candidate = representative @ g
                if not known(candidate):
                    if len(elements) + len(previous) > max_order:
                        raise ValueError(
                            f"from_generators: a finite group of at most {max_order} elements is required; the "
                            f"generators do not close within that many (a rotation by an angle that is not a rational "
                            f"part of a turn never does); raise max_order, or use so2(), so3(), ... for a continuous one"
                        )
                    elements = torch.cat([elements, previous @ candidate])
                    representatives.append(candidate)
    return _polish(elements)


def _polish(elements: Tensor) -> Tensor:
    """Make rounded elements satisfy the multiplication table to machine precision.

    Each element `g` is replaced by the orthogonal matrix nearest to the mean over `h` of `h^-1 (h g)`, with `h g` the
    element that stands for the product. The identity stays exact and the violation of the table is squared; the step is
    repeated while it is more than a few units in the last place. Source: Grove, Karcher and Ruh (1974).
    """
    n, d = elements.shape[0], elements.shape[-1]
    for _ in range(4):
        elements = snap(elements)
        flat = elements.reshape(n, -1)
        total, worst = torch.zeros_like(elements), 0.0
        for h in elements:
            products = h @ elements
            index = (products.reshape(n, -1) @ flat.mT).argmax(-1)
            worst = max(worst, float((products - elements[index]).abs().max()))
            total += h.mT @ elements[index]
        if worst < 4e-15 * d:
            break
        u, _s, vh = torch.linalg.svd(total)
        elements = u @ vh
    return elements
