"""Representations made from others: standard, sums, products, restricted, band-limited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from steer.group import Group, require
from steer.representation._irrep import Irrep, trivial
from steer.representation._representation import Representation, kron


def _same_group(a: Representation, b: Representation, what: str) -> None:
    for part in (a, b):
        require(part, Representation, what, "a representation")
    if a.group != b.group:
        raise ValueError(f"{what}: representations of one group are required; received {a.group} and {b.group}")


@dataclass(frozen=True, repr=False)
class Standard(Representation):
    """`g -> g`, the representation on vectors."""

    group: Group

    @property
    def dim(self) -> int:
        return self.group.d

    @property
    def degree(self) -> int:
        return 1

    def matrices(self, g: Tensor) -> Tensor:
        return g.clone()

    def __str__(self) -> str:
        return "standard"


def standard(group: Group) -> Standard:
    """The standard representation `g -> g`."""
    return Standard(require(group, Group, "standard", "a group of steer.group"))


@dataclass(frozen=True, repr=False)
class DirectSum(Representation):
    """Block-diagonal sum of at least two representations; sums of sums are flat. Build it with `+` or `direct_sum`."""

    parts: tuple[Representation, ...]

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.parts[0].group

    @property
    def dim(self) -> int:
        return sum(part.dim for part in self.parts)

    @property
    def degree(self) -> int:
        return max(part.degree for part in self.parts)

    def matrices(self, g: Tensor) -> Tensor:
        out = g.new_zeros(*g.shape[:-2], self.dim, self.dim)
        values: dict[Representation, Tensor] = {}
        start = 0
        for part in self.parts:
            if part not in values:
                values[part] = part.matrices(g)
            span = slice(start, start + part.dim)
            out[..., span, span] = values[part]
            start += part.dim
        return out

    @property
    def irreps(self) -> tuple[Irrep, ...]:
        return tuple(irrep for part in self.parts for irrep in part.irreps)

    @property
    def is_permutation(self) -> bool:
        return all(part.is_permutation for part in self.parts)

    def __str__(self) -> str:
        runs: list[list[Any]] = []
        for part in self.parts:
            if runs and runs[-1][1] == part:
                runs[-1][0] += 1
            else:
                runs.append([1, part])
        return " + ".join(f"{n}x{part}" if n > 1 else str(part) for n, part in runs)


def direct_sum(parts: Iterable[Representation]) -> Representation:
    """Direct sum of any positive number of representations of one group; a single one is returned as it is."""
    flat: list[Representation] = []
    for part in require(parts, Iterable, "direct_sum", "a list of representations"):
        whole = require(part, Representation, "direct_sum", "a representation")
        flat += whole.parts if isinstance(whole, DirectSum) else (whole,)
    if not flat:
        raise ValueError("direct_sum: at least one representation is required; received none")
    for part in flat[1:]:
        _same_group(flat[0], part, "direct_sum")
    return flat[0] if len(flat) == 1 else DirectSum(tuple(flat))


@dataclass(frozen=True, repr=False)
class TensorProduct(Representation):
    """`g -> a(g) x b(g)` (Kronecker product; the index of `a` varies slowest)."""

    a: Representation
    b: Representation

    def __post_init__(self) -> None:
        _same_group(self.a, self.b, "a @ b")

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.a.group

    @property
    def dim(self) -> int:
        return self.a.dim * self.b.dim

    @property
    def degree(self) -> int:
        return self.a.degree + self.b.degree

    def matrices(self, g: Tensor) -> Tensor:
        return kron(self.a.matrices(g), self.b.matrices(g))

    @property
    def is_permutation(self) -> bool:
        return (self.a.is_permutation and self.b.is_permutation) or super().is_permutation

    def __str__(self) -> str:
        return f"({self.a} @ {self.b})"


@dataclass(frozen=True, repr=False)
class Restricted(Representation):
    """A representation of a larger group, seen on a subgroup."""

    whole: Representation
    group: Group

    @property
    def dim(self) -> int:
        return self.whole.dim

    @property
    def degree(self) -> int:
        return self.whole.degree

    def matrices(self, g: Tensor) -> Tensor:
        return self.whole.matrices(g)

    @property
    def is_permutation(self) -> bool:
        return self.whole.is_permutation or super().is_permutation

    def __str__(self) -> str:
        return f"({self.whole} of {self.whole.group})"


def restrict(representation: Representation, subgroup: Group) -> Representation:
    """The same map on a subgroup; sums, trivial and standard representations keep their form."""
    if not subgroup <= representation.group:
        raise ValueError(f"restrict: a subgroup of {representation.group} is required; received {subgroup}")
    if subgroup == representation.group:
        return representation
    if isinstance(representation, DirectSum):
        return direct_sum(restrict(part, subgroup) for part in representation.parts)
    if isinstance(representation, Standard):
        return Standard(subgroup)
    if isinstance(representation, Irrep) and representation.is_trivial:
        return trivial(subgroup)
    if isinstance(representation, Restricted):
        return Restricted(representation.whole, subgroup)
    return Restricted(representation, subgroup)


def band_limited_regular(group: Group, max_degree: int) -> Representation:
    """Functions on the group of degree at most `max_degree`: each irrep `dim / dim End` times.

    The Fourier coefficients of a regular field, for the Fourier nonlinearities. For SO(2) of frequency at most F: each
    frequency once.
    """
    require(group, Group, "band_limited_regular", "a group of steer.group")
    return direct_sum([i for i in group.irreps(max_degree) for _ in range(i.dim // i.endomorphisms)])
