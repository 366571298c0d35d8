"""Representations: maps from matrices to orthogonal matrices, as values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from steer.group import FiniteGroup, Group, deterministic, holds, numbers, tolerance
from steer.store import cached

if TYPE_CHECKING:
    from steer.representation._irrep import Irrep


class Representation(ABC):
    """A real orthogonal representation `rho` of a group: `rho(g h) = rho(g) rho(h)`, `rho(g)^-1 = rho(g)^T`.

    Hashable, comparable (by construction, not up to equivalence), picklable. `a + b` is the direct sum, `a @ b` the tensor
    product, `str(a)` parses back where `a` is a sum of named representations.

    Attributes:
        group: the group represented.
        dim: size of the matrices.
        degree: `rho` is a polynomial of at most this degree in the entries of `g` on every connected component.
    """

    group: Group

    @property
    @abstractmethod
    def dim(self) -> int: ...

    @property
    @abstractmethod
    def degree(self) -> int: ...

    @abstractmethod
    def matrices(self, g: Tensor) -> Tensor:
        """Values at elements, `[..., d, d] -> [..., dim, dim]`, without checks."""

    def __call__(self, g: Tensor) -> Tensor:
        """Values at elements, `[..., d, d] -> [..., dim, dim]`, in the dtype of `g`.

        Differentiable, and mapped by `torch.func`; there and in compiled graphs, where values cannot be looked at,
        membership goes unchecked. `matrices` is the same without checks, for loops where speed matters.

        Raises:
            ValueError: if the matrices have the wrong size, or are not elements (to 1e-4 per entry, and to a few units in
                the last place of half precision).
        """
        # A tensor keeps its device; numbers are not rounded to the default precision.
        g = numbers(g, str(self), f"elements of {self.group}, [..., {self.group.d}, {self.group.d}], are")
        g = g if g.is_floating_point() else g.double()
        if g.shape[-2:] != (self.group.d, self.group.d):
            raise ValueError(
                f"{self}: elements of {self.group} are required, [..., {self.group.d}, {self.group.d}]; "
                f"received shape {tuple(g.shape)}"
            )
        if not (torch.compiler.is_compiling() or holds(self.group.contains(g, tolerance(g.dtype)))):
            raise ValueError(
                f"{self}: elements of {self.group} are required; received a matrix that is not an element of it; "
                "group.contains(g) tells which"
            )
        return self.matrices(g)

    def character(self, g: Tensor) -> Tensor:
        """Trace, `[..., d, d] -> [...]`."""
        return trace(self(g))

    @property
    def irreps(self) -> tuple[Irrep, ...]:
        """The irreps it contains, with repetition; `steer.coupling.decompose` adds the change of basis."""
        irrep = self.as_irrep
        return _irreps_by_characters(self) if irrep is None else (irrep,)

    @property
    def packed_as(self) -> str:
        """What packs call it beside its group; empty for representations that no pack holds."""
        return ""

    @property
    def as_irrep(self) -> Irrep | None:
        """The irrep whose matrices these are, where that is known without a computation."""
        return None

    @property
    def multiplicities(self) -> dict[Irrep, int]:
        """How often each irrep occurs."""
        out: dict[Irrep, int] = {}
        for irrep in self.irreps:
            out[irrep] = out.get(irrep, 0) + 1
        return out

    @property
    def is_irreducible(self) -> bool:
        return len(self.irreps) == 1

    @property
    def is_trivial(self) -> bool:
        """Whether it is the trivial representation, `g -> 1`."""
        return self.dim == 1 and self.irreps[0] == self.group.trivial

    @property
    def is_permutation(self) -> bool:
        """Whether every value is a permutation matrix; then pointwise nonlinearities are equivariant."""
        return _is_permutation(self)

    def restrict(self, subgroup: Group | int | Tensor) -> Representation:
        """The same map on a subgroup, given as in `Group.subgroup`.

        Raises:
            ValueError: if `subgroup` is not contained in the group.
        """
        from steer.representation._derived import restrict

        return restrict(self, subgroup if isinstance(subgroup, Group) else self.group.subgroup(subgroup))

    def induce(self, group: Group) -> Representation:
        """The induced representation of a larger group, of dimension `dim` times the (finite) index.

        Raises:
            ValueError: if this group is not contained in `group` with finite index.
        """
        from steer.representation._cosets import Induced

        return Induced(self, group)

    def __add__(self, other: Representation) -> Representation:
        from steer.representation._derived import direct_sum

        if not isinstance(other, Representation):
            return NotImplemented
        return direct_sum([self, other])

    def __matmul__(self, other: Representation) -> Representation:
        from steer.representation._derived import TensorProduct

        if not isinstance(other, Representation):
            return NotImplemented
        return TensorProduct(self, other)

    def __repr__(self) -> str:
        return f"<{self} of {self.group}, dim {self.dim}>"


def looked_up(group: FiniteGroup, values: Tensor, g: Tensor) -> Tensor:
    """Those of the values on all elements that belong to `g`, `[order, ...], [..., d, d] -> [..., ...]`; always a copy."""
    index = group.index(g).to(g.device)
    return values.to(g)[index.reshape(-1)].reshape(*index.shape, *values.shape[1:])


def trace(matrices: Tensor) -> Tensor:
    """`[..., n, n] -> [...]`."""
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1)


def kron(a: Tensor, b: Tensor) -> Tensor:
    """Kronecker products of matrices, `[..., m, m], [..., n, n] -> [..., m n, m n]`; the index of `a` varies slowest."""
    product = torch.einsum("...ij,...kl->...ikjl", a, b)
    return product.reshape(*product.shape[:-4], a.shape[-2] * b.shape[-2], a.shape[-1] * b.shape[-1])


def table(representation: Representation) -> Tensor:
    """Values on all elements of a finite group, `[order, dim, dim]`; computed once."""
    return _table(representation).clone()


@cached(512)
@deterministic
def _table(representation: Representation) -> Tensor:
    group = representation.group
    if not isinstance(group, FiniteGroup):
        raise TypeError(f"table: a finite group is required; received {group}")
    return representation.matrices(group.elements)


@cached(512)
@deterministic
def _irreps_by_characters(representation: Representation) -> tuple[Irrep, ...]:
    group, degree = representation.group, representation.degree
    # An irrep that only tells components apart is a constant on each, and yet may need a high power of the standard
    # representation: by the Burnside-Brauer theorem, less than the number of components.
    for extra in range(1 if group.is_finite else len(group.components)):
        points, weights = group.haar(2 * degree + extra)
        character = trace(representation.matrices(points))
        out: list[Irrep] = []
        for irrep in group.irreps(None if group.is_finite else degree + extra):
            overlap = float((weights * character * trace(irrep.matrices(points))).sum())
            out += [irrep] * (round(overlap) // irrep.endomorphisms)
        if sum(irrep.dim for irrep in out) == representation.dim:
            return tuple(out)
    raise ArithmeticError(f"{representation}: its irreps do not fill it; is it a representation of {group}?")


@cached(512)
def _is_permutation(representation: Representation) -> bool:
    if not isinstance(representation.group, FiniteGroup):
        return all(irrep.is_trivial for irrep in representation.irreps)
    values = _table(representation)
    return bool(((values - values.round()).abs() < 1e-9).all() and (values > -1e-9).all())
