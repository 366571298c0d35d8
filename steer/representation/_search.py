"""Find the irreps of a group nobody tabulated, from nothing but its matrices, deterministically.

Every irrep of a compact group occurs in a tensor power of a faithful representation, so the search decomposes (irrep
times standard) degree by degree. Known irreps are removed by their characters; the remainder is cut along the
eigenspaces of a generic symmetric element of its commutant, each of which is one irrep. Source:
docs/theory/representations.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from steer.group import FiniteGroup, Group, deterministic, working
from steer.representation._gauge import canonical_basis
from steer.representation._polished import polished
from steer.representation._representation import kron, looked_up, trace
from steer.store import Entry, EntryError, Form, find, tensors

_MAX_DEGREE_CONTINUOUS = 200  # where the search for an irrep by its number ends: there are infinitely many


@dataclass(frozen=True)
class Found:
    """An irrep as the range of `basis` in (irrep number `parent`) times standard; the trivial one has no parent."""

    parent: int
    basis: Tensor
    degree: int
    dim: int
    endomorphisms: int


@dataclass(frozen=True)
class Progress:
    """What a search has found so far, and how many degrees it has finished."""

    found: tuple[Found, ...]
    degrees: int


class Search:
    """The irreps of one group, extended on demand; what was found keeps its number.

    Callers in several threads share one search. What it knows is one immutable value, replaced as a whole by a computation
    that the lock of `deterministic` lets run alone, so that everyone sees all of a degree or nothing of it.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self._progress = Progress((Found(-1, torch.ones(1, 1, dtype=torch.float64), 0, 1, 1),), 0)
        self._tables: dict[int, Tensor] = {}  # values on all elements, for a finite group
        known = find("irreps", self._read, group)
        if known:
            self._progress, self._tables = known

    def entry(self) -> Entry:
        """All irreps of a finite group, as packs hold them."""
        assert isinstance(self.group, FiniteGroup)
        found = self.upto(None)
        numbers = [[f.parent, f.degree, f.dim, f.endomorphisms] for f in found]
        return Entry(
            {
                "numbers": torch.tensor(numbers),
                "bases": torch.cat([f.basis.flatten() for f in found]),
                "values": torch.cat([self._table(self.group, i).flatten() for i in range(len(found))]),
            },
            {"degrees": self._progress.degrees},
        )

    def _read(self, entry: Entry) -> tuple[Progress, dict[int, Tensor]]:
        """The finished search of an entry, and its tables.

        Raises:
            EntryError: if it is none of this group.
        """
        if not isinstance(self.group, FiniteGroup):
            raise EntryError(f"a finite group is required; {self.group} is none")
        forms = {"numbers": Form(("irreps", 4), torch.int64), "bases": Form(("entries",)), "values": Form(("numbers",))}
        given, degrees = tensors(entry, forms), entry.info.get("degrees")
        bases, values = given["bases"], given["values"]
        found: list[Found] = []
        tables = {}
        for i, (parent, degree, dim, endomorphisms) in enumerate(given["numbers"].tolist()):
            first = (parent, degree, dim, endomorphisms) == (-1, 0, 1, 1)
            follows = 0 <= parent < i and degree == found[parent].degree + 1 and dim > 0 and endomorphisms in (1, 2, 4)
            rows = self.group.d * found[parent].dim if follows else 1
            count = self.group.order * dim**2
            if not (follows if i else first) or rows * dim > len(bases) or count > len(values):
                raise EntryError(f"numbers: those of irreps that follow from each other are required; row {i} is of none")
            basis, bases = bases[: rows * dim].reshape(rows, dim), bases[rows * dim :]
            tables[i], values = values[:count].reshape(-1, dim, dim), values[count:]
            found.append(Found(parent, basis, degree, dim, endomorphisms))
        if type(degrees) is not int or degrees < max((f.degree for f in found), default=0):
            raise EntryError(f"degrees: the number of degrees that were searched is required; received {degrees!r}")
        progress = Progress(tuple(found), degrees)
        if len(bases) or len(values) or not self._finished(progress):
            raise EntryError(f"all irreps of {self.group} are required, and nothing else; received {len(found)}")
        return progress, tables

    @property
    def found(self) -> tuple[Found, ...]:
        return self._progress.found

    def _finished(self, progress: Progress) -> bool:
        """Sum of dim^2 / dim End over all irreps is the order of the group."""
        return sum(f.dim**2 // f.endomorphisms for f in progress.found) == self.group.order

    def upto(self, max_degree: int | None) -> list[Found]:
        """All irreps of a finite group (None), or those of degree at most `max_degree`."""
        progress = self._progress
        while not self._finished(progress) and (max_degree is None or progress.degrees < max_degree):
            progress = self._extend(progress)
        return [f for f in progress.found if max_degree is None or f.degree <= max_degree]

    def get(self, number: int) -> Found | None:
        """The irrep of this number, or None if there are fewer (continuous groups: none soon)."""
        progress = self._progress
        while number >= len(progress.found) and not self._finished(progress):
            before, progress = progress, self._extend(progress)
            barren = len(progress.found) == len(before.found) or progress.degrees >= _MAX_DEGREE_CONTINUOUS
            if barren and not self.group.is_finite:
                break
        return progress.found[number] if number < len(progress.found) else None

    def matrices(self, number: int, g: Tensor) -> Tensor:
        """Values of an irrep, `[..., d, d] -> [..., dim, dim]`."""
        self.get(number)  # an irrep may be older than this search, whose memory is bounded
        if isinstance(self.group, FiniteGroup):
            return looked_up(self.group, self._table(self.group, number), g)
        return self._evaluate(number, working(g)).to(g.dtype)

    @deterministic
    def _table(self, group: FiniteGroup, number: int) -> Tensor:
        if number not in self._tables:
            self._tables[number] = polished(group, self._evaluate(number, group.elements))
        return self._tables[number]

    def _evaluate(self, number: int, g: Tensor) -> Tensor:
        irrep = self.found[number]
        if irrep.parent < 0:
            return g.new_ones(*g.shape[:-2], 1, 1)
        group = self.group
        parent = self._table(group, irrep.parent) if isinstance(group, FiniteGroup) else self._evaluate(irrep.parent, g)
        return _compress(parent, g, irrep.basis.to(g))

    @deterministic
    def _extend(self, before: Progress) -> Progress:
        """One degree more than `before`; what another thread found in the meantime, if it did."""
        if self._progress is not before:
            return self._progress
        degree, found = before.degrees + 1, list(before.found)
        if self.group.is_finite and found[-1].degree < before.degrees:
            raise ArithmeticError(f"{self.group}: the search found {len(found)} irreps, which are not all; is it a group?")
        points, weights = self.group.haar(2 * degree)
        group = self.group if isinstance(self.group, FiniteGroup) else None  # its points are its elements
        tables = [self._table(group, i) if group else self._evaluate(i, points) for i in range(len(found))]
        characters = [trace(t) for t in tables]
        for parent, irrep in enumerate(before.found):
            if irrep.degree != degree - 1:
                continue
            product = kron(tables[parent], points)
            for basis in _new_pieces(found, product, weights, characters):
                table = basis @ product @ basis.mT
                character = trace(table)
                if any(abs(float((weights * character * c).sum())) > 0.5 for c in characters):
                    continue
                norm = round(float((weights * character**2).sum()))
                schur = round(float((weights * torch.einsum("gij,gji->g", table, table)).sum()))
                if (norm, schur) not in {(1, 1), (2, 0), (4, -2)}:
                    raise ArithmeticError(f"{self.group}: the search met a reducible piece; please report this group")
                found.append(Found(parent, basis.mT.contiguous(), degree, len(basis), norm))
                tables.append(table)
                characters.append(character)
        self._progress = Progress(tuple(found), degree)
        return self._progress


def _new_pieces(found: list[Found], product: Tensor, weights: Tensor, characters: list[Tensor]) -> list[Tensor]:
    """Irreducible subspaces of a representation that contain none of the known irreps, smallest first."""
    size = product.shape[-1]
    character = trace(product)
    rest = torch.eye(size, dtype=torch.float64)
    left = size
    for irrep, known in zip(found, characters, strict=True):
        multiplicity = round(float((weights * character * known).sum())) // irrep.endomorphisms
        if multiplicity:
            left -= multiplicity * irrep.dim
            weight = weights * known * irrep.dim / irrep.endomorphisms
            rest = rest - torch.einsum("g,gij->ij", weight, product)
    if left == 0:
        return []
    basis = canonical_basis((rest + rest.mT) / 2)
    inner = basis @ product @ basis.mT
    generic = torch.einsum("g,gij,jk,glk->il", weights, inner, _generic(left), inner)
    values, vectors = torch.linalg.eigh((generic + generic.mT) / 2)
    cuts = [0, *((values.diff() > 1e-7 * (1 + values.abs().max())).nonzero()[:, 0] + 1).tolist(), left]
    pieces = []
    for a, b in pairwise(cuts):
        span = vectors[:, a:b].mT @ basis
        pieces.append(canonical_basis(span.mT @ span))
    return sorted(pieces, key=len)


def _generic(n: int) -> Tensor:
    """A fixed symmetric matrix of rationals without structure."""
    i, j = torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")
    low, high = torch.minimum(i, j), torch.maximum(i, j)
    return ((low * 37 + high * 101 + low * high * 17 + high**2 * 7) % 97).double() / 97


def _compress(parent: Tensor, g: Tensor, basis: Tensor) -> Tensor:
    """`B^T (parent x g) B` without the large product."""
    b = basis.reshape(parent.shape[-1], g.shape[-1], -1)
    half = torch.einsum("...ij,jkn->...ikn", parent, b)
    return torch.einsum("ijm,...jk,...ikn->...mn", b, g, half)
