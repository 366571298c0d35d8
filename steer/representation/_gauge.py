"""The canonical gauge: one basis for every subspace, whoever computes it.

A basis of a solution space is arbitrary up to an orthogonal matrix, but the projector `P` on the space is unique. The
rows of its pivoted Cholesky factor are orthonormal (`P = B^T B` and `P P = P` give `B B^T = 1`), and fixed by the order
of the pivots: the first index whose remaining diagonal is at least `SHARE` of the largest one. Source:
docs/theory/couplings. `GAUGE` names this rule; any change of it, or of an order or a normalisation, is a new number.
"""

from collections.abc import Callable

from torch import Tensor

from steer.group import require
from steer.store import GAUGE as GAUGE

SHARE = 0.0123  # no simple fraction, so that symmetric problems have no ties at the threshold


def canonical_rows(diagonal: Tensor, column: Callable[[int], Tensor], rank: int) -> Tensor:
    """Canonical orthonormal basis of the range of a projector given by its diagonal and its columns.

    Args:
        diagonal: `[n]`, the diagonal of the projector.
        column: index -> that column, `[n]`; called `rank` times.
        rank: dimension of the range.
    Returns:
        `[rank, n]`, orthonormal rows, positive at their pivots.
    """
    residual = diagonal.clone()
    rows = diagonal.new_zeros(rank, len(diagonal))
    for k in range(rank):
        pivot = int((residual >= SHARE * residual.max()).nonzero()[0])
        row = column(pivot) - rows[:k, pivot] @ rows[:k]
        rows[k] = row / row[pivot].sqrt()
        residual = residual - rows[k] ** 2
    # One Newton step for the inverse square root removes what the pivots amplified of the rounding errors.
    return 1.5 * rows - 0.5 * (rows @ rows.mT) @ rows


def canonical_basis(projector: Tensor) -> Tensor:
    """Canonical orthonormal basis of the range of a projector, `[n, n] -> [rank, n]`."""
    require(projector, Tensor, "canonical_basis", "a projector [n, n], a tensor,")
    rank = round(float(projector.diagonal().sum()))
    rows = canonical_rows(projector.diagonal(), lambda i: projector[:, i], rank)
    return rows @ projector


def canonicalise(rows: Tensor) -> Tensor:
    """Canonical basis of the span of orthonormal rows, `[rank, n] -> [rank, n]`."""
    return canonical_rows((rows**2).sum(0), lambda i: rows.mT @ rows[:, i], len(rows))
