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

from steer.group import FiniteGroup, Group, deterministic
from steer.representation._gauge import canonical_basis

_MAX_DEGREE_FINITE = 200  # a finite subgroup of O(d) is exhausted long before


@dataclass(frozen=True)
class Found:
    """An irrep as the range of `basis` in (irrep number `parent`) times standard; the trivial one has no parent."""

    parent: int
    basis: Tensor
    degree: int
    dim: int
    endomorphisms: int


class Search:
    """The irreps of one group, extended on demand; what was found keeps its number."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.found = [Found(-1, torch.ones(1, 1, dtype=torch.float64), 0, 1, 1)]
        self.searched = 0  # degrees finished
        self._tables: list[Tensor] = []  # values on all elements, for a finite group

    @property
    def complete(self) -> bool:
        """Sum of dim^2 / dim End over all irreps is the order of the group."""
        return sum(f.dim**2 // f.endomorphisms for f in self.found) == self.group.order

    def upto(self, max_degree: int | None) -> list[Found]:
        limit = _MAX_DEGREE_FINITE if max_degree is None else max_degree
        while self.searched < limit and not self.complete:
            self._extend()
        return [f for f in self.found if f.degree <= limit]

    def get(self, number: int) -> Found | None:
        while number >= len(self.found) and not self.complete and self.searched < _MAX_DEGREE_FINITE:
            before = len(self.found)
            self._extend()
            if len(self.found) == before and not self.group.is_finite:
                break
        return self.found[number] if number < len(self.found) else None

    def matrices(self, number: int, g: Tensor) -> Tensor:
        """Values of an irrep, `[..., d, d] -> [..., dim, dim]`."""
        if isinstance(self.group, FiniteGroup):
            self._tabulate(self.group, number)
            return self._tables[number].to(g)[self.group.index(g).to(g.device)]
        return self._evaluate(number, g)

    @deterministic
    def _tabulate(self, group: FiniteGroup, number: int) -> None:
        while len(self._tables) <= number:
            self._tables.append(self._evaluate(len(self._tables), group.elements))

    def _evaluate(self, number: int, g: Tensor) -> Tensor:
        irrep = self.found[number]
        if irrep.parent < 0:
            return g.new_ones(*g.shape[:-2], 1, 1)
        known = isinstance(self.group, FiniteGroup) and irrep.parent < len(self._tables)
        parent = self._tables[irrep.parent] if known else self._evaluate(irrep.parent, g)
        return _compress(parent, g, irrep.basis.to(g))

    @deterministic
    def _extend(self) -> None:
        degree = self.searched + 1
        points, weights = self.group.haar(2 * degree)
        tables = [self.matrices(i, points) for i in range(len(self.found))]
        characters = [t.diagonal(dim1=-2, dim2=-1).sum(-1) for t in tables]
        squares = _characters_of_squares(self, points)
        for parent, irrep in list(enumerate(self.found)):
            if irrep.degree != degree - 1:
                continue
            product = _kron(tables[parent], points)
            for basis in self._new_pieces(product, weights, characters):
                table = basis @ product @ basis.mT
                character = table.diagonal(dim1=-2, dim2=-1).sum(-1)
                if any(abs(float((weights * character * c).sum())) > 0.5 for c in characters):
                    continue
                norm = round(float((weights * character**2).sum()))
                schur = round(float((weights * squares(table)).sum()))
                if (norm, schur) not in {(1, 1), (2, 0), (4, -2)}:
                    raise ArithmeticError(f"{self.group}: the search met a reducible piece; please report this group")
                self.found.append(Found(parent, basis.mT.contiguous(), degree, len(basis), norm))
                tables.append(table)
                characters.append(character)
        self.searched = degree

    def _new_pieces(self, product: Tensor, weights: Tensor, characters: list[Tensor]) -> list[Tensor]:
        """Irreducible subspaces of a representation that contain none of the known irreps, smallest first."""
        size = product.shape[-1]
        character = product.diagonal(dim1=-2, dim2=-1).sum(-1)
        rest = torch.eye(size, dtype=torch.float64)
        left = size
        for irrep, known in zip(self.found, characters, strict=True):
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


def _kron(a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("...ij,...kl->...ikjl", a, b).reshape(*a.shape[:-2], a.shape[-1] * b.shape[-1], -1)


def _compress(parent: Tensor, g: Tensor, basis: Tensor) -> Tensor:
    """`B^T (parent x g) B` without the large product."""
    b = basis.reshape(parent.shape[-1], g.shape[-1], -1)
    half = torch.einsum("...ij,jkn->...ikn", parent, b)
    return torch.einsum("ijm,...jk,...ikn->...mn", b, g, half)


def _characters_of_squares(search: Search, points: Tensor):  # type: ignore[no-untyped-def]
    """A function from the values of a representation on `points` to the characters of the squared elements."""
    return lambda table: torch.einsum("gij,gji->g", table, table)
