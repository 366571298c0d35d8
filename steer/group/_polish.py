"""From rounded matrices to the finite group that they mean."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from steer.group._deterministic import deterministic
from steer.group._matrices import snap
from steer.group._table import multiplication_table

_RESIDUAL = 1e-12  # what a product may differ from the element that stands for it
_SINGLE = 5e-7  # radians that single precision may move an eigenvalue
_DOUBLE = 1e-10
_SHARE = 1e-3


@deterministic
def snap_order(matrix: Tensor, max_order: int, single: bool) -> Tensor | None:
    """The matrix of finite order nearest to a rounded one, `[d, d]`; None if its order would exceed `max_order`.

    The eigenvalues of an element of order n are n-th roots of one. The least n that brings all angles within the tolerance
    of multiples of `2 pi / n` is the order, and `g <- g (1 - (g^n - g^-n) / 2n)` is Newton's step towards `g^n = 1`, which
    leaves the eigenspaces alone. Every angle is close to a multiple for large n, so that for matrices in double precision
    the tolerance falls with n^2, faster than chance can keep up with.

    Args:
        matrix: orthogonal up to rounding.
        max_order: largest order considered.
        single: whether the matrix carries single precision rounding, also where it is orthogonal in double.
    """
    d = matrix.shape[-1]
    unit = torch.eye(d, dtype=torch.float64)
    u, _s, vh = torch.linalg.svd(matrix)
    g = u @ vh
    single = single or float((g - matrix).abs().max()) > 1e-13
    angles = torch.linalg.eigvals(g).angle()
    n = torch.arange(1, max_order + 1, dtype=torch.float64)
    turns = n[:, None] * angles / (2 * math.pi)
    error = (turns - turns.round()).abs().amax(1) * (2 * math.pi) / n
    tolerance = (_SHARE * 2 * math.pi / n**2).clamp(min=_SINGLE if single else _DOUBLE, max=1e-5)
    fitting = (error < tolerance).nonzero()
    if not len(fitting):
        return None
    order = int(fitting[0]) + 1
    for _ in range(4):
        power = torch.linalg.matrix_power(g, order)
        step = (power - power.mT) / (2 * order)
        if float(step.abs().max()) < 1e-16:
            break
        u, _s, vh = torch.linalg.svd(g @ (unit - step))
        g = u @ vh
    return matrix if float((g - matrix).abs().max()) < 1e-15 else g


@deterministic
def polish(elements: Tensor) -> Tensor:
    """Make rounded elements satisfy the multiplication table to machine precision, `[order, d, d]`.

    Each element `g` is replaced by the orthogonal matrix nearest to the mean over `h` of `h^-1 (h g)`, with `h g` the
    element that stands for the product. The identity stays exact and the violation of the table is squared; the step is
    repeated while it is more than a few units in the last place. Source: Grove, Karcher and Ruh (1974).

    Raises:
        ValueError: if the result is no group: the table is no Latin square, or a product is none of the elements.
    """
    n, d = elements.shape[0], elements.shape[-1]
    best = math.inf
    while True:
        elements = snap(elements)
        table, total, residual = _products(elements)
        if residual < 4e-15 * d or residual > best / 2:
            break
        best = residual
        u, _s, vh = torch.linalg.svd(total)
        elements = u @ vh
    everything = torch.arange(n)
    latin = all(bool((lines.sort(1).values == everything).all()) for lines in (table, table.mT))
    if not latin or residual > _RESIDUAL:
        raise ValueError(
            f"from_generators: matrices that generate a finite group are required; the {n} products found are no group, "
            f"some are only nearly equal (a product misses the nearest of them by {residual:.2g}); give the generators more "
            "precisely, or raise max_order"
        )
    return elements


def _products(elements: Tensor) -> tuple[Tensor, Tensor, float]:
    """The index of every product, the sum over h of `h^-1 (h g)`, and by how much products miss their elements."""
    table, total, worst = multiplication_table(elements), torch.zeros_like(elements), 0.0
    for row, h in zip(table, elements, strict=True):
        worst = max(worst, float((h @ elements - elements[row]).abs().max()))
        total += h.mT @ elements[row]
    return table, total, worst
