"""A linear map of fibres in the bases of irreps, where Schur's lemma makes it block diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from steer.coupling import decompose
from steer.expansion._blocks import Block
from steer.expansion._layout import atoms
from steer.expansion._plan import Plan
from steer.expansion._tiles import Part
from steer.group import deterministic
from steer.representation import DirectSum, Irrep, Representation
from steer.store import cached

Constants = dict[str, Tensor]
Pieces = dict[str, Tensor]


class Isotypic(NamedTuple):
    """All copies of one irrep in a field.

    Attributes:
        irrep: its label.
        dim: their channels, together.
        components: how many components have one matrix in common: all of an irrep of real type, `M (x) 1`. Of the other
            types none, and the matrix holds them.
    """

    irrep: str
    dim: int
    components: int

    @property
    def rows(self) -> int:
        """Of the matrix."""
        return self.dim // self.components


@dataclass(frozen=True)
class Kind:
    """Equal fields, direct sums taken apart: how many, and what is in each."""

    field: Representation
    dim: int
    count: int
    content: tuple[Isotypic, ...]

    @property
    def channels(self) -> int:
        return self.count * self.dim


@dataclass(frozen=True, eq=False)
class Side:
    """One list of fields and its irreps: per irrep the copies of all fields, kind by kind, field by field.

    Attributes:
        name: what the names of its constants begin with.
        kinds: equal fields together, in order of first appearance.
        constants: `order` and `back`: channels kind by kind, and back, unless they lie so. `change_i`: `[dim, dim]`, fields
            of kind i from their irreps, unless they are irreps. `rows_i`: the rows of irrep i among those of the plan, which
            goes atom by atom, unless that is the same.
    """

    name: str
    kinds: tuple[Kind, ...]
    constants: Constants

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of the matrix of each irrep."""
        found: dict[str, int] = {}
        for kind in self.kinds:
            for part in kind.content:
                found[part.irrep] = found.get(part.irrep, 0) + kind.count * part.rows
        return found

    @property
    def components(self) -> dict[str, int]:
        return {part.irrep: part.components for kind in self.kinds for part in kind.content}

    def analyse(self, x: Tensor, constants: Constants) -> Pieces:
        """Fields `[channel, site]` to their irreps, `[row, component * site]` for each."""
        if f"{self.name}_order" in constants:
            x = x.index_select(0, constants[f"{self.name}_order"])
        found: dict[str, list[Tensor]] = {}
        pieces = x.split([kind.channels for kind in self.kinds])
        for i, (kind, piece) in enumerate(zip(self.kinds, pieces, strict=True)):
            fields = self._changed(i, piece.reshape(kind.count, kind.dim, x.shape[1]), constants, inverse=True)
            for part, own in zip(kind.content, fields.split([part.dim for part in kind.content], 1), strict=True):
                found.setdefault(part.irrep, []).append(own.reshape(kind.count * part.rows, part.components * x.shape[1]))
        return {irrep: _cat(parts, 0) for irrep, parts in found.items()}

    def synthesise(self, found: Pieces, constants: Constants) -> Tensor:
        """The inverse of `analyse`."""
        taken = dict.fromkeys(found, 0)
        pieces = []
        for i, kind in enumerate(self.kinds):
            parts = []
            for part in kind.content:
                rows = found[part.irrep].narrow(0, taken[part.irrep], kind.count * part.rows)
                taken[part.irrep] += kind.count * part.rows
                parts.append(rows.reshape(kind.count, part.dim, rows.shape[1] // part.components))
            pieces.append(self._changed(i, _cat(parts, 1), constants).flatten(0, 1))
        out = _cat(pieces, 0)
        return out.index_select(0, constants[f"{self.name}_back"]) if f"{self.name}_back" in constants else out

    def _changed(self, kind: int, fields: Tensor, constants: Constants, inverse: bool = False) -> Tensor:
        """Fields `[field, component, site]` from their irreps, or to them."""
        change = constants.get(f"{self.name}_change_{kind}")
        if change is None:
            return fields
        return torch.bmm((change.mT if inverse else change).expand(len(fields), *change.shape), fields)


Shared = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, eq=False)
class Schur:
    """The map of a plan with one tap as `y = Q_out diag(M_rho) Q_in^T x`, never made dense.

    `M_rho` has a number for each pair of copies of an irrep of real type, and acts on all of its components alike; of
    complex or quaternionic type it has a matrix that commutes with the irrep.

    Attributes:
        into, out: the fields and their irreps.
        parts: for every pair of atoms their part of the plan, and the irreps that they share, with rows and columns.
        trivial: label of the irrep that a bias may act on.
        constants: tensors by name, in float64 (indices: int64). Shared between callers: clone to keep.
    """

    plan: Plan
    into: Side
    out: Side
    parts: tuple[tuple[tuple[Part, Shared], ...], ...]
    trivial: str
    constants: Constants

    def __reduce__(self) -> tuple[Any, ...]:
        return schur, (self.plan,)

    def matrices(self, weight: Tensor, constants: Constants) -> Pieces:
        """Weights `[size]` to `M_rho`, `[row, column]`, for each irrep on both sides; differentiable."""
        rows: dict[str, list[Tensor]] = {}
        weights = iter(weight.split([part.size for row in self.parts for part, _ in row]))
        for i, row in enumerate(self.parts):
            columns: dict[str, list[Tensor]] = {}
            for j, (part, shared) in enumerate(row):
                own = part.shaped(next(weights)).flatten(0, 1)
                if not shared:
                    continue
                entries = (own @ constants[f"part_{i}_{j}"]).split([out * into for _, out, into in shared], 1)
                for (irrep, out, into), piece in zip(shared, entries, strict=True):
                    pairs = piece.reshape(part.fields_out, part.fields_in, out, into).transpose(1, 2)
                    columns.setdefault(irrep, []).append(pairs.reshape(part.fields_out * out, part.fields_in * into))
            for irrep, pieces in columns.items():
                rows.setdefault(irrep, []).append(_cat(pieces, 1))
        found = {irrep: _cat(pieces, 0) for irrep, pieces in rows.items()}
        for axis, side in enumerate((self.out, self.into)):
            for i, irrep in enumerate(side.sizes):
                order = constants.get(f"{side.name}_rows_{i}")
                if irrep in found and order is not None:
                    found[irrep] = found[irrep].index_select(axis, order)
        return found

    def apply(self, x: Tensor, matrices: Pieces, bias: Tensor | None, constants: Constants) -> Tensor:
        """Fields `[channel, site]` mapped, with a bias `[channel]` that is invariant; differentiable."""
        pieces = self.into.analyse(x, constants)
        components = self.out.components
        found = {}
        for irrep, size in self.out.sizes.items():
            reached = irrep in matrices
            found[irrep] = matrices[irrep] @ pieces[irrep] if reached else x.new_zeros(size, components[irrep] * x.shape[1])
        if bias is not None:
            found[self.trivial] = found[self.trivial] + self.out.analyse(bias[:, None], constants)[self.trivial]
        return self.out.synthesise(found, constants)


def _cat(pieces: Sequence[Tensor], axis: int) -> Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(list(pieces), axis)


@cached(32)
@deterministic
def schur(plan: Plan) -> Schur:
    """The block-diagonal form of a plan with one tap.

    Raises:
        ValueError: if the kernel has several taps.
    """
    if plan.recipe[2].taps != 1:
        raise ValueError(f"schur: a kernel with one tap is required; received {plan.recipe[2].taps} taps")
    into, out = _side(plan.recipe[0], "into"), _side(plan.recipe[1], "out")
    constants = {**into.constants, **out.constants}
    rows = []
    for i, (row, (atom_out, _)) in enumerate(zip(plan.parts, plan.layout_out.groups, strict=True)):
        found = []
        for j, (part, (atom_in, _)) in enumerate(zip(row, plan.layout_in.groups, strict=True)):
            shared, entries = _entries(part.block, atom_in, atom_out)
            constants |= {f"part_{i}_{j}": entries} if shared else {}
            found.append((part, shared))
        rows.append(tuple(found))
    return Schur(plan, into, out, tuple(rows), plan.recipe[0][0].group.trivial.label, constants)


def _entries(block: Block, into: Representation, out: Representation) -> tuple[Shared, Tensor]:
    """The irreps that two atoms share, with their rows in both, and what each element adds, `[element, entry]`."""
    (content_in, change_in), (content_out, change_out) = _sorted(into), _sorted(out)
    turned = torch.zeros(block.size, out.dim, into.dim, dtype=torch.float64)
    if block.size:
        basis = block.spread(torch.eye(block.size, dtype=torch.float64)[:, None], block.constants)
        turned = change_out.mT @ basis[:, :, 0, :, 0] @ change_in
    left = turned.clone()
    shared, entries = [], []
    row = 0
    for a in content_out:
        column = 0
        for b in content_in:
            if a.irrep == b.irrep:
                d = a.components
                where = (slice(None), slice(row, row + a.dim), slice(column, column + b.dim))
                matrix = turned[where].reshape(block.size, a.rows, d, b.rows, d).diagonal(dim1=2, dim2=4).mean(-1)
                whole = torch.einsum("zoi,de->zodie", matrix, torch.eye(d, dtype=torch.float64))
                left[where] -= whole.flatten(3).flatten(1, 2)
                shared.append((a.irrep, a.rows, b.rows))
                entries.append(matrix.flatten(1))
            column += b.dim
        row += a.dim
    assert left.numel() == 0 or float(left.abs().max()) < 1e-9, "Schur's lemma: nothing lies off the blocks"
    return tuple(shared), torch.cat(entries, 1) if entries else torch.zeros(block.size, 0, dtype=torch.float64)


@cached(512)
@deterministic
def _sorted(field: Representation) -> tuple[tuple[Isotypic, ...], Tensor]:
    """What is in a field, and the change of basis with its columns in that order."""
    irreps, change = decompose(field)
    starts: dict[Irrep, list[int]] = {}
    start = 0
    for irrep in irreps:
        starts.setdefault(irrep, []).append(start)
        start += irrep.dim
    columns = [first + i for irrep, found in starts.items() for first in found for i in range(irrep.dim)]
    content = (
        Isotypic(irrep.label, irrep.dim * len(found), irrep.dim if irrep.endomorphisms == 1 else 1)
        for irrep, found in starts.items()
    )
    return tuple(content), change[:, columns]


def _parts(field: Representation) -> list[Representation]:
    """Direct sums taken apart."""
    return [p for part in field.parts for p in _parts(part)] if isinstance(field, DirectSum) else [field]


def _kinds(parts: list[Representation]) -> tuple[Kind, ...]:
    """Equal fields together."""
    counts: dict[Representation, int] = {}
    for part in parts:
        counts[part] = counts.get(part, 0) + 1
    return tuple(Kind(field, field.dim, count, _sorted(field)[0]) for field, count in counts.items())


def _side(fields: tuple[Representation, ...], name: str) -> Side:
    """A list of fields and its irreps."""
    parts = [part for field in fields for part in _parts(field)]
    kinds = _kinds(parts)
    constants: Constants = {}
    channels: dict[Representation, list[int]] = {kind.field: [] for kind in kinds}
    rows: dict[Representation, dict[str, list[tuple[int, int, int]]]] = {kind.field: {} for kind in kinds}
    groups: dict[Representation, int] = {}
    counts: dict[Representation, int] = {}
    start = 0
    for part in parts:
        channels[part] += range(start, start + part.dim)
        start += part.dim
        for atom in atoms(part)[0]:
            group, number = groups.setdefault(atom, len(groups)), counts.get(atom, 0)
            counts[atom] = number + 1
            for content in _sorted(atom)[0]:
                rows[part].setdefault(content.irrep, []).extend((group, number, row) for row in range(content.rows))
    order = torch.tensor([channel for own in channels.values() for channel in own])
    if bool((order != torch.arange(start)).any()):
        constants |= {f"{name}_order": order, f"{name}_back": order.argsort()}
    for i, kind in enumerate(kinds):
        if kind.field.as_irrep is None:
            constants[f"{name}_change_{i}"] = _sorted(kind.field)[1]
    side = Side(name, kinds, constants)
    for i, irrep in enumerate(side.sizes):
        places = [place for kind in kinds for place in rows[kind.field].get(irrep, [])]
        rank = {place: position for position, place in enumerate(sorted(places))}
        if list(rank) != places:
            constants[f"{name}_rows_{i}"] = torch.tensor([rank[place] for place in places])
    return side


@dataclass(frozen=True)
class Work:
    """What a map of fibres does at every site.

    Attributes:
        dense: multiplications of the dense kernel.
        blocks: multiplications irrep by irrep, with both changes of basis.
        moved: channels that are written, and read again, on the way: those of both sides, again where a basis changes,
            and again where fields are gathered.
    """

    dense: int
    blocks: int
    moved: int


def work(plan: Plan) -> Work:
    """The work of a plan with one tap, both ways, by its types alone."""
    sides = []
    changes = moved = 0
    for fields in plan.recipe[:2]:
        parts = [part for field in fields for part in _parts(field)]
        kinds = _kinds(parts)
        sides.append(Side("", kinds, {}))
        changed = [kind for kind in kinds if kind.field.as_irrep is None]
        changes += sum(kind.channels * kind.dim for kind in changed)
        moved += sum(kind.channels for kind in (*kinds, *changed))
        if sum(a != b for a, b in pairwise(parts)) >= len(kinds):
            moved += sum(kind.channels for kind in kinds)
    into, out = sides
    columns = into.sizes
    blocks = sum(rows * columns.get(irrep, 0) * out.components[irrep] for irrep, rows in out.sizes.items())
    return Work(plan.layout_in.dim * plan.layout_out.dim, blocks + changes, moved)
