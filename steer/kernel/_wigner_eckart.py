"""Steerable kernels of every group by the Wigner-Eckart theorem."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.coupling import clebsch_gordan, decompose
from steer.group import deterministic, numbers, require
from steer.kernel._harmonics import HarmonicRepresentation, harmonic_dim, harmonics
from steer.kernel._radial import RadialProfile
from steer.representation import Irrep, Representation, trace
from steer.store import cached


def angular_couplings(irrep_in: Irrep, irrep_out: Irrep, degree: int) -> Tensor:
    """How harmonics of one degree become steerable kernels between two irreps, `[n, out, in, harmonic]`.

    `K(x) = sum_m out[n, :, :, m] Y_m(x)`. The harmonics, restricted to the group, split into irreps; each couples to
    (out, in) by Clebsch-Gordan coefficients, whose multiplicity contains the endomorphisms. Frobenius-orthonormal.
    """
    return _angular_couplings(irrep_in, irrep_out, degree).clone()


@cached(8192)
@deterministic
def _angular_couplings(irrep_in: Irrep, irrep_out: Irrep, degree: int) -> Tensor:
    group = irrep_in.group
    out = [torch.zeros(0, irrep_out.dim, irrep_in.dim, harmonic_dim(group.d, degree), dtype=torch.float64)]
    if out[0].shape[-1]:
        start = 0
        pieces, change = decompose(HarmonicRepresentation(group, degree))
        for piece in pieces:
            span = change[:, start : start + piece.dim]
            out.append(torch.einsum("njab,mj->nabm", clebsch_gordan(irrep_out, irrep_in, piece), span))
            start += piece.dim
    return torch.cat(out)


def kernel_basis(
    rep_in: Representation,
    rep_out: Representation,
    points: Tensor,
    max_degree: int,
    radial: RadialProfile | None = None,
) -> Tensor:
    """All steerable kernels with harmonics of degree at most `max_degree`, at points.

    Law: `K(g x) = rho_out(g) K(x) rho_in(g)^-1` for every g in the group, at the origin too. The elements are linearly
    independent functions, and complete: every steerable kernel whose angular part has this band limit is a combination.

    Args:
        rep_in, rep_out: representations of one group that acts on d = 1, 2 or 3 dimensions.
        points: `[point, d]`, any units.
        max_degree: largest degree of the harmonics, at least 0.
        radial: radii `[point]` -> `[profile, point]`; None for the angular part alone.
    Returns:
        `[n, dim_out, dim_in, point]`, float64; with `radial`, every profile times every angular element, profiles slowest.
    Raises:
        ValueError: if the groups differ, the points have another dimension, or `max_degree` is negative.
    Source: Lang and Weiler 2021, Theorem 4.1; Cesa, Lang and Weiler 2022; docs/theory/kernels.

    >>> import torch, steer
    >>> g = steer.group.so3()
    >>> steer.kernel.kernel_basis(g.irrep(1), g.irrep(1), torch.randn(5, 3), max_degree=2).shape
    torch.Size([3, 3, 3, 5])
    """
    for given in (rep_in, rep_out):
        require(given, Representation, "kernel_basis", "a representation")
    group = rep_in.group
    if group != rep_out.group:
        raise ValueError(f"kernel_basis: representations of one group are required; received {group} and {rep_out.group}")
    # Numbers are not rounded to the default precision.
    points = numbers(points, "kernel_basis", f"points [n, {group.d}] are")
    points = points.detach().to("cpu", torch.float64)
    if points.ndim != 2 or points.shape[1] != group.d:
        raise ValueError(f"kernel_basis: points [n, {group.d}] are required for {group}; received {tuple(points.shape)}")
    if not isinstance(max_degree, int) or isinstance(max_degree, bool) or max_degree < 0:
        raise ValueError(f"kernel_basis: max_degree >= 0 is required; received {max_degree!r}")
    angular = torch.cat([_angular(rep_in, rep_out, points, degree) for degree in range(max_degree + 1)])
    if radial is None:
        return angular
    if not callable(radial):
        raise TypeError(
            "kernel_basis: radial, a function of radii [point] to [profile, point] such as GaussianRings((0.0, 1.0), "
            f"(0.5, 0.5)), is required; received {radial!r}"
        )
    profile = radial(points.norm(dim=-1))
    if not isinstance(profile, Tensor) or profile.ndim != 2 or profile.shape[1] != len(points):
        received = list(profile.shape) if isinstance(profile, Tensor) else repr(profile)
        raise ValueError(f"kernel_basis: radial, with values [profile, {len(points)}], is required; received {received}")
    return torch.einsum("pk,noik->pnoik", profile, angular).flatten(0, 1)


@deterministic
def _angular(rep_in: Representation, rep_out: Representation, points: Tensor, degree: int) -> Tensor:
    irreps_in, q_in = decompose(rep_in)
    irreps_out, q_out = decompose(rep_out)
    sampled = harmonics(points, degree)
    blocks = []
    row = 0
    for out in irreps_out:
        column = 0
        for into in irreps_in:
            coupling = _angular_couplings(into, out, degree)
            left, right = q_out[:, row : row + out.dim], q_in[:, column : column + into.dim]
            blocks.append(torch.einsum("oa,nabm,ib,km->noik", left, coupling, right, sampled))
            column += into.dim
        row += out.dim
    return torch.cat(blocks)


def kernel_dimension(rep_in: Representation, rep_out: Representation, degree: int) -> int:
    """Number of steerable kernels with harmonics of exactly this degree, by characters alone.

    `dim = mean over g of chi_out(g) chi_in(g) chi_harmonic(g)`: an independent count of what `kernel_basis` returns.

    Args:
        rep_in, rep_out: representations of one group that acts on d = 1, 2 or 3 dimensions.
        degree: of the harmonics, at least 0.
    Raises:
        ValueError: if the groups differ, the degree is no whole number >= 0, or the group acts on more than 3 dimensions.
    """
    for given in (rep_in, rep_out):
        require(given, Representation, "kernel_dimension", "a representation")
    if rep_in.group != rep_out.group:
        raise ValueError(
            f"kernel_dimension: representations of one group are required; received {rep_in.group} and {rep_out.group}; "
            "restrict both to a common subgroup"
        )
    representation = HarmonicRepresentation(rep_in.group, degree)
    points, weights = rep_in.group.haar(rep_in.degree + rep_out.degree + degree)
    values = [trace(rep.matrices(points)) for rep in (rep_in, rep_out, representation)]
    return round(float((weights * values[0] * values[1] * values[2]).sum()))
