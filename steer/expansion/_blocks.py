"""Kernel spaces between two kinds of fields, sampled: constants, and how coefficients become a dense kernel.

Every block turns weights `[n_out, n_in, size]` into `[n_out, dim_out, n_in, dim_in, taps]`. Its elements have norm
`sqrt(dim_out)`, so that with unit weights each contributes variance one to every output channel for white unit input.

Each block has its linear map three times: `spread` for autograd, compilers and transforms, `write` into memory that is
there, and `adjoint`, the transposed map. The last two are what a training step runs, in one pass over the dense kernel.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from functools import partial
from typing import Any

import torch
from torch import Tensor

from steer.coupling import invariants
from steer.expansion._permuted import permuted
from steer.expansion._sampling import Sampling, tap_functions
from steer.group import FiniteGroup
from steer.kernel import HarmonicRepresentation, angular_couplings, harmonic_dim
from steer.representation import Irrep, Quotient, Representation
from steer.store import Entry, EntryError, Form, find, group_name, tensors

VANISHES = 1e-7  # an element of smaller norm is not on the grid; scalar functions are normalised over the taps


class Block(ABC):
    """The sampled kernel space of one pair of field kinds.

    Attributes:
        size: number of coefficients per pair of fields.
        centre: `[size]` bool, which elements are the centre tap alone (up to the overlap of rings).
        gain: `[size]`, power that each element passes of a smooth input, relative to white input (`Sampling.smooth`).
        constants: tensors in float64; a module holds its own copies in its own precision.
    """

    def __init__(self, centre: Tensor, gain: Tensor, *constants: Tensor, **shape: Any) -> None:
        self.size, self.centre, self.gain, self.constants = len(centre), centre, gain, constants
        self.shape = shape
        self._rows: dict[tuple[int, int, torch.device], tuple[Tensor, Tensor]] = {}

    @abstractmethod
    def spread(self, weight: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        """Weights `[n_out, n_in, size]` to the dense kernel `[n_out, dim_out, n_in, dim_in, taps]`, in any strides."""

    def write(self, weight: Tensor, constants: tuple[Tensor, ...], out: Tensor) -> None:
        """`spread` into given memory, a view in any strides. Not differentiable."""
        out.copy_(self.spread(weight, constants))

    @abstractmethod
    def adjoint(self, grad: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        """The transpose of `spread`: `[n_out, dim_out, n_in, dim_in, taps]` to `[n_out, n_in, size]`."""

    def expand(self, weight: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        """`spread` with channels for fields and their components, `[n_out * dim_out, n_in * dim_in, taps]`."""
        return self.spread(weight, constants).flatten(2, 3).flatten(0, 1)

    def entry(self) -> Entry:
        """As packs hold it."""
        constants = {f"constant {i}": constant for i, constant in enumerate(self.constants)}
        return Entry({"centre": self.centre, "gain": self.gain, **constants}, {"shape": self.shape})

    @classmethod
    def _read(cls, entry: Entry, constants: list[Form], **shape: Any) -> Block:
        """What `entry` made of a block with constants of these forms and this shape; `size` stands for its own.

        Raises:
            EntryError: if it is something else.
        """
        forms = {"centre": Form(("size",), torch.bool), "gain": Form(("size",))}
        forms |= {f"constant {i}": form for i, form in enumerate(constants)}
        found = tensors(entry, forms)
        if entry.info.get("shape") != shape:
            raise EntryError(f"shape: {shape} is required; received {entry.info.get('shape')}")
        return cls(*(found[name] for name in forms), **shape)


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
        gain = sampling.smooth(basis, into.group.d).sum((1, 2)) / out.dim
        flat = basis.flatten(1).contiguous()  # two axes: memory formats of images mean nothing here
        return cls(torch.tensor(centre, dtype=torch.bool)[kept], gain, flat, kernel=list(basis.shape[1:]))

    @classmethod
    def read(cls, into: Irrep, out: Irrep, sampling: Sampling, entry: Entry) -> Block:
        kernel = [out.dim, into.dim, sampling.taps]
        return cls._read(entry, [Form(("size", math.prod(kernel)))], kernel=kernel)

    def spread(self, weight: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        kernel = weight.flatten(0, 1) @ constants[0]
        return kernel.reshape(*weight.shape[:2], *self.shape["kernel"]).transpose(1, 2)

    def adjoint(self, grad: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        n_out, _, n_in = grad.shape[:3]
        rows = grad.transpose(1, 2).reshape(n_out * n_in, -1)
        return (rows @ constants[0].mT).reshape(n_out, n_in, self.size)


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
            gain = (sampling.smooth(functions, orbit.group.d).sum(0) / scale**2).repeat(other.dim)
            return cls(at_centre[kept].repeat(other.dim), gain, functions.contiguous(), action, **shape)
        combinations = cls._invariant_combinations(orbit, other, sampling)
        spread = torch.einsum("qcb,zbf,qfx->zqcx", values, combinations, functions)
        norm = spread.flatten(1).norm(dim=1)
        kept = norm > VANISHES
        combinations = combinations[kept] * (scale / norm[kept])[:, None, None]
        gain = sampling.smooth(spread[kept], orbit.group.d).sum((1, 2)) / norm[kept] ** 2
        centre = (combinations.abs().amax(1) > 0)[:, at_centre].any(1)
        return cls(centre, gain, functions.contiguous(), action, combinations.contiguous(), **shape)

    @classmethod
    def read(cls, orbit: Quotient, other: Representation, sampling: Sampling, into: bool, entry: Entry) -> Block:
        all_functions = len(_centre_functions(sampling, orbit.group.d))
        moves = isinstance(other, Quotient)
        action = Form((orbit.dim, other.dim), torch.int64) if moves else Form((orbit.dim, other.dim, other.dim))
        constants = [Form((orbit.dim, "functions" if orbit.is_regular else all_functions, sampling.taps)), action]
        constants += [] if orbit.is_regular else [Form(("size", other.dim, all_functions))]
        found = cls._read(entry, constants, into=into, other=other.dim)
        functions, action_found = found.constants[:2]
        if orbit.is_regular and found.size != functions.shape[1] * other.dim:
            raise EntryError(f"gain: {functions.shape[1]} functions x {other.dim} are required; received {found.size}")
        if moves and not bool((action_found.sort(1).values == torch.arange(other.dim)).all()):
            raise EntryError("constant 1: a permutation for every coset is required; received other places")
        return found

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

    def spread(self, weight: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        functions, action, *combinations = constants
        if combinations:
            weight = torch.einsum("oiz,zbf->oibf", weight, combinations[0])
        weight = weight.reshape(*weight.shape[:2], self.shape["other"], functions.shape[1])
        if action.is_floating_point():
            kernel = self._sample(torch.einsum("qcb,oibf->oqicf", action, weight), functions)
        else:
            # rho(c_q) e_b = e_b' reads: component b' of the moved kernel comes from b.
            turned = (weight @ functions.transpose(0, 1).flatten(1)).unflatten(-1, (len(action), -1))
            kernel = permuted(turned, action.mT).permute(0, 3, 1, 2, 4)
        return kernel if self.shape["into"] else kernel.permute(0, 3, 2, 1, 4)

    def write(self, weight: Tensor, constants: tuple[Tensor, ...], out: Tensor) -> None:
        functions, action, *combinations = constants
        if action.is_floating_point():
            return super().write(weight, constants, out)
        # One product gives the values of every coefficient at all turned taps; what a coset takes of them are whole rows.
        n_out, dim_out, n_in, dim_in, taps = out.shape
        if combinations:
            weight = torch.einsum("oiz,zbf->oibf", weight, combinations[0])
        weight = weight.reshape(n_out, -1, functions.shape[1])
        values, chunks = functions.transpose(0, 1).flatten(1), slices(n_out, dim_out * n_in * dim_in * taps)
        taken = self._taken(n_in, chunks[0].stop, out.device)[0]
        for rows in chunks:
            turned = (weight[rows].flatten(0, 1) @ values).view(-1, taps)
            if out.is_contiguous():
                torch.index_select(turned, 0, taken[: len(turned)], out=out[rows].view(turned.shape))
            else:
                out[rows].copy_(turned.index_select(0, taken[: len(turned)]).view(-1, *out.shape[1:]))
        return None

    def adjoint(self, grad: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        functions, action, *combinations = constants
        n_out, dim_out, n_in, dim_in, taps = grad.shape
        cosets, count = functions.shape[:2]
        if action.is_floating_point():
            turned = grad.permute(1, 0, 2, 3, 4) if self.shape["into"] else grad.permute(3, 0, 2, 1, 4)
            moved = torch.bmm(turned.reshape(cosets, -1, taps), functions.mT)
            moved = moved.reshape(cosets, n_out, n_in, self.shape["other"], count)
            found = torch.einsum("qcb,qoicf->oibf", action, moved)
        else:
            values, chunks = _widened(functions.mT).flatten(0, 1), slices(n_out, dim_out * n_in * dim_in * taps)
            found = grad.new_empty(n_out, n_in, self.shape["other"], values.shape[1])
            given = self._taken(n_in, chunks[0].stop, grad.device)[1]
            scratch = grad.new_empty(len(given), taps)
            for rows in chunks:
                entries = grad[rows].reshape(-1, taps)
                turned = scratch[: len(entries)]
                torch.index_select(entries, 0, given[: len(entries)], out=turned)
                torch.mm(turned.view(-1, cosets * taps), values, out=found[rows].view(-1, values.shape[1]))
            found = found[..., :count]
        if combinations:
            return torch.einsum("oibf,zbf->oiz", found, combinations[0])
        return found.flatten(2)

    def _taken(self, n_in: int, n_out: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Where the taps of a kernel are among values `[n_out, n_in, component, coset]`, and the reverse; made once.

        Indices count over all axes: torch selects along the first one with all threads, along others with one.
        """
        key = n_in, n_out, device
        if key not in self._rows:
            action = self.constants[1]
            taken = action.mT * len(action) + torch.arange(len(action), device="cpu")  # [c, coset] in [component, coset]
            first = torch.arange(n_in * n_out, device="cpu").view(n_out, n_in) * taken.numel()
            order = (0, 3, 1, 2) if self.shape["into"] else (0, 2, 1, 3)  # [coset, n_in, c] or [c, n_in, coset] in a row
            index = (first[:, :, None, None] + taken).permute(order).flatten()
            self._rows[key] = index.int().to(device), index.argsort().int().to(device)
        return self._rows[key]

    def _sample(self, moved: Tensor, functions: Tensor) -> Tensor:
        """`sum_f moved[o, q, i, c, f] functions[q, f, x]`."""
        n_out, cosets, n_in, other, _ = moved.shape
        if self._one_product_per_row(n_in, functions):
            each = functions.expand(n_out, *functions.shape).flatten(0, 1)
            return torch.bmm(moved.flatten(2, 3).flatten(0, 1), each).reshape(*moved.shape[:-1], -1)
        kernel = torch.bmm(moved.transpose(0, 1).flatten(1, 3), functions)
        return kernel.reshape(cosets, n_out, n_in, other, -1).transpose(0, 1)

    def _one_product_per_row(self, n_in: int, functions: Tensor) -> bool:
        """Whether a product for every output field and coset, straight to its place, is worth a copy of the functions."""
        return n_in * self.shape["other"] >= functions.shape[1]


_CHUNK = 1 << 19  # entries of a dense kernel that stay in the processor's cache from one pass to the next


def slices(rows: int, entries: int) -> list[slice]:
    """Rows with that many entries each, in slices that are worked on one after the other."""
    step = max(1, _CHUNK // max(entries, 1))
    return [slice(first, min(first + step, rows)) for first in range(0, rows, step)]


def _widened(matrix: Tensor) -> Tensor:
    """Zeros after the last column up to a multiple of a vector register: products with odd narrow matrices are slow."""
    return torch.nn.functional.pad(matrix, (0, -matrix.shape[-1] % 16))


def _centre_functions(sampling: Sampling, d: int) -> Tensor:
    """Which scalar functions are the centre tap alone, `[function]` bool."""
    centred = sampling.centred()
    return torch.tensor([centred[p] for p, degree in sampling.terms(d) for _ in range(harmonic_dim(d, degree))])


def block(into: Representation, out: Representation, sampling: Sampling) -> Block:
    """The kernel space between two atoms, in the form that costs least; read from a pack if one holds it."""
    name = block_name(into, out, sampling)[1]
    known = find("block", partial(read_block, into, out, sampling), into.group, name) if name else None
    return known or solve_block(into, out, sampling)


def read_block(into: Representation, out: Representation, sampling: Sampling, entry: Entry) -> Block:
    """The same, of the entry of a pack.

    Raises:
        EntryError: if it is of something else, or not of the form that this block has.
    """
    described = block_name(into, out, sampling)[0]
    if entry.info.get("of") != described:
        raise EntryError(f"of: {described!r} is required; received {entry.info.get('of')!r}")
    if isinstance(out, Quotient):
        return OrbitBlock.read(out, into, sampling, True, entry)
    if isinstance(into, Quotient):
        return OrbitBlock.read(into, out, sampling, False, entry)
    assert isinstance(into, Irrep)
    assert isinstance(out, Irrep)
    return IrrepBlock.read(into, out, sampling, entry)


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
