"""Representations made from others: standard, quotient, sums, products, restricted, induced, tabulated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from steer.group import FiniteGroup, Group, deterministic
from steer.group import trivial as trivial_group
from steer.representation._irrep import Irrep, trivial
from steer.representation._representation import Representation, looked_up


def _same_group(a: Representation, b: Representation, what: str) -> None:
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
        return g

    def __str__(self) -> str:
        return "standard"


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
    for part in parts:
        flat += part.parts if isinstance(part, DirectSum) else (part,)
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
        product = torch.einsum("...ij,...kl->...ikjl", self.a.matrices(g), self.b.matrices(g))
        return product.reshape(*g.shape[:-2], self.dim, self.dim)

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


def coset_representatives(group: Group, subgroup: Group) -> Tensor:
    """One element of every left coset `g H`, the identity first, `[index, d, d]`.

    Raises:
        ValueError: if `subgroup` is not contained in `group` with finite index.
    """
    return _representatives(group, subgroup).clone()


@lru_cache(maxsize=256)
@deterministic
def _representatives(group: Group, subgroup: Group) -> Tensor:
    if not subgroup <= group:
        raise ValueError(f"cosets: a subgroup of {group} is required; received {subgroup}")
    if isinstance(group, FiniteGroup) and isinstance(subgroup, FiniteGroup):
        return group.elements[group.cosets(subgroup)[:, 0]]
    if group.algebra.shape[0] != subgroup.algebra.shape[0]:
        raise ValueError(
            f"cosets: {subgroup} has infinite index in {group}; a subgroup with the same connected part is required, "
            "or a finite subgroup in place of the group"
        )
    chosen: list[Tensor] = []
    for c in group.components:
        if not any(bool(subgroup.contains(k.mT @ c)) for k in chosen):
            chosen.append(c)
    return torch.stack(chosen)


def _moved_cosets(representatives: Tensor, subgroup: Group, g: Tensor) -> tuple[Tensor, Tensor]:
    """Where `g` sends each coset and what is left over, `g c_i = c_j h`: j `[..., i]` and h `[..., i, d, d]`."""
    moved = g.detach().to("cpu", torch.float64).unsqueeze(-3) @ representatives
    inner = representatives.mT[:, None] @ moved.unsqueeze(-4)  # [..., j, i, d, d]
    inside = subgroup.contains(inner, 1e-4)
    j = inside.to(torch.uint8).argmax(-2)
    if not bool(inside.any(-2).all()):
        raise ValueError("an element of the group is required; received a matrix that maps no coset to a coset")
    index = j[..., None, :, None, None].expand(*j.shape[:-1], 1, j.shape[-1], *inner.shape[-2:])
    return j, inner.gather(-4, index).squeeze(-4)


@dataclass(frozen=True, repr=False)
class Quotient(Representation):
    """Permutation representation on the left cosets of a subgroup: `rho(g) e_cH = e_gcH`.

    Cosets come in the order of their first element in `group.elements`. The regular representation is the quotient by the
    trivial subgroup.
    """

    group: Group
    subgroup: Group

    def __post_init__(self) -> None:
        _representatives(self.group, self.subgroup)

    @property
    def representatives(self) -> Tensor:
        """One element of every coset, `[dim, d, d]`."""
        return coset_representatives(self.group, self.subgroup)

    @property
    def is_regular(self) -> bool:
        return self.subgroup.order == 1

    @property
    def dim(self) -> int:
        return len(_representatives(self.group, self.subgroup))

    @property
    def degree(self) -> int:
        return 0 if not self.group.is_finite else 1

    def permutation(self, g: Tensor) -> Tensor:
        """Coset to which each coset moves, `[..., d, d] -> [..., dim]` long: `rho(g) e_i = e_permutation[i]`."""
        if isinstance(self.group, FiniteGroup) and self.is_regular:
            return self.group.left_products(self.group.index(g))
        return _moved_cosets(_representatives(self.group, self.subgroup), self.subgroup, g)[0]

    def matrices(self, g: Tensor) -> Tensor:
        # The dtype of g, column i is the unit vector of the coset that coset i moves to.
        return torch.nn.functional.one_hot(self.permutation(g), self.dim).mT.to(g)

    @property
    def is_permutation(self) -> bool:
        return True

    def __str__(self) -> str:
        return "regular" if self.is_regular else f"quotient[{self.subgroup}]"


def regular(group: Group) -> Quotient:
    """The regular representation of a finite group, in the order of `group.elements`."""
    if not isinstance(group, FiniteGroup):
        raise ValueError(
            f"regular: a finite group is required; received {group}, whose regular representation is infinite; use "
            "band_limited_regular(group, max_degree) with a Fourier nonlinearity, or a finite subgroup"
        )
    return Quotient(group, trivial_group(group.d) if group.d <= 4 else group.subgroup(group.identity))


def quotient(group: Group, subgroup: Group) -> Quotient:
    """The permutation representation on the cosets of a subgroup of finite index."""
    return Quotient(group, subgroup)


def standard(group: Group) -> Standard:
    """The standard representation `g -> g`."""
    return Standard(group)


@dataclass(frozen=True, repr=False)
class Induced(Representation):
    """Induced from a subgroup of finite index: with `g c_i = c_j h`, block (j, i) of the value is `inner(h)`."""

    inner: Representation
    group: Group

    def __post_init__(self) -> None:
        _representatives(self.group, self.inner.group)

    @property
    def dim(self) -> int:
        return self.inner.dim * len(_representatives(self.group, self.inner.group))

    @property
    def degree(self) -> int:
        return self.inner.degree

    def matrices(self, g: Tensor) -> Tensor:
        representatives = _representatives(self.group, self.inner.group)
        n, size = len(representatives), self.inner.dim
        j, h = _moved_cosets(representatives, self.inner.group, g)
        values = self.inner.matrices(h.to(g))  # [..., i, size, size]
        place = torch.nn.functional.one_hot(j, n).to(g)  # [..., i, j]
        return torch.einsum("...ij,...iab->...jaib", place, values).reshape(*g.shape[:-2], n * size, n * size)

    @property
    def is_permutation(self) -> bool:
        return self.inner.is_permutation or super().is_permutation

    def __str__(self) -> str:
        return f"induced[{self.inner} of {self.inner.group}]"


class Tabulated(Representation):
    """A representation of a finite group given by its values on all elements; build it with `from_generator_images`."""

    def __init__(self, group: FiniteGroup, values: Tensor, name: str) -> None:
        self.group = group
        self._values = values.clone()
        self.name = name

    @property
    def values(self) -> Tensor:
        """Values on all elements, `[order, dim, dim]`."""
        return self._values.clone()

    @property
    def dim(self) -> int:
        return self._values.shape[-1]

    @property
    def degree(self) -> int:
        return 1

    def matrices(self, g: Tensor) -> Tensor:
        group = self.group
        assert isinstance(group, FiniteGroup)
        return looked_up(group, self._values, g)

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tabulated) or self.group != other.group or self._values.shape != other._values.shape:
            return False
        return float((self._values - other._values).abs().max()) < 1e-9

    def __hash__(self) -> int:
        return hash((self.group, self.dim, "tabulated"))

    def __reduce__(self) -> tuple[Any, ...]:
        return Tabulated, (self.group, self._values, self.name)


@deterministic
def from_generator_images(group: FiniteGroup, images: Sequence[Any], name: str = "custom") -> Tabulated:
    """The representation that sends `group.generators[i]` to `images[i]`.

    Args:
        group: a finite group.
        images: one orthogonal matrix `[dim, dim]` per generator.
        name: how it prints.
    Raises:
        ValueError: if the number or sizes are wrong, an image is not orthogonal, or no homomorphism has these images.

    >>> import steer
    >>> g = steer.group.cyclic(4)
    >>> steer.representation.from_generator_images(g, [[[-1.0]]]).irreps
    (<2 of cyclic(4), dim 1>,)
    """
    given = [image if isinstance(image, Tensor) else torch.as_tensor(image, dtype=torch.float64) for image in images]
    values = [image.detach().to("cpu", torch.float64) for image in given]
    generators, table = group.index(group.generators).tolist(), group.table
    if len(values) != len(generators) or any(v.ndim != 2 or v.shape != (len(values[0]),) * 2 for v in values):
        raise ValueError(
            f"from_generator_images: {len(generators)} square matrices of one size are required (one per generator of "
            f"{group}); received shapes {[tuple(v.shape) for v in values]}"
        )
    unit = torch.eye(len(values[0]), dtype=torch.float64)
    if any(float((v @ v.mT - unit).abs().max()) > 1e-9 for v in values):
        raise ValueError("from_generator_images: orthogonal matrices are required; one of the images is not orthogonal")
    out = torch.zeros(group.order, *unit.shape, dtype=torch.float64)
    out[0] = unit
    known, frontier = {0}, [0]
    while frontier:
        element = frontier.pop()
        for s, value in zip(generators, values, strict=True):
            image = int(table[s, element])
            if image not in known:
                known.add(image)
                frontier.append(image)
                out[image] = value @ out[element]
    for s, value in zip(generators, values, strict=True):
        error = float((out[table[s]] - value @ out).abs().max())
        if error > 1e-9:
            raise ValueError(
                f"from_generator_images: the images must satisfy the relations of {group}; they violate one by {error:.2g}"
            )
    return Tabulated(group, out, name)


def band_limited_regular(group: Group, max_degree: int) -> Representation:
    """Functions on the group of degree at most `max_degree`: each irrep `dim / dim End` times.

    The Fourier coefficients of a regular field, for the Fourier nonlinearities. For SO(2) of frequency at most F: each
    frequency once.
    """
    return direct_sum([i for i in group.irreps(max_degree) for _ in range(i.dim // i.endomorphisms)])


__all__ = [
    "DirectSum",
    "Induced",
    "Quotient",
    "Restricted",
    "Standard",
    "Tabulated",
    "TensorProduct",
    "band_limited_regular",
    "coset_representatives",
    "direct_sum",
    "from_generator_images",
    "quotient",
    "regular",
    "restrict",
    "standard",
]
