"""A linear map of fibres in the bases of irreps, where Schur's lemma makes it block diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from steer.coupling import decompose
from steer.expansion._blocks import Block
from steer.expansion._layout import atoms
from steer.expansion._plan import Part, Plan
from steer.group import deterministic
from steer.representation import DirectSum, Irrep, Representation
from steer.store import cached

Pieces = dict[Irrep, Tensor]
Copies = tuple[tuple[Irrep, int], ...]


def components(irrep: Irrep) -> int:
    """How many components have one matrix in common: all of real type, `M (x) 1`; none otherwise, where M holds them."""
    return irrep.dim if irrep.endomorphisms == 1 else 1


@dataclass(frozen=True)
class Kind:
    """Equal fields, direct sums taken apart: how many, and how often each has which irrep."""

    field: Representation
    count: int
    copies: Copies


@dataclass(frozen=True, eq=False)
class Side:
    """One list of fields and its irreps: per irrep the copies of all fields, kind by kind, field by field.

    Attributes:
        kinds: equal fields together, in order of first appearance.
        constants: names to tensors. `order` and `back`: channels kind by kind, and back, unless they lie so. `change_i`:
            `[dim, dim]`, fields of kind i from their irreps, unless they are irreps.
        rows: for each irrep its copies in the order of the atoms of a plan, unless they are in that order.
    """

    kinds: tuple[Kind, ...]
    constants: dict[str, Tensor]
    rows: dict[Irrep, Tensor]

    def analyse(self, x: Tensor, constants: dict[str, Tensor]) -> Pieces:
        """Fields `[channel, site]` to their irreps, `[copy, component * site]` for each."""
        if "order" in constants:
            x = x.index_select(0, constants["order"])
        sites = x.shape[1]
        found: dict[Irrep, list[Tensor]] = {}
        pieces = x.split([kind.count * kind.field.dim for kind in self.kinds])
        for i, (kind, piece) in enumerate(zip(self.kinds, pieces, strict=True)):
            fields = piece.reshape(kind.count, kind.field.dim, sites)
            if f"change_{i}" in constants:
                fields = _each(constants[f"change_{i}"].mT, fields)
            parts = fields.split([irrep.dim * copies for irrep, copies in kind.copies], 1)
            for (irrep, _), part in zip(kind.copies, parts, strict=True):
                found.setdefault(irrep, []).append(part.reshape(-1, components(irrep) * sites))
        return {irrep: _cat(parts, 0) for irrep, parts in found.items()}

    def synthesise(self, found: Pieces, constants: dict[str, Tensor]) -> Tensor:
        """The inverse of `analyse`."""
        rows = {irrep: iter(piece.split(self._rows(irrep))) for irrep, piece in found.items()}
        pieces = []
        for i, kind in enumerate(self.kinds):
            parts = [
                next(rows[irrep]).reshape(kind.count, copies * irrep.dim, -1)  # its components and sites, apart again
                for irrep, copies in kind.copies
            ]
            fields = _cat(parts, 1)
            if f"change_{i}" in constants:
                fields = _each(constants[f"change_{i}"], fields)
            pieces.append(fields.flatten(0, 1))
        out = _cat(pieces, 0)
        return out.index_select(0, constants["back"]) if "back" in constants else out

    def _rows(self, irrep: Irrep) -> list[int]:
        """How many rows of the piece of an irrep come from each kind that has it."""
        each = irrep.dim // components(irrep)
        return [kind.count * dict(kind.copies)[irrep] * each for kind in self.kinds if irrep in dict(kind.copies)]

    def zero(self, irrep: Irrep, like: Tensor) -> Tensor:
        """The piece of an irrep that nothing reaches, for `like [channel, site]`."""
        return like.new_zeros(sum(self._rows(irrep)), components(irrep) * like.shape[1])


@dataclass(frozen=True, eq=False)
class Schur:
    """The map of a plan with one tap as `y = Q_out diag(M_rho) Q_in^T x`, never made dense.

    `M_rho` has a number for each pair of copies of an irrep of real type, and acts on all of its components alike; of
    complex or quaternionic type it has a matrix that commutes with the irrep.

    Attributes:
        into, out: the fields and their irreps.
        parts: for every pair of atoms their part of the plan, and the irreps that they share, each with its copies in both.
        constants: names to tensors, in float64 (indices: int64). Shared between callers: clone to keep.
    """

    plan: Plan
    into: Side
    out: Side
    parts: tuple[tuple[tuple[Part, tuple[tuple[Irrep, int, int], ...]], ...], ...]
    constants: dict[str, Tensor]

    def __reduce__(self) -> tuple[Any, ...]:
        return schur, (self.plan,)

    def matrices(self, weight: Tensor, constants: dict[str, Tensor]) -> Pieces:
        """Weights `[size]` to `M_rho`, `[copy_out, copy_in]`, for each irrep on both sides; differentiable."""
        rows: dict[Irrep, list[Tensor]] = {}
        weights = iter(weight.split([part.size for row in self.parts for part, _ in row]))
        for i, row in enumerate(self.parts):
            columns: dict[Irrep, list[Tensor]] = {}
            for j, (part, shared) in enumerate(row):
                own = part.shaped(next(weights))
                if not shared:
                    continue
                entries = own.flatten(0, 1) @ constants[f"part_{i}_{j}"]
                each = entries.split([out * into for _, out, into in shared], 1) if len(shared) > 1 else (entries,)
                for (irrep, out, into), piece in zip(shared, each, strict=True):
                    matrix = piece.reshape(part.fields_out, part.fields_in, out, into).transpose(1, 2)
                    columns.setdefault(irrep, []).append(matrix.reshape(part.fields_out * out, part.fields_in * into))
            for irrep, pieces in columns.items():
                rows.setdefault(irrep, []).append(_cat(pieces, 1))
        found = {irrep: _cat(pieces, 0) for irrep, pieces in rows.items()}
        for name, axis in (("out", 0), ("into", 1)):
            for k, irrep in enumerate(found):
                if f"{name}_rows_{k}" in constants:
                    found[irrep] = found[irrep].index_select(axis, constants[f"{name}_rows_{k}"])
        return found

    def apply(self, x: Tensor, weight: Tensor, bias: Tensor | None, constants: dict[str, Tensor]) -> Tensor:
        """Fields `[channel, site]` mapped, with a bias `[channel]` that is invariant; differentiable."""
        into, out = _of("into", constants), _of("out", constants)
        pieces, matrices = self.into.analyse(x, into), self.matrices(weight, constants)
        shifts = {} if bias is None else self.out.analyse(bias[:, None], out)
        found = {}
        for irrep in dict.fromkeys(irrep for kind in self.out.kinds for irrep, _ in kind.copies):
            found[irrep] = matrices[irrep] @ pieces[irrep] if irrep in matrices else self.out.zero(irrep, x)
            if irrep in shifts and irrep.is_trivial:
                found[irrep] = found[irrep] + shifts[irrep]
        return self.out.synthesise(found, out)


def _each(change: Tensor, fields: Tensor) -> Tensor:
    """A matrix on each of the fields `[field, component, site]`."""
    return torch.bmm(change.expand(len(fields), *change.shape), fields)


def _of(side: str, constants: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{side}_"): tensor for name, tensor in constants.items() if name.startswith(f"{side}_")}


def _cat(pieces: Sequence[Tensor], axis: int) -> Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(list(pieces), axis)


@cached(32)
@deterministic
def schur(plan: Plan) -> Schur:
    """The block-diagonal form of a plan with one tap. A pure function of its recipe.

    Raises:
        ValueError: if the kernel has several taps.
    """
    if plan.recipe[2].taps != 1:
        raise ValueError(f"schur: a kernel with one tap is required; received {plan.recipe[2].taps} taps")
    into, out = side(plan.recipe[0]), side(plan.recipe[1])
    constants = {f"into_{name}": tensor for name, tensor in into.constants.items()}
    constants |= {f"out_{name}": tensor for name, tensor in out.constants.items()}
    rows = []
    order: dict[Irrep, None] = {}
    for i, (row, (atom_out, _)) in enumerate(zip(plan.parts, plan.layout_out.groups, strict=True)):
        found = []
        for j, (part, (atom_in, _)) in enumerate(zip(row, plan.layout_in.groups, strict=True)):
            shared, entries = _entries(part.block, atom_in, atom_out)
            if shared:
                constants[f"part_{i}_{j}"] = entries
            order |= dict.fromkeys(irrep for irrep, _, _ in shared)
            found.append((part, shared))
        rows.append(tuple(found))
    for k, irrep in enumerate(order):
        for name, own in (("into", into), ("out", out)):
            if irrep in own.rows:
                constants[f"{name}_rows_{k}"] = own.rows[irrep]
    return Schur(plan, into, out, tuple(rows), constants)


def _entries(block: Block, into: Representation, out: Representation) -> tuple[tuple[tuple[Irrep, int, int], ...], Tensor]:
    """The irreps that two atoms share, with their rows in both, and `[element, entry]`: what each element adds to `M_rho`."""
    (copies_in, change_in), (copies_out, change_out) = _sorted(into), _sorted(out)
    turned = torch.zeros(block.size, out.dim, into.dim, dtype=torch.float64)
    if block.size:
        basis = block.spread(torch.eye(block.size, dtype=torch.float64)[:, None], block.constants)
        turned = change_out.mT @ basis[:, :, 0, :, 0] @ change_in
    left = turned.clone()
    shared, entries = [], []
    row = 0
    for irrep, m_out in copies_out:
        column = 0
        for other, m_in in copies_in:
            if other == irrep:
                d = components(irrep)
                n_out, n_in = m_out * irrep.dim // d, m_in * irrep.dim // d
                where = (slice(None), slice(row, row + n_out * d), slice(column, column + n_in * d))
                matrix = turned[where].reshape(block.size, n_out, d, n_in, d).diagonal(dim1=2, dim2=4).mean(-1)
                left[where] -= torch.einsum("zoi,de->zodie", matrix, torch.eye(d, dtype=torch.float64)).reshape(left[where].shape)
                shared.append((irrep, n_out, n_in))
                entries.append(matrix.flatten(1))
            column += m_in * other.dim
        row += m_out * irrep.dim
    assert left.numel() == 0 or float(left.abs().max()) < 1e-9, "Schur's lemma: an intertwiner with entries off the blocks"
    return tuple(shared), torch.cat(entries, 1) if entries else torch.zeros(block.size, 0, dtype=torch.float64)


@cached(512)
@deterministic
def _sorted(field: Representation) -> tuple[Copies, Tensor]:
    """The irreps of a field with their multiplicities, and the change of basis with its columns in their order."""
    irreps, change = decompose(field)
    starts: dict[Irrep, list[int]] = {}
    start = 0
    for irrep in irreps:
        starts.setdefault(irrep, []).append(start)
        start += irrep.dim
    columns = [first + i for irrep, found in starts.items() for first in found for i in range(irrep.dim)]
    return tuple((irrep, len(found)) for irrep, found in starts.items()), change[:, columns]


def _parts(field: Representation) -> list[Representation]:
    """Direct sums taken apart."""
    return [p for part in field.parts for p in _parts(part)] if isinstance(field, DirectSum) else [field]


def kinds(fields: tuple[Representation, ...]) -> tuple[Kind, ...]:
    """Equal fields together."""
    counts: dict[Representation, int] = {}
    for field in fields:
        for part in _parts(field):
            counts[part] = counts.get(part, 0) + 1
    return tuple(Kind(field, count, _sorted(field)[0]) for field, count in counts.items())


@cached(64)
@deterministic
def side(fields: tuple[Representation, ...]) -> Side:
    """A list of fields and its irreps."""
    found = kinds(fields)
    constants: dict[str, Tensor] = {}
    where: dict[Representation, list[int]] = {kind.field: [] for kind in found}
    ranks: dict[Representation, list[tuple[Representation, int]]] = {kind.field: [] for kind in found}
    numbers: dict[Representation, int] = {}
    start = 0
    for part in (p for field in fields for p in _parts(field)):
        where[part] += range(start, start + part.dim)
        for atom in atoms(part)[0]:
            ranks[part].append((atom, numbers.setdefault(atom, 0)))
            numbers[atom] += 1
        start += part.dim
    order = torch.tensor([channel for channels in where.values() for channel in channels])
    if bool((order != torch.arange(start)).any()):
        constants |= {"order": order, "back": order.argsort()}
    for i, kind in enumerate(found):
        if kind.field.as_irrep is None:
            constants[f"change_{i}"] = _sorted(kind.field)[1]
    return Side(found, constants, _rows(found, ranks, list(numbers)))


def _rows(
    found: tuple[Kind, ...], ranks: dict[Representation, list[tuple[Representation, int]]], groups: list[Representation]
) -> dict[Irrep, Tensor]:
    """Where a plan, which goes atom by atom, has the copies of each irrep, in the order of the kinds."""
    keys: dict[Irrep, list[tuple[int, int, int]]] = {}
    for kind in found:
        per_field = len(ranks[kind.field]) // kind.count
        for field in range(kind.count):
            own = ranks[kind.field][field * per_field : (field + 1) * per_field]
            for irrep, _ in kind.copies:
                for atom, number in own:
                    copies = dict(_sorted(atom)[0]).get(irrep, 0)
                    keys.setdefault(irrep, []).extend((groups.index(atom), number, copy) for copy in range(copies))
    rows = {}
    for irrep, places in keys.items():
        order = sorted(places)
        if places != order:
            each = irrep.dim // components(irrep)
            rank = {place: i for i, place in enumerate(order)}
            rows[irrep] = torch.tensor([rank[place] * each + i for place in places for i in range(each)])
    return rows


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
    sizes: list[dict[Irrep, int]] = []
    changes = moved = 0
    for fields in plan.recipe[:2]:
        sizes.append({})
        found = kinds(fields)
        for kind in found:
            for irrep, copies in kind.copies:
                size = kind.count * copies * irrep.dim // components(irrep)
                sizes[-1][irrep] = sizes[-1].get(irrep, 0) + size
        changed = [kind for kind in found if kind.field.as_irrep is None]
        changes += sum(kind.count * kind.field.dim**2 for kind in changed)
        moved += sum(kind.count * kind.field.dim for kind in (*found, *changed))
        moved += 0 if _together(fields) else sum(kind.count * kind.field.dim for kind in found)
    blocks = sum(rows * sizes[1].get(irrep, 0) * components(irrep) for irrep, rows in sizes[0].items())
    return Work(plan.layout_in.dim * plan.layout_out.dim, blocks + changes, moved)


def _together(fields: tuple[Representation, ...]) -> bool:
    """Whether equal fields follow one another."""
    parts = [part for field in fields for part in _parts(field)]
    return 1 + sum(a != b for a, b in pairwise(parts)) == len(set(parts))
