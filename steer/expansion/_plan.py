"""The plan of a layer: from one vector of coefficients to one dense kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steer.expansion._blocks import Block, block
from steer.expansion._fit import fit
from steer.expansion._layout import Layout, layout
from steer.expansion._sampling import Sampling
from steer.group import deterministic
from steer.representation import Representation
from steer.store import cached


@dataclass(frozen=True)
class Part:
    """One pair of atom kinds in a plan: fields counted, weights located."""

    block: Block
    fields_out: int
    fields_in: int
    start: int
    constants: slice


@dataclass(frozen=True, eq=False)
class Plan:
    """How a layer between two lists of fields expands its weights.

    The weight vector is the concatenation, over kinds of output fields and then kinds of input fields, of
    `[fields_out, fields_in, elements]`. `expand` is linear in it and made of a few matrix products.

    Attributes:
        size: number of weights.
        deviation: `[size]`, standard deviation of independent weights that keeps the variance of white input.
        constants: tensors that `expand` needs, in float64 (indices: int64). Shared between callers: clone to keep.
        unreachable: atoms of the output that no kernel reaches, with their number.
        unread: atoms of the input that no kernel reads, with their number.
    """

    layout_in: Layout
    layout_out: Layout
    parts: tuple[tuple[Part, ...], ...]
    size: int
    deviation: Tensor
    constants: tuple[Tensor, ...]
    unreachable: tuple[tuple[Representation, int], ...]
    unread: tuple[tuple[Representation, int], ...]
    recipe: tuple[tuple[Representation, ...], tuple[Representation, ...], Sampling]

    def __reduce__(self) -> tuple[Any, ...]:
        return plan, self.recipe  # a copy or a pickle holds what was asked for, not the numbers that follow from it

    @property
    def even_deviation(self) -> Tensor:
        """`[size]`, as `deviation`, but the same for all elements of an output field: no tap is preferred."""
        rows = []
        for row in self.parts:
            counts = [part.fields_out * part.fields_in * part.block.size for part in row]
            per_field = sum(counts) / row[0].fields_out
            rows.append(torch.full((sum(counts),), max(per_field, 1.0) ** -0.5, dtype=torch.float64))
        return torch.cat(rows)

    def expand(self, weight: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        """Weights `[size]` to the dense kernel `[channels_out, channels_in, taps]`, differentiable."""
        rows = []
        for row in self.parts:
            columns = []
            for part in row:
                count = part.fields_out * part.fields_in * part.block.size
                w = weight[part.start : part.start + count].reshape(part.fields_out, part.fields_in, part.block.size)
                columns.append(part.block.expand(w, constants[part.constants]))
            rows.append(columns[0] if len(columns) == 1 else torch.cat(columns, 1))
        kernel = rows[0] if len(rows) == 1 else torch.cat(rows)
        kernel = _arrange(kernel, self.layout_out, constants[-2], 0)
        return _arrange(kernel, self.layout_in, constants[-1], 1)

    def project(self, kernel: Tensor) -> Tensor:
        """The weights `[size]` whose kernel is closest to a dense one `[channels_out, channels_in, taps]`, in float64.

        Least squares, pair of kinds by pair of kinds: kinds do not overlap, and both arrangements are orthogonal.
        """
        kernel = kernel.detach().to("cpu", torch.float64)
        kernel = _unarrange(_unarrange(kernel, self.layout_out, 0), self.layout_in, 1)
        weight = torch.zeros(self.size, dtype=torch.float64)
        first = 0
        for row, (out, n_out) in zip(self.parts, self.layout_out.groups, strict=True):
            column = 0
            for part, (into, n_in) in zip(row, self.layout_in.groups, strict=True):
                piece = kernel[first : first + n_out * out.dim, column : column + n_in * into.dim]
                pairs = piece.reshape(n_out, out.dim, n_in, into.dim, -1).transpose(1, 2).flatten(2)
                entries = out.dim * into.dim * kernel.shape[2]
                found = fit(part.block, entries, pairs.flatten(0, 1), self.constants[part.constants])
                weight[part.start : part.start + found.numel()] = found.flatten()
                column += n_in * into.dim
            first += n_out * out.dim
        return weight


def _unarrange(kernel: Tensor, fields: Layout, axis: int) -> Tensor:
    """The inverse of `_arrange`."""
    if fields.mixing is not None:
        return torch.tensordot(fields.mixing.mT, kernel, ([1], [axis])).movedim(0, axis)
    return kernel if fields.order is None else kernel.index_select(axis, fields.order.argsort())


def _arrange(kernel: Tensor, fields: Layout, constant: Tensor, axis: int) -> Tensor:
    if fields.mixing is not None:
        return torch.tensordot(constant, kernel, ([1], [axis])).movedim(0, axis)
    return kernel if fields.order is None else kernel.index_select(axis, constant)


@cached(32)
@deterministic
def plan(fields_in: tuple[Representation, ...], fields_out: tuple[Representation, ...], sampling: Sampling) -> Plan:
    """The plan between two lists of fields of one group for kernels sampled this way. A pure function of values."""
    into, out = layout(fields_in), layout(fields_out)
    rows = []
    constants: list[Tensor] = []
    deviation: list[Tensor] = []
    unreachable = []
    start = 0
    for atom_out, n_out in out.groups:
        row = []
        for atom_in, n_in in into.groups:
            piece = block(atom_in, atom_out, sampling)
            span = slice(len(constants), len(constants) + len(piece.constants))
            constants += piece.constants
            row.append(Part(piece, n_out, n_in, start, span))
            start += n_out * n_in * piece.size
        if all(part.block.size == 0 for part in row):
            unreachable.append((atom_out, n_out))
        deviation += _deviations(row)
        rows.append(tuple(row))
    for fields in (out, into):
        constants.append(_arrangement(fields))
    unread = [group for i, group in enumerate(into.groups) if all(row[i].block.size == 0 for row in rows)]
    recipe = (fields_in, fields_out, sampling)
    zeros = tuple(unreachable), tuple(unread)
    return Plan(into, out, tuple(rows), start, torch.cat(deviation), tuple(constants), *zeros, recipe)


SPREAD_SHARE = 0.2


def _deviations(row: list[Part]) -> list[Tensor]:
    """Standard deviations of the weights of one kind of output field.

    Every element has norm `sqrt(dim_out)`, so variances that sum to one over the elements of an output field keep the
    variance of white input. But rings blur, and a blurred field is no longer white: the power of a deep stack would grow
    where its spectrum peaks. So at most `SPREAD_SHARE` of the variance goes to the rings, to each the less the more it
    passes of a constant, and the rest to the centre tap, whose spectrum is flat. Source: docs/theory/sampling.
    """
    shares = [torch.where(part.block.centre, 0.0, 1 / part.block.gain.clamp(min=1.0)) for part in row]
    off_centre = sum(part.fields_in * int((~part.block.centre).sum()) for part in row)
    central = sum(part.fields_in * int(part.block.centre.sum()) for part in row)
    spread = sum(part.fields_in * float(share.sum()) for part, share in zip(row, shares, strict=True))
    scale = SPREAD_SHARE / max(off_centre, 1) if central else 1 / max(spread, 1e-300)
    out = []
    for part, share in zip(row, shares, strict=True):
        variance = share * scale
        variance[part.block.centre] = (1 - scale * spread) / max(central, 1)
        out.append(variance.sqrt().repeat(part.fields_out * part.fields_in))
    return out


def _arrangement(fields: Layout) -> Tensor:
    if fields.mixing is not None:
        return fields.mixing
    return torch.zeros(0, dtype=torch.long) if fields.order is None else fields.order
