"""The one solver: the space of intertwiners as the range of the Haar-average projector."""

import torch
from torch import Tensor

from steer.group import FiniteGroup, deterministic, require
from steer.representation import Representation, canonical_rows, table, trace
from steer.store import cached


def values_on_haar(representation: Representation, degree: int) -> tuple[Tensor, Tensor]:
    """Values and weights of a quadrature that is exact for products of total degree `degree`."""
    group = representation.group
    points, weights = group.haar(degree)
    values = table(representation) if isinstance(group, FiniteGroup) else representation.matrices(points)
    return values, weights


def intertwiners(rep_a: Representation, rep_b: Representation) -> Tensor:
    """Orthonormal basis of Hom_G(A, B) = {X : B(g) X = X A(g) for all g}, in the canonical gauge.

    The projector `X -> mean over g of B(g) X A(g)^-1` is never formed: its diagonal and a few of its columns suffice, so
    the cost is (number of solutions) x |G| x dim_a x dim_b. Exact for finite groups; for continuous ones the Haar
    quadrature is exact for the degrees at hand.

    Args:
        rep_a, rep_b: representations of one group.
    Returns:
        `[n, dim_b, dim_a]`, float64, Frobenius-orthonormal; `n` is the inner product of the characters.
    Raises:
        ValueError: if the groups differ.
    Source: Lang and Weiler 2021; docs/theory/couplings.
    """
    for given in (rep_a, rep_b):
        require(given, Representation, "intertwiners", "a representation")
    return _intertwiners(rep_a, rep_b).clone()


@cached(2048)
@deterministic
def _intertwiners(rep_a: Representation, rep_b: Representation) -> Tensor:
    if rep_a.group != rep_b.group:
        raise ValueError(f"intertwiners: representations of one group are required; received {rep_a.group}, {rep_b.group}")
    degree = rep_a.degree + rep_b.degree
    a, weights = values_on_haar(rep_a, degree)
    b, _ = values_on_haar(rep_b, degree)
    characters = trace(a) * trace(b)
    count = round(float((weights * characters).sum()))
    if count == 0:
        return torch.zeros(0, rep_b.dim, rep_a.dim, dtype=torch.float64)
    weighted = weights[:, None] * b.diagonal(dim1=1, dim2=2)
    diagonal = (weighted.mT @ a.diagonal(dim1=1, dim2=2)).reshape(-1)

    def column(index: int) -> Tensor:
        i, j = divmod(index, rep_a.dim)
        return ((weights[:, None] * b[:, :, i]).mT @ a[:, :, j]).reshape(-1)

    rows = canonical_rows(diagonal, column, count).reshape(count, rep_b.dim, rep_a.dim)
    # The average itself removes what rounding put outside of the space.
    return torch.einsum("gxi,nij,gyj->nxy", weights[:, None, None] * b, rows, a) if count * a.numel() < 2e6 else rows


def endomorphisms(representation: Representation) -> Tensor:
    """Orthonormal basis of the commutant, `[n, dim, dim]`: n = 1, 2, 4 for irreps of real, complex, quaternionic type."""
    return intertwiners(representation, representation)


def invariants(representation: Representation) -> Tensor:
    """Orthonormal basis of the invariant vectors, `[n, dim]`: `rho(g) v = v`."""
    require(representation, Representation, "invariants", "a representation")
    return intertwiners(representation.group.trivial, representation)[:, :, 0]
