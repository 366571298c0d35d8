"""Representations on the cosets of a subgroup: quotient, regular, induced."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steer.group import FiniteGroup, Group, deterministic, holds, require, tolerance, working
from steer.group import trivial as trivial_group
from steer.representation._representation import Representation
from steer.store import cached


def coset_representatives(group: Group, subgroup: Group) -> Tensor:
    """One element of every left coset `g H`, the identity first, `[index, d, d]`.

    Raises:
        ValueError: if `subgroup` is not contained in `group` with finite index.
    """
    for given in (group, subgroup):
        require(given, Group, "cosets", "a group and a subgroup of steer.group, in this order,")
    return _representatives(group, subgroup).clone()


@cached(256)
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


@cached(256)
@deterministic
def _coset_table(group: FiniteGroup, subgroup: FiniteGroup) -> Tensor:
    """To which coset each element moves each coset, `[order, index]`."""
    cosets = group.cosets(subgroup)
    where = torch.empty(group.order, dtype=torch.long)
    where[cosets] = torch.arange(len(cosets))[:, None]
    return where[group.table[:, cosets[:, 0]]]


def _moved_cosets(group: Group, subgroup: Group, g: Tensor) -> Tensor:
    """To which coset each coset moves, `[..., d, d] -> [..., i]` long on the device of `g`: `g c_i H = c_j H`."""
    if isinstance(group, FiniteGroup) and isinstance(subgroup, FiniteGroup):
        index = group.index(g)
        rows = _coset_table(group, subgroup)
        return rows[index.reshape(-1)].reshape(*index.shape, rows.shape[1]).to(g.device)
    representatives = _representatives(group, subgroup)
    moved = g.detach().to("cpu", torch.float64).unsqueeze(-3) @ representatives
    inner = representatives.mT[:, None] @ moved.unsqueeze(-4)  # [..., j, i, d, d]
    inside = subgroup.contains(inner, tolerance(g.dtype))
    if not holds(inside.any(-2)):
        raise ValueError("an element of the group is required; received a matrix that maps no coset to a coset")
    return inside.to(torch.uint8).argmax(-2).to(g.device)


@dataclass(frozen=True, repr=False, eq=False)
class Quotient(Representation):
    """Permutation representation on the left cosets of a subgroup: `rho(g) e_cH = e_gcH`.

    Cosets come in the order of their first element in `group.elements`. The regular representation is the quotient by the
    trivial subgroup. Quotients by the same elements are equal, in whatever order the subgroup lists them; in a finite group
    the subgroup holds the group's own matrices, where those it came with were rounded.
    """

    group: Group
    subgroup: Group

    def __post_init__(self) -> None:
        coset_representatives(self.group, self.subgroup)
        if isinstance(self.group, FiniteGroup) and isinstance(self.subgroup, FiniteGroup):
            # Rounded matrices would turn the invariant kernels by what they are off.
            object.__setattr__(self, "subgroup", self.group.own_elements(self.subgroup))

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

    @property
    def packed_as(self) -> str:
        return "regular" if self.is_regular else ""

    def permutation(self, g: Tensor) -> Tensor:
        """Coset to which each coset moves, `[..., d, d] -> [..., dim]` long: `rho(g) e_i = e_permutation[i]`."""
        if isinstance(self.group, FiniteGroup) and self.is_regular:
            return self.group.left_products(self.group.index(g))
        return _moved_cosets(self.group, self.subgroup, g)

    def matrices(self, g: Tensor) -> Tensor:
        # The dtype of g, column i is the unit vector of the coset that coset i moves to.
        return torch.nn.functional.one_hot(self.permutation(g), self.dim).mT.to(g)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quotient) or self.group != other.group or self.subgroup.order != other.subgroup.order:
            return False
        return self.subgroup == other.subgroup or (self.group.is_finite and self.subgroup <= other.subgroup)

    def __hash__(self) -> int:
        return hash((self.group, self.subgroup.order, "quotient"))

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
    return Quotient(group, trivial_group(group.d))


def quotient(group: Group, subgroup: Group) -> Quotient:
    """The permutation representation on the cosets of a subgroup of finite index."""
    return Quotient(group, subgroup)


@dataclass(frozen=True, repr=False)
class Induced(Representation):
    """Induced from a subgroup of finite index: with `g c_i = c_j h`, block (j, i) of the value is `inner(h)`."""

    inner: Representation
    group: Group

    def __post_init__(self) -> None:
        require(self.inner, Representation, "induce", "a representation of a subgroup")
        coset_representatives(require(self.group, Group, "induce", "the larger group"), self.inner.group)

    @property
    def dim(self) -> int:
        return self.inner.dim * len(_representatives(self.group, self.inner.group))

    @property
    def degree(self) -> int:
        return self.inner.degree

    def matrices(self, g: Tensor) -> Tensor:
        j = _moved_cosets(self.group, self.inner.group, g)
        dtype, g = g.dtype, working(g)
        representatives = _representatives(self.group, self.inner.group).to(g)
        n, size = len(representatives), self.inner.dim
        # Only the choice of the coset is a constant: h carries the gradient of g.
        chosen = representatives[j.reshape(-1)].reshape(*j.shape, *g.shape[-2:])
        h = chosen.mT @ (g.unsqueeze(-3) @ representatives)
        values = self.inner.matrices(h.to(dtype)).to(g)  # [..., i, size, size]; the dtype says how rounded h is
        place = torch.nn.functional.one_hot(j, n).to(g)  # [..., i, j]
        return torch.einsum("...ij,...iab->...jaib", place, values).reshape(*g.shape[:-2], n * size, n * size).to(dtype)

    @property
    def is_permutation(self) -> bool:
        return self.inner.is_permutation or super().is_permutation

    def __str__(self) -> str:
        return f"induced[{self.inner} of {self.inner.group}]"
