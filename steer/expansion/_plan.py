"""The plan of a layer: from one vector of coefficients to one dense kernel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import torch
from torch import Tensor

from steer.expansion._blocks import block
from steer.expansion._fit import fit
from steer.expansion._layout import Layout, layout
from steer.expansion._sampling import Sampling
from steer.expansion._tiles import Padding, Part, Stack, Tile, pieces, stacked, tiles
from steer.group import deterministic
from steer.representation import Representation
from steer.store import cached, probe


@dataclass(frozen=True, eq=False)
class Plan:
    """How a layer between two lists of fields expands its weights.

    The weight vector is the concatenation, over kinds of output fields and then kinds of input fields, of
    `[fields_out, fields_in, elements]`. `expand` is linear in it and made of a few matrix products. Plans and their tensors
    are shared between layers: clone a tensor before changing it.

    Attributes:
        size: number of weights.
        deviation: `[size]`, standard deviation of independent weights that keeps the variance of white input.
        constants: tensors that `expand` needs, in float64 (indices: int64).
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
    @deterministic
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
        weights = iter(weight.split([part.size for row in self.parts for part in row]))
        for row in self.parts:
            columns = [part.block.expand(part.shaped(next(weights)), part.own(constants)) for part in row]
            rows.append(columns[0] if len(columns) == 1 else torch.cat(columns, 1))
        kernel = rows[0] if len(rows) == 1 else torch.cat(rows)
        kernel = _arrange(kernel, self.layout_out, constants[-2], 0)
        return _arrange(kernel, self.layout_in, constants[-1], 1)

    def write(self, weight: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        """`expand` in one pass over the kernel, piece by piece into its place. Not differentiable."""
        kernel = weight.new_empty(self.layout_out.dim, self.layout_in.dim, self.recipe[2].taps)
        tiles, padding = self.tiles
        weight = weight if padding is None else weight.index_select(0, padding.on(weight.device)[0])
        for tile in tiles:
            tile.write(weight, constants, kernel)
        if self.layout_out.moved:
            kernel = _arrange(kernel, self.layout_out, constants[-2], 0)
        return _arrange(kernel, self.layout_in, constants[-1], 1) if self.layout_in.moved else kernel

    def adjoint(self, grad: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
        """The transpose of `expand`, `[channels_out, channels_in, taps]` to `[size]`. Not differentiable."""
        if self.layout_in.moved:
            grad = _unarrange(grad, self.layout_in, constants[-1], 1)
        if self.layout_out.moved:
            grad = _unarrange(grad, self.layout_out, constants[-2], 0)
        tiles, padding = self.tiles
        weight = grad.new_empty(self.size if padding is None else len(padding.order))
        for tile in tiles:
            tile.adjoint(grad, constants, weight)
        return weight if padding is None else weight.index_select(0, padding.on(weight.device)[1])

    @cached_property
    @deterministic
    def tiles(self) -> tuple[tuple[Tile | Stack, ...], Padding | None]:
        """The pieces of the kernel that are written at once, and the order in which they read the weights."""
        return tiles(self.parts, self.layout_out, self.layout_in)

    @cached_property
    @deterministic
    def probe(self) -> list[float]:
        """Two numbers that say which kernels the weights are coefficients of, whether computed or read from a pack."""
        kernels = []
        for part in (part for row in self.parts for part in row):
            weight = torch.arange(part.block.size, dtype=torch.float64).add(1).mul(5**0.5).cos().reshape(1, 1, -1)
            kernels.append(part.block.spread(weight, part.own(self.constants)))
        return probe(*kernels, *self.constants[-2:])

    @deterministic
    def project(self, kernel: Tensor) -> Tensor:
        """The weights `[size]` whose kernel is closest to a dense one `[channels_out, channels_in, taps]`, in float64.

        Least squares, pair of kinds by pair of kinds: kinds do not overlap, and both arrangements are orthogonal.
        """
        kernel = kernel.detach().to("cpu", torch.float64)
        kernel = _unarrange(kernel, self.layout_out, self.constants[-2], 0)
        kernel = _unarrange(kernel, self.layout_in, self.constants[-1], 1)
        weight = torch.zeros(self.size, dtype=torch.float64)
        first = 0
        for row, (out, n_out) in zip(self.parts, self.layout_out.groups, strict=True):
            column = 0
            for part, (into, n_in) in zip(row, self.layout_in.groups, strict=True):
                piece = kernel[first : first + n_out * out.dim, column : column + n_in * into.dim]
                pairs = piece.reshape(n_out, out.dim, n_in, into.dim, -1).transpose(1, 2).flatten(2)
                entries = out.dim * into.dim * kernel.shape[2]
                found = fit(part.block, entries, pairs.flatten(0, 1), part.own(self.constants))
                weight[part.start : part.start + found.numel()] = found.flatten()
                column += n_in * into.dim
            first += n_out * out.dim
        return weight


def _arrange(kernel: Tensor, fields: Layout, constant: Tensor, axis: int) -> Tensor:
    """From sorted order to the channels."""
    if fields.mixing is not None:
        return torch.tensordot(constant, kernel, ([1], [axis])).movedim(0, axis)
    return kernel if fields.order is None else kernel.index_select(axis, constant)


def _unarrange(kernel: Tensor, fields: Layout, constant: Tensor, axis: int) -> Tensor:
    """The inverse of `_arrange`, which is its transpose."""
    if fields.mixing is not None:
        return torch.tensordot(constant.mT, kernel, ([1], [axis])).movedim(0, axis)
    return kernel if fields.order is None else kernel.index_select(axis, constant.argsort())


@cached(32)
@deterministic
def plan(fields_in: tuple[Representation, ...], fields_out: tuple[Representation, ...], sampling: Sampling) -> Plan:
    """The plan between two lists of fields of one group for kernels sampled this way. A pure function of values."""
    into, out = layout(fields_in), layout(fields_out)
    blocks = [[block(atom_in, atom_out, sampling) for atom_in, _ in into.groups] for atom_out, _ in out.groups]
    constants: list[Tensor] = []
    located: dict[tuple[int, int], tuple[slice, int | None]] = {}
    for kinds in pieces(out, into):
        pairs = list(product(*kinds))
        own = [blocks[i][j] for i, j in pairs]
        found = own[0].constants if len(own) == 1 else (stacked(own),)
        span = slice(len(constants), len(constants) + len(found))
        located |= {pair: (span, place if len(own) > 1 else None) for place, pair in enumerate(pairs)}
        constants += found
    rows = []
    deviation: list[Tensor] = []
    unreachable = []
    start = 0
    for i, (atom_out, n_out) in enumerate(out.groups):
        row = []
        for j, (atom_in, n_in) in enumerate(into.groups):
            row.append(Part(blocks[i][j], atom_out.dim, atom_in.dim, n_out, n_in, start, *located[i, j]))
            start += row[-1].size
        if all(part.block.size == 0 for part in row):
            unreachable.append((atom_out, n_out))
        deviation += _deviations(row, sampling.taps)
        rows.append(tuple(row))
    for fields in (out, into):
        constants.append(_arrangement(fields))
    unread = [group for i, group in enumerate(into.groups) if all(row[i].block.size == 0 for row in rows)]
    recipe = (fields_in, fields_out, sampling)
    zeros = tuple(unreachable), tuple(unread)
    return Plan(into, out, tuple(rows), start, torch.cat(deviation), tuple(constants), *zeros, recipe)


SPREAD_SHARE = 0.2
GROWTH = 0.35


def _deviations(row: list[Part], taps: int) -> list[Tensor]:
    """Standard deviations of the weights of one kind of output field.

    Every element has norm `sqrt(dim_out)`, so variances that sum to one over the elements of an output field keep the
    variance of white input. Off the centre tap they are in proportion to the gain: smooth elements are those that commute
    with rotations of the sampled image. But they blur, a blurred field is no longer white, and the power of a deep stack
    grows where its spectrum peaks. So they receive no more than lets six such layers grow by `GROWTH`, and at most
    `SPREAD_SHARE`; the centre tap, whose spectrum is flat, has the rest. Where there is none, all share the whole, and
    those of large gain have less. Source: docs/theory/sampling.
    """
    gains = [part.block.gain for part in row]
    central = sum(part.fields_in * int(part.block.centre.sum()) for part in row)
    if central:
        shares = [torch.where(part.block.centre, 0.0, gain) for part, gain in zip(row, gains, strict=True)]
    else:
        shares = [1 / gain.clamp(min=1.0) for gain in gains]
    spread = _total(row, shares)
    scale = 1 / max(spread, 1e-300)
    if central:
        excess = _total(row, [share * (gain - 1).clamp(min=0.0) for share, gain in zip(shares, gains, strict=True)])
        scale = min(SPREAD_SHARE * scale, ((1 + GROWTH * taps) ** (1 / 6) - 1) / max(excess, 1e-300))
    out = []
    for part, share in zip(row, shares, strict=True):
        variance = share * scale
        variance[part.block.centre] = (1 - scale * spread) / max(central, 1)
        out.append(variance.sqrt().repeat(part.fields_out * part.fields_in))
    return out


def _total(row: list[Part], values: list[Tensor]) -> float:
    """Sum over the elements that reach one output field."""
    return sum(part.fields_in * float(value.sum()) for part, value in zip(row, values, strict=True))


def _arrangement(fields: Layout) -> Tensor:
    if fields.mixing is not None:
        return fields.mixing
    return torch.zeros(0, dtype=torch.long) if fields.order is None else fields.order
