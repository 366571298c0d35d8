"""From generator matrices to a finite group."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from steer.group._checks import numbers, require
from steer.group._deterministic import deterministic
from steer.group._finite import FiniteGroup
from steer.group._polish import polish, snap_order

_SINGLE, _DOUBLE = 2e-6, 1e-11  # what the entries of a generator may be off, in single and in double precision
_SAME = 1e-4  # products of generators closer than this are one element; generators may carry float32 rounding


@deterministic
def from_generators(generators: Sequence[Any] | Tensor, max_order: int = 1000, name: str | None = None) -> FiniteGroup:
    """The finite subgroup of O(d) that orthogonal matrices generate.

    The elements come in Dimino's order: powers of the first generator, then cosets as further generators enter, so one
    generator's group is `e, g, g^2, ...`. Generators given in single precision are polished to double: every product is
    moved to the nearest matrix of its finite order before it is used again, so that rounding does not grow with the order.
    Matrices that look exact, orthogonal in double precision, may be moved by 1e-11 only: a turn by an irrational angle lies
    near rational ones.

    Args:
        generators: matrices `[d, d]`, `1 <= d`, orthogonal to 1e-6.
        max_order: stop with an error beyond this many elements. The larger it is, the more precise generators must be.
        name: how the group prints.
    Raises:
        ValueError: if a matrix is not square, finite and orthogonal, the group exceeds `max_order`, or the matrices are too
            imprecise to tell which group they generate, or further from it than their precision explains.
    Source: Butler, Fundamental Algorithms for Permutation Groups (1991), Dimino's algorithm; docs/theory/groups.

    >>> import torch, steer
    >>> steer.group.from_generators([torch.tensor([[0.0, -1.0], [1.0, 0.0]])]).order
    4
    """
    where = "from_generators"
    stated = require(generators, Iterable, where, "a list of matrices")
    given = [numbers(g, where, "orthogonal matrices, in a list, are") for g in stated]
    if not isinstance(max_order, int) or isinstance(max_order, bool) or max_order < 1:
        raise ValueError(f"from_generators: max_order, a whole number >= 1, is required; received {max_order!r}")
    matrices = [g.detach().to("cpu", torch.float64) for g in given]
    if not matrices:
        raise ValueError("from_generators: at least one matrix is required; received none; use trivial(d) for {1}")
    d = matrices[0].shape[-1] if matrices[0].ndim else 0
    for i, g in enumerate(matrices):
        if g.ndim != 2 or g.shape != (d, d) or d == 0:
            raise ValueError(
                "from_generators: square matrices of one size, in a list, are required; "
                f"number {i} has shape {tuple(g.shape)}"
            )
        error = float((g @ g.mT - torch.eye(d, dtype=torch.float64)).abs().max())
        if not error < 1e-6:
            raise ValueError(
                f"from_generators: orthogonal matrices (g g^T = 1) are required; number {i} misses by {error:.2g}; "
                "give all digits, or the nearest orthogonal matrix: U @ Vh of torch.linalg.svd"
            )
    stack = torch.stack(matrices)
    elements = _close(stack, [_coarse(g) for g in given], max_order)
    index = (stack.reshape(len(stack), -1) @ elements.reshape(len(elements), -1).mT).argmax(-1)
    for i, (g, element) in enumerate(zip(given, elements[index], strict=True)):
        moved, allowed = float((matrices[i] - element).abs().max()), _explained(matrices[i], _coarse(g))
        if moved > allowed:
            raise ValueError(
                f"from_generators: matrices that generate a finite group are required; number {i} is {moved:.2g} away from "
                f"the nearest group found, of {len(elements)} elements, and its precision explains {allowed:.2g}; give the "
                "exact matrices, or round them to float32, or use so2(), so3(), ... for a continuous group"
            )
    return FiniteGroup(elements, elements[index], name or f"from_generators(order={len(elements)}, d={d})")


def _coarse(g: Tensor) -> bool:
    return g.is_floating_point() and g.dtype != torch.float64


def _explained(matrix: Tensor, coarse: bool) -> float:
    """How far rounding may have moved the entries of a generator: a thousand times what it misses orthogonality by.

    Rounding breaks orthogonality about as much as it moves the matrix, while a turn by a wrong angle is orthogonal. Within
    1e-11, for products of a few matrices, and 2e-6, for single precision.
    """
    if coarse:
        return _SINGLE
    defect = float((matrix @ matrix.mT - torch.eye(len(matrix), dtype=torch.float64)).abs().max())
    return min(max(1e3 * defect, _DOUBLE), _SINGLE)


def _close(generators: Tensor, single: list[bool], max_order: int) -> Tensor:
    """Dimino's algorithm: extend the group by whole cosets, one generator at a time."""
    d = generators.shape[-1]
    elements = torch.eye(d, dtype=torch.float64)[None]
    infinite = ValueError(
        f"from_generators: a finite group of at most {max_order} elements is required; the "
        f"generators do not close within that many (a rotation by an angle that is not a rational "
        f"part of a turn never does); raise max_order, or use so2(), so3(), ... for a continuous one"
    )
    # Elements of a group of order n differ by 2 sin(pi / n) in the Frobenius norm at least (docs/theory/groups).
    same = min(_SAME, math.sin(math.pi / max(max_order, 2)) / (4 * d))

    def known(g: Tensor) -> bool:
        return bool(((elements - g).abs().amax((-2, -1)) < same).any())

    exact = []
    for generator, coarse in zip(generators, single, strict=True):
        snapped = snap_order(generator, max_order, coarse)
        if snapped is None:
            raise infinite
        exact.append(snapped)
    rounded = any(single) or any(float((g @ g.mT - elements[0]).abs().max()) > 1e-13 for g in generators)
    for i, generator in enumerate(exact):
        if known(generator):
            continue
        previous = elements
        representatives = [elements[0]]
        while representatives:
            representative = representatives.pop(0)
            for g in exact[: i + 1]:
                candidate = representative @ g
                if not known(candidate):
                    moved = snap_order(candidate, max_order, rounded)
                    if moved is None or len(elements) + len(previous) > max_order:
                        raise infinite
                    elements = torch.cat([elements, previous @ moved])
                    representatives.append(moved)
    return polish(elements)
