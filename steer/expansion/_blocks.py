"""Kernel spaces between two kinds of fields, sampled: constants, and how coefficients become a dense kernel.

Every block turns weights `[n_out, n_in, size]` into `[n_out * dim_out, n_in * dim_in, taps]`. Its elements have norm
`sqrt(dim_out)`, so that with unit weights each contributes variance one to every output channel for white unit input.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from steer.coupling import invariants
from steer.expansion._sampling import Sampling, tap_functions
from steer.group import FiniteGroup
from steer.kernel import HarmonicRepresentation, angular_couplings, harmonic_dim
from steer.representation import Irrep, Quotient, Representation
from steer.store import Entry, find, group_name

VANISHES = 1e-7  # an element whose samples are this small relative to its peers' is not on the grid


class Block(ABC):
    """The sampled kernel space of one pair of field kinds.

    Attributes:
        size: number of coefficients per pair of fields.
        centre: `[size]` bool, which elements are the centre tap alone (up to the overlap of rings).
        gain: `[size]`, power that each element passes of a constant input, relative to white input: how much it blurs.
        constants: tensors in float64; a module holds its own copies in its own precision.
    """

    def __init__(self, centre: Tensor, gain: Tensor, *constants: Tensor, **shape: Any) -> None:
        self.size, self.centre, self.gain, self.constants = len(centre), centre, gain, constants
        self.shape = shape

    @abstractmethod
    def expand(self, weight: Tensor, constants: tuple[Tensor, ...]) -> Tensor: ...

    def entry(self) -> Entry:
        """As packs hold it."""
        constants = {f"constant {i}": constant for i, constant in enumerate(self.constants)}
        return Entry({"centre": self.centre, "gain": self.gain, **constants}, {"shape": self.shape})

    @staticmethod
    def of(into: Representation, out: Representation) -> type[Block]:
        """The form that fits two kinds of fields."""
        return OrbitBlock if isinstance(into, Quotient) or isinstance(out, Quotient) else IrrepBlock

    @classmethod
    def read(cls, entry: Entry) -> Block:
        constants = [entry.tensors[f"constant {i}"] for i in range(len(entry.tensors) - 2)]
        return cls(entry.tensors["centre"], entry.tensors["gain"], *constants, **entry.info["shape"])


class IrrepBlock(Block):
    """Between two irreps: one matrix product over the sampled Wigner-Eckart basis."""

    @classmethod
    def solve(cls, into: Irrep, out: Irrep, sampling: Sampling) -> Block:
        functions, centred = tap_functions(sampling, into.group.d), sampling.centred()
        pieces, centre = [], []
        start = 0
        for profile, degree in sampling.terms(into.group.d):
            coupling = angular_couplings(into, out, degree)
            centre += [centred[profile]] * len(coupling)
            span = functions[start : start + coupling.shape[-1]]
            pieces.append(torch.einsum("noim,mk->noik", coupling, span))
            start += coupling.shape[-1]
        basis = torch.cat(pieces)
        norm = basis.flatten(1).norm(dim=1)
        kept = norm > VANISHES
        basis = basis[kept] * (out.dim**0.5 / norm[kept])[:, None, None, None]
        gain = (basis.sum(-1) ** 2).sum((1, 2)) / out.dim
        flat = basis.flatten(1).contiguous()  # two axes: memory formats of images mean nothing here
        return cls(torch.tensor(centre, dtype=torch.bool)[kept], gain, flat, kernel=list(basis.shape[1:]))

    def expand(self, weight: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        (basis,) = constants
        n_out, n_in, _ = weight.shape
        dim_out, dim_in, taps = self.shape["kernel"]
        kernel = weight.flatten(0, 1) @ basis
        kernel = kernel.reshape(n_out, n_in, dim_out, dim_in, taps).transpose(1, 2)
        return kernel.reshape(n_out * dim_out, n_in * dim_in, taps)


class OrbitBlock(Block):
    """Into, or out of, a quotient field G/H: the orbit of one H-invariant kernel (Frobenius reciprocity).

    Into G/H, the row of the coset of 1 is a kernel `kappa` with `kappa(h x) = kappa(x) rho_in(h)^-1`, unconstrained for a
    regular field; the row of coset c is `kappa(c^-1 x) rho_in(c)^-1`. Out of G/H, columns take the place of rows. |G/H|
    times fewer coefficients than samples, and no Clebsch-Gordan coefficients at all.

    Args:
        orbit: the quotient field.
        other: the field on the other side, an irrep or a quotient.
        into: whether the quotient is the output.
    """

    @classmethod
    def solve(cls, orbit: Quotient, other: Representation, sampling: Sampling, into: bool) -> Block:
        shape = {"into": into, "other": other.dim}
        cosets = orbit.representatives
        # F[q, f, x] = f(c_q^-1 x)
        functions = sampling.functions(sampling.points(orbit.group.d) @ cosets)
        norm2 = (functions**2).sum((0, 2))
        scale = (orbit.dim if into else other.dim) ** 0.5
        at_centre = _centre_functions(sampling, orbit.group.d)
        values = other.matrices(cosets)
        permutation = values.argmax(-1) if isinstance(other, Quotient) else None
        action = permutation if permutation is not None else values
        if orbit.is_regular:
            kept = norm2 > VANISHES**2
            functions = functions[:, kept] * (scale / norm2[kept].sqrt())[:, None]
            gain = ((functions.sum(-1) ** 2).sum(0) / scale**2).repeat(other.dim)
            return cls(at_centre[kept].repeat(other.dim), gain, functions.contiguous(), action, **shape)
        combinations = cls._invariant_combinations(orbit, other, sampling)
        spread = torch.einsum("qcb,zbf,qfx->zqcx", values, combinations, functions)
        norm = spread.flatten(1).norm(dim=1)
        kept = norm > VANISHES
        combinations = combinations[kept] * (scale / norm[kept])[:, None, None]
        gain = (spread[kept].sum(-1) ** 2).sum((1, 2)) / norm[kept] ** 2
        centre = (combinations.abs().amax(1) > 0)[:, at_centre].any(1)
        return cls(centre, gain, functions.contiguous(), action, combinations.contiguous(), **shape)

    @staticmethod
    def _invariant_combinations(orbit: Quotient, other: Representation, sampling: Sampling) -> Tensor:
        """H-invariant elements of (other) x (functions), `[z, other, function]`."""
        d, subgroup = orbit.group.d, orbit.subgroup
        degrees = [degree for _, degree in sampling.terms(d)]
        widths = [HarmonicRepresentation(orbit.group, degree).dim for degree in degrees]
        out = []
        start = 0
        for degree, width in zip(degrees, widths, strict=True):
            found = invariants(other.restrict(subgroup) @ HarmonicRepresentation(subgroup, degree))
            padded = torch.zeros(len(found), other.dim, sum(widths), dtype=torch.float64)
            padded[:, :, start : start + width] = found.reshape(len(found), other.dim, width)
            out.append(padded)
            start += width
        return torch.cat(out)

    def expand(self, weight: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        functions, action, *combinations = constants
        n_out, n_in = weight.shape[:2]
        cosets, count, taps = functions.shape
        if combinations:
            weight = torch.einsum("oiz,zbf->oibf", weight, combinations[0])
        weight = weight.reshape(n_out, n_in, self.shape["other"], count)
        if action.is_floating_point():
            moved = torch.einsum("qcb,oibf->qoicf", action, weight)
        else:
            # rho(c_q) e_b = e_b' reads: component b' of the moved kernel comes from b.
            moved = weight[:, :, action].permute(2, 0, 1, 3, 4)
        kernel = torch.bmm(moved.flatten(1, 3), functions)
        kernel = kernel.reshape(cosets, n_out, n_in, self.shape["other"], taps)
        if self.shape["into"]:
            return kernel.permute(1, 0, 2, 3, 4).reshape(n_out * cosets, n_in * self.shape["other"], taps)
        return kernel.permute(1, 3, 2, 0, 4).reshape(n_out * self.shape["other"], n_in * cosets, taps)


def _centre_functions(sampling: Sampling, d: int) -> Tensor:
    """Which scalar functions are the centre tap alone, `[function]` bool."""
    centred = sampling.centred()
    return torch.tensor([centred[p] for p, degree in sampling.terms(d) for _ in range(harmonic_dim(d, degree))])


def block(into: Representation, out: Representation, sampling: Sampling) -> Block:
    """The kernel space between two atoms, in the form that costs least; read from a pack if one holds it."""
    described, name = block_name(into, out, sampling)
    entry = find("block", into.group, name) if name else None
    if entry and entry.info["of"] == described:
        return Block.of(into, out).read(entry)
    return solve_block(into, out, sampling)


def solve_block(into: Representation, out: Representation, sampling: Sampling) -> Block:
    """The same, computed."""
    if isinstance(out, Quotient):
        return OrbitBlock.solve(out, into, sampling, into=True)
    if isinstance(into, Quotient):
        return OrbitBlock.solve(into, out, sampling, into=False)
    assert isinstance(into, Irrep)
    assert isinstance(out, Irrep)
    return IrrepBlock.solve(into, out, sampling)


def block_name(into: Representation, out: Representation, sampling: Sampling) -> tuple[str, str]:
    """What a block is, in words, and its name in packs beside its group; empty if none can hold it."""
    parts = [_field_name(into), _field_name(out), sampling.described]
    text = " | ".join(parts)
    return text, hashlib.sha256(text.encode()).hexdigest()[:16] if all(parts) else ""


def _field_name(field: Representation) -> str:
    if isinstance(field, Irrep):
        return f"irrep {field.label}"
    if isinstance(field, Quotient) and isinstance(field.group, FiniteGroup):
        return f"quotient {group_name(field.subgroup)}"
    return ""
