"""Finite groups: a stack of matrices, and everything that follows from its multiplication table."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from steer.group._checks import count, holds, numbers, require, tolerance
from steer.group._deterministic import deterministic
from steer.group._group import Group
from steer.group._table import multiplication_table

EQUAL = 1e-6  # two matrices closer than this are the same element
SAME = 1e-12  # two groups are equal only to rounding: equal groups share their bases, whose laws hold to this precision


class FiniteGroup(Group):
    """A finite subgroup of O(d), closed under products; build it with `from_generators` or a named constructor.

    Law: `elements[table[i, j]] = elements[i] @ elements[j]`, `elements[0]` is the identity.
    """

    def __init__(self, elements: Tensor, generators: Tensor, name: str) -> None:
        self.d = elements.shape[-1]
        self.name = name
        self._elements = elements.detach().clone()  # the caller may write to its own
        self._generators = generators.detach().clone()

    @property
    def order(self) -> int:
        return self._elements.shape[0]

    @property
    def elements(self) -> Tensor:
        """All elements in the order of regular fields, `[order, d, d]`."""
        return self._elements.clone()

    @property
    def generators(self) -> Tensor:
        return self._generators.clone()

    @property
    @deterministic
    def algebra(self) -> Tensor:
        return torch.zeros(0, self.d, self.d, dtype=torch.float64)

    @property
    def components(self) -> Tensor:
        return self._elements.clone()

    @deterministic
    def haar(self, degree: int = 0) -> tuple[Tensor, Tensor]:
        return self._elements.clone(), torch.full((self.order,), 1.0 / self.order, dtype=torch.float64)

    @deterministic
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return self._elements[torch.randint(self.order, (count(n, "sample(n)"),), generator=generator)]

    def _nearest(self, g: Tensor) -> tuple[Tensor, Tensor]:
        g = g.detach().to("cpu", torch.float64)
        overlap = g.flatten(-2) @ self._elements.reshape(self.order, -1).mT
        index = overlap.argmax(-1)
        return index, (g - _rows(self._elements, index)).abs().amax((-2, -1))

    @deterministic
    def contains(self, g: Tensor, tolerance: float = EQUAL) -> Tensor:
        g = numbers(g, "contains", f"matrices [..., {self.d}, {self.d}] are")
        if g.shape[-2:] != (self.d, self.d):
            return torch.zeros(g.shape[:-2], dtype=torch.bool)
        return self._nearest(g)[1] < tolerance

    def index(self, g: Tensor) -> Tensor:
        """Position in `elements` of each matrix, `[..., d, d] -> [...]` long.

        Raises:
            ValueError: if a matrix is not an element (to 1e-4 per entry, so that float32 matrices are recognised, and to a
                few units in the last place of half precision).
        """
        g = numbers(g, "index", f"matrices [..., {self.d}, {self.d}] are")
        if g.shape[-2:] != (self.d, self.d):
            raise ValueError(f"{self}: matrices [..., {self.d}, {self.d}] are required; received shape {tuple(g.shape)}")
        index, error = self._nearest(g)
        if not holds(error <= tolerance(g.dtype)):
            raise ValueError(
                f"{self}: an element is required; received a matrix that differs from every element by at least "
                f"{float(error.max()):.2g}; group.contains(g) tells, group.elements lists them"
            )
        return index

    # What is computed once is shared by everyone who holds this group, so only copies leave the class.

    @cached_property
    def _table(self) -> Tensor:
        return multiplication_table(self._elements)

    @cached_property
    def _inverses(self) -> Tensor:
        return deterministic(self.index)(self._elements.mT)

    @property
    def table(self) -> Tensor:
        """Multiplication table, `[order, order]`: the index of `elements[i] @ elements[j]`."""
        return self._table.clone()

    @property
    def inverses(self) -> Tensor:
        """Index of the inverse of every element, `[order]`."""
        return self._inverses.clone()

    def left_products(self, index: Tensor) -> Tensor:
        """Rows of the table, `[...] -> [..., order]`: where multiplication from the left by elements sends each element."""
        return _rows(self._table, index)

    @cached_property
    def classes(self) -> tuple[tuple[int, ...], ...]:
        """Conjugacy classes as sorted tuples of indices, in the order of their first element."""
        conjugates = self._table[self._table, self._inverses[:, None]]  # [h, g] -> h g h^-1
        seen: set[int] = set()
        out = []
        for g in range(self.order):
            if g not in seen:
                members = tuple(sorted(set(conjugates[:, g].tolist())))
                seen.update(members)
                out.append(members)
        return tuple(out)

    def cosets(self, subgroup: FiniteGroup, side: str = "left") -> Tensor:
        """Cosets of a subgroup as indices, `[index, |H|]`; the first column holds their representatives.

        Left cosets are `g H`, right cosets `H g`. Cosets are sorted by their smallest index, which is the representative.
        """
        if not require(subgroup, Group, "cosets", f"a subgroup of {self}") <= self:
            raise ValueError(f"cosets: a subgroup of {self} is required; received {subgroup}")
        if side not in ("left", "right"):
            raise ValueError(f'side: "left" or "right" is required; received {side!r}')
        h = self.index(subgroup._elements)
        members = (self._table[:, h] if side == "left" else self._table[h, :].mT).sort(-1).values
        first = members[:, 0]
        representatives = torch.unique(first)
        return members[representatives]

    def subgroups(self) -> tuple[FiniteGroup, ...]:
        """Every subgroup, by order (not up to conjugacy). Found by joining cyclic subgroups; fit for orders to about 200."""
        table = self._table.tolist()
        cyclic = {_generated(table, [g]) for g in range(self.order)}
        found, frontier = set(cyclic), set(cyclic)
        while frontier:
            frontier = {_generated(table, a | c) for a in frontier for c in cyclic if not c <= a} - found
            found |= frontier
        ordered = sorted(found, key=lambda members: (len(members), sorted(members)))
        return tuple(self._from_indices(sorted(members)) for members in ordered)

    def with_few_generators(self) -> FiniteGroup:
        """The same elements in the same order, with `generators` of which none is generated by those before it."""
        table = self._table.tolist()
        chosen: list[int] = []
        members = frozenset([0])
        for g in range(self.order):
            if g not in members:
                chosen.append(g)
                members = _generated(table, chosen)
        return FiniteGroup(self._elements, self._elements[chosen or [0]], self.name)

    def _nearest_elements(self, g: Tensor) -> Tensor:
        g = g.to("cpu", torch.float64)
        index, error = self._nearest(g)
        rounded = (error > SAME) & (error < EQUAL)
        return torch.where(rounded[..., None, None], _rows(self._elements, index), g)

    def _with_own_elements(self, subgroup: Group) -> Group:
        return self.own_elements(subgroup) if isinstance(subgroup, FiniteGroup) else subgroup

    def own_elements(self, subgroup: FiniteGroup) -> FiniteGroup:
        """A subgroup whose matrices are rounded, with this group's own in their place; any other as it is."""
        index = self.index(subgroup._elements)
        own = self._elements[index]
        if float((own - subgroup._elements).abs().max()) < SAME:
            return subgroup
        return FiniteGroup(own, self._elements[self.index(subgroup._generators)], subgroup.name)

    def _from_indices(self, indices: list[int]) -> FiniteGroup:
        elements = self._elements[indices]
        return FiniteGroup(elements, elements, f"subgroup(order={len(indices)}, of={self.name})")

    def __le__(self, other: Group) -> bool:
        if not isinstance(other, Group):
            return NotImplemented
        return self.d == other.d and bool(other.contains(self._elements).all())

    def __mul__(self, other: Group) -> Group:
        from steer.group._product import direct_product

        return direct_product(self, other)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, FiniteGroup) or self._elements.shape != other._elements.shape:
            return False
        return float((self._elements - other._elements).abs().max()) < SAME

    def __hash__(self) -> int:
        return hash((self.d, self.order))

    def __reduce__(self) -> tuple[Any, ...]:
        return FiniteGroup, (self._elements, self._generators, self.name)


def _generated(table: list[list[int]], generators: Iterable[int]) -> frozenset[int]:
    """The indices of the elements that some generate."""
    seed = list(generators)
    members, frontier = {0}, {0}
    while frontier:
        frontier = {table[a][s] for a in frontier for s in seed} - members
        members |= frontier
    return frozenset(members)


def _rows(values: Tensor, index: Tensor) -> Tensor:
    """Copies of rows, `[n, ...], [batch] -> [batch, ...]`; a single index alone would give a view, and cannot be mapped."""
    return values[index.reshape(-1)].reshape(*index.shape, *values.shape[1:])
