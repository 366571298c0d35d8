"""Pieces of a dense kernel, and the weights that each of them is made of.

A tile is one pair of kinds of fields, a stack several pairs that take one product. Both read weights in the order of a
`Padding`, and write to their place in the kernel, or the other way round.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from steer.expansion._blocks import Block, slices
from steer.expansion._layout import Layout, Run
from steer.representation import Irrep

Constants = tuple[Tensor, ...]


@dataclass(frozen=True)
class Part:
    """One pair of atom kinds in a plan: fields counted, weights located.

    Attributes:
        start: its first weight.
        constants: those of its block among those of the plan, or the stack of several blocks.
        place: its place in the stack; None if there is none.
    """

    block: Block
    dim_out: int
    dim_in: int
    fields_out: int
    fields_in: int
    start: int
    constants: slice
    place: int | None

    @property
    def size(self) -> int:
        """Number of weights."""
        return self.fields_out * self.fields_in * self.block.size

    def shaped(self, weight: Tensor) -> Tensor:
        """Its weights as `[fields_out, fields_in, elements]`."""
        return weight.reshape(self.fields_out, self.fields_in, self.block.size)

    def own(self, constants: Constants) -> Constants:
        """The constants of its block among those of the plan."""
        found = constants[self.constants]
        return found if self.place is None else (found[0][self.place, : self.block.size],)


@dataclass(frozen=True)
class Tile:
    """Fields of a part that follow one another in the channels, and so have a piece of the dense kernel to themselves.

    Attributes:
        start: the first weight of the part in the order of the padding.
    """

    part: Part
    out: Run
    into: Run
    start: int

    def write(self, weight: Tensor, constants: Constants, kernel: Tensor) -> None:
        """Its piece of the kernel `[channels_out, channels_in, taps]`, of padded weights."""
        self.part.block.write(self._weights(weight), self.part.own(constants), self._piece(kernel))

    def adjoint(self, grad: Tensor, constants: Constants, weight: Tensor) -> None:
        """The transpose of `write`: its weights, of its piece."""
        self._weights(weight).copy_(self.part.block.adjoint(self._piece(grad), self.part.own(constants)))

    def _weights(self, weight: Tensor) -> Tensor:
        """Its view of all weights, `[fields_out, fields_in, elements]`."""
        part, out, into = self.part, self.out, self.into
        own = part.shaped(weight[self.start : self.start + part.size])
        if (out.count, into.count) == (part.fields_out, part.fields_in):
            return own
        return own[out.first : out.first + out.count, into.first : into.first + into.count]

    def _piece(self, kernel: Tensor) -> Tensor:
        """Its view of a kernel, `[fields_out, dim_out, fields_in, dim_in, taps]`."""
        (out, dim_out), (into, dim_in) = (self.out, self.part.dim_out), (self.into, self.part.dim_in)
        shape = (out.count, dim_out, into.count, dim_in, kernel.shape[2])
        own = kernel[out.channel : out.channel + out.count * dim_out, into.channel : into.channel + into.count * dim_in]
        return own.view(shape)


@dataclass(frozen=True)
class Stack:
    """Pairs of kinds of irreps that follow one another in the channels, all of the same dimensions and numbers of fields.

    One product with a stack of bases, `[pair, elements, dim_out * dim_in * taps]`, of as many elements as the largest has.

    Attributes:
        part: the first of them.
        rows, columns: how many kinds of output and of input fields.
        out, into: where the fields of the first kinds are.
        elements: of each pair, with those that are zero.
        start: the first weight in the order of the padding.
    """

    part: Part
    rows: int
    columns: int
    out: Run
    into: Run
    elements: int
    start: int

    def write(self, weight: Tensor, constants: Constants, kernel: Tensor) -> None:
        """Its piece of the kernel `[channels_out, channels_in, taps]`, of padded weights."""
        weights, bases, piece = self._weights(weight), self._bases(constants), self._piece(kernel)
        part, taps = self.part, kernel.shape[2]
        for rows, columns in self._chunks(taps):
            product = torch.bmm(weights[rows, columns].flatten(0, 1), bases[rows, columns].flatten(0, 1))
            place = piece[rows, :, :, columns]
            kinds, fields = (place.shape[0], place.shape[3]), (self.out.count, self.into.count)
            found = product.view(*kinds, *fields, part.dim_out, part.dim_in, taps)
            place.copy_(found.permute(0, 2, 4, 1, 3, 5, 6))

    def adjoint(self, grad: Tensor, constants: Constants, weight: Tensor) -> None:
        """The transpose of `write`: its weights, of its piece."""
        weights, bases, piece = self._weights(weight), self._bases(constants), self._piece(grad)
        for rows, columns in self._chunks(grad.shape[2]):
            pairs = piece[rows, :, :, columns].permute(0, 3, 1, 4, 2, 5, 6).flatten(4).flatten(2, 3)
            found = torch.bmm(pairs.flatten(0, 1), bases[rows, columns].flatten(0, 1).mT)
            weights[rows, columns] = found.view(weights[rows, columns].shape)

    def _weights(self, weight: Tensor) -> Tensor:
        """Its view of padded weights, `[row, column, pair of fields, element]`."""
        pairs = self.out.count * self.into.count
        own = weight[self.start : self.start + self.rows * self.columns * pairs * self.elements]
        return own.view(self.rows, self.columns, pairs, self.elements)

    def _bases(self, constants: Constants) -> Tensor:
        """`[row, column, element, entry]`."""
        return constants[self.part.constants][0].unflatten(0, (self.rows, self.columns))

    def _piece(self, kernel: Tensor) -> Tensor:
        """Its view of a kernel, `[row, fields_out, dim_out, column, fields_in, dim_in, taps]`."""
        out = (self.rows, self.out.count, self.part.dim_out)
        into = (self.columns, self.into.count, self.part.dim_in)
        own = kernel.narrow(0, self.out.channel, math.prod(out)).narrow(1, self.into.channel, math.prod(into))
        return own.view(*out, *into, kernel.shape[2])

    def _chunks(self, taps: int) -> Iterator[tuple[slice, slice]]:
        """Rows and columns that are worked on one after the other: several rows, or some columns of one."""
        entries = self.out.count * self.into.count * self.part.dim_out * self.part.dim_in * taps
        for rows in slices(self.rows, self.columns * entries):
            alone = rows.stop - rows.start == 1
            for columns in slices(self.columns, entries) if alone else [slice(0, self.columns)]:
                yield rows, columns


@dataclass(frozen=True, eq=False)
class Padding:
    """Weights in the order of the tiles, those of a stack with as many elements for every pair.

    Attributes:
        order: which weight stands where, `[padded size]`, some weight in places that no element has.
        back: where each weight stands, `[size]`.
    """

    order: Tensor
    back: Tensor
    _elsewhere: dict[torch.device, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Both, on a device; copied once."""
        if device not in self._elsewhere:
            self._elsewhere[device] = self.order.to(device), self.back.to(device)
        return self._elsewhere[device]


def pieces(out: Layout, into: Layout) -> Iterator[tuple[range, range]]:
    """Kinds of output and of input fields whose pairs are taken together: one of each, or those of a stack."""
    for rows in _bands(out):
        for columns in _bands(into):
            if all(isinstance(side.groups[kinds.start][0], Irrep) for side, kinds in ((out, rows), (into, columns))):
                yield rows, columns
            else:
                yield from ((range(i, i + 1), range(j, j + 1)) for i in rows for j in columns)


def _bands(fields: Layout) -> list[range]:
    """All kinds of fields; those of irreps together that are alike in dimension and number and stand in a row."""
    found: list[range] = []
    shape, end = None, 0
    for kind, ((atom, count), runs) in enumerate(zip(fields.groups, fields.runs, strict=True)):
        its_shape = (atom.dim, count) if isinstance(atom, Irrep) and len(runs) == 1 else None
        if its_shape is not None and its_shape == shape and runs[0].channel == end:
            found[-1] = range(found[-1].start, kind + 1)
        else:
            found.append(range(kind, kind + 1))
        shape, end = its_shape, runs[0].channel + count * atom.dim
    return found


def stacked(blocks: list[Block]) -> Tensor:
    """The bases of irreps of the same shape, `[pair, elements, entry]`, those that a pair lacks zero."""
    entries = blocks[0].constants[0].shape[1]
    out = torch.zeros(len(blocks), max(block.size for block in blocks), entries, dtype=torch.float64)
    for place, block in zip(out, blocks, strict=True):
        place[: block.size] = block.constants[0]
    return out


def tiles(parts: tuple[tuple[Part, ...], ...], out: Layout, into: Layout) -> tuple[tuple[Tile | Stack, ...], Padding | None]:
    """The pieces of a kernel, and the order in which they read the weights; None if that is the order of the weights."""
    found: list[Tile | Stack] = []
    order, kept = [torch.zeros(0, dtype=torch.long)], [torch.zeros(0, dtype=torch.bool)]
    start = 0

    def read(part: Part, weights: Tensor, elements: int) -> None:
        """Weights of a part, `[pair of fields, element]`, come next, as so many elements."""
        nonlocal start
        # Any weight may stand for one that is missing, as its element is zero.
        filled = torch.nn.functional.pad(weights, (0, elements - part.block.size))
        order.append(filled.flatten())
        kept.append((torch.arange(elements) < part.block.size).expand(filled.shape).flatten())
        start += filled.numel()

    for rows, columns in pieces(out, into):
        own = [parts[i][j] for i in rows for j in columns]
        runs = [(a, b) for a in out.runs[rows.start] for b in into.runs[columns.start]]  # several of single kinds only
        numbers = [part.shaped(torch.arange(part.start, part.start + part.size)) for part in own]
        if len(own) == 1:
            found += [Tile(own[0], a, b, start) for a, b in runs]
            read(own[0], numbers[0].flatten(0, 1), own[0].block.size)
            continue
        elements = max(part.block.size for part in own)
        for a, b in runs:
            found.append(Stack(own[0], len(rows), len(columns), a, b, elements, start))
            for part, weights in zip(own, numbers, strict=True):
                read(part, weights[a.first : a.first + a.count, b.first : b.first + b.count].flatten(0, 1), elements)
    places, known = torch.cat(order), torch.cat(kept)
    if torch.equal(places, torch.arange(len(places))):
        return tuple(found), None
    back = torch.empty(int(known.sum()), dtype=torch.long)
    back[places[known]] = known.nonzero().flatten()
    return tuple(found), Padding(places.int(), back.int())
