"""Functions on a group, or on its cosets, as fields of Fourier coefficients: which channels, and their values at samples."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from steer.coupling import decompose, endomorphisms, invariants
from steer.field import FieldType
from steer.group import Group, deterministic
from steer.nn._group_samples import coset_samples, group_samples
from steer.representation import Irrep, Representation

Function = tuple[tuple[Irrep, ...], Tensor]
"""The irreps of one function, and the change of basis from those of some functions to a field."""

_WORST_CONDITION = 30.0


@lru_cache(maxsize=64)
@deterministic
def fourier_matrices(irreps: tuple[Irrep, ...], count: int, subgroup: Group | None = None) -> tuple[Tensor, Tensor]:
    """Values of functions with these coefficients at the samples, `[sample, D]`, and the least-squares way back.

    Args:
        irreps: those of one function, with repetition, equal ones together.
        count: as in `group_samples`, or `coset_samples`.
        subgroup: of functions on its cosets; of these one sample each is kept.
    Raises:
        ValueError: if the samples do not determine the coefficients.
    """
    distinct = dict.fromkeys(irreps)
    if all(irrep.is_trivial for irrep in distinct):
        return torch.ones(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    group = irreps[0].group
    if subgroup is None:
        points, shares = group_samples(group, count), torch.empty(0)
    else:
        points, shares = coset_samples(group, count, subgroup)
    columns = [(i.matrices(points) @ frame(i, subgroup)).mT.flatten(1) * i.dim**0.5 for i in distinct]
    analysis = torch.cat(columns, 1) / sum(irrep.dim for irrep in irreps) ** 0.5
    weighted = analysis
    if subgroup is not None:  # samples of one coset are one sample of their joint weight
        first, weights = _distinct(analysis, shares)
        analysis = analysis[first]
        weighted = weights[:, None] * analysis
    gram = weighted.mT @ analysis
    spread = torch.linalg.eigvalsh(gram)
    if len(analysis) < analysis.shape[1] or float(spread[0]) * _WORST_CONDITION**2 < float(spread[-1]):
        raise ValueError(
            f"FourierPointwise: samples that determine all {analysis.shape[1]} coefficients of a function are required; "
            f"samples={count}, {len(analysis)} in all, do not; use more, or samples=None, or fewer irreps"
        )
    return analysis, torch.linalg.solve(gram, weighted.mT)


def _distinct(rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Positions of rows that no earlier row equals, and the joint weight of those that are equal to each."""
    same = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist") < 1e-6
    first = (same.to(torch.uint8).argmax(1) == torch.arange(len(rows))).nonzero()[:, 0]
    return first, same[first].to(weights) @ weights


def frame(irrep: Irrep, subgroup: Group | None = None) -> Tensor:
    """Orthonormal `w_k`, as columns, whose matrix coefficients `<w_k, psi(g)^T v>` are independent, `[dim, copies]`.

    On cosets they are invariant under the subgroup. Copies of an irrep give orthogonal functions when no endomorphism takes
    one `w` to a vector with a part along another. All of them for the trivial subgroup: `dim / dim End`.
    """
    units = torch.eye(irrep.dim, dtype=torch.float64) if subgroup is None else invariants(irrep.restrict(subgroup))
    taken = torch.zeros(irrep.dim, 0, dtype=torch.float64)
    commutant = endomorphisms(irrep) * irrep.dim**0.5
    chosen: list[Tensor] = []
    for unit in units:
        w = unit - taken @ (taken.mT @ unit)
        if float(w.norm()) > 1e-6 and len(chosen) < len(units) // irrep.endomorphisms:
            w = w / w.norm()
            chosen.append(w)
            taken = torch.cat([taken, (commutant @ w).mT], 1)
    return torch.stack(chosen, 1) if chosen else torch.zeros(irrep.dim, 0, dtype=torch.float64)


@deterministic
def side_by_side(in_type: FieldType, subgroup: Group | None) -> tuple[list[int], Function]:
    """Irreps of several functions: the first copies make the first function. The channels in the order of the functions.

    Raises:
        ValueError: if they are not those of whole functions.
    """
    irreps: list[Irrep] = []
    for field in in_type.representations:
        found, change = decompose(field)
        if float((change - torch.eye(field.dim)).abs().max()) > 1e-12:
            raise ValueError(
                f"FourierPointwise: irreps, or fields that each hold whole functions, are required; {field} beside irreps "
                "is neither; use copies of gspace.fourier_repr(max_degree)"
            )
        irreps += found
    one, order = _functions(irreps, str(in_type), subgroup)
    return order, (one, torch.eye(sum(irrep.dim for irrep in one), dtype=torch.float64))


@deterministic
def whole(field: Representation, subgroup: Group | None) -> Function:
    """A field that holds whole functions.

    Raises:
        ValueError: if it does not.
    """
    irreps, change = decompose(field)
    one, order = _functions(list(irreps), str(field), subgroup)
    return one, change[:, order]


@deterministic
def matrices(functions: list[Function], count: int, subgroup: Group | None) -> dict[str, Tensor]:
    """Analysis and synthesis of every group of fields, from and to its channels."""
    out = {}
    for i, (irreps, mixing) in enumerate(functions):
        analysis, synthesis = fourier_matrices(irreps, count, subgroup)
        copies = mixing.shape[0] // analysis.shape[1]
        out[f"analysis_{i}"] = torch.block_diag(*[analysis] * copies) @ mixing.mT
        out[f"synthesis_{i}"] = mixing @ torch.block_diag(*[synthesis] * copies)
    return out


def _functions(irreps: list[Irrep], what: str, subgroup: Group | None) -> tuple[tuple[Irrep, ...], list[int]]:
    """The irreps of one function, and the channels sorted by function, irrep, copy and component.

    Raises:
        ValueError: if the copies of the irreps are not those of a whole number of functions, the same for each.
    """
    where: dict[Irrep, list[int]] = {}
    start = 0
    for irrep in irreps:
        where.setdefault(irrep, []).append(start)
        start += irrep.dim
    copies = {irrep: frame(irrep, subgroup).shape[1] for irrep in where}
    number = min(len(starts) // max(copies[irrep], 1) for irrep, starts in where.items())
    if number == 0 or any(len(starts) != number * copies[irrep] for irrep, starts in where.items()):
        held = ", ".join(f"{len(starts)} of {irrep} ({copies[irrep]} each)" for irrep, starts in where.items())
        group = irreps[0].group
        domain, instead = (
            (f"{group}", "gspace.fourier_repr(max_degree)")
            if subgroup is None
            else (f"the cosets of {subgroup} in {group}", "each irrep as often as the subgroup has invariants in it")
        )
        raise ValueError(
            f"FourierPointwise: fields that hold whole functions on {domain} are required; {what} holds {held}; "
            f"use {instead}"
        )
    order = [
        starts[i * copies[irrep] + k] + c
        for i in range(number)
        for irrep, starts in where.items()
        for k in range(copies[irrep])
        for c in range(irrep.dim)
    ]
    return tuple(irrep for irrep in where for _ in range(copies[irrep])), order
