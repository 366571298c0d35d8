"""Cartesian tensors: stress, diffusion, inertia, polarisability, as fields that a network reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from math import factorial
from typing import Any

import torch
from torch import Tensor

from steer.coupling import decompose
from steer.field import FieldType, GSpace
from steer.group import Group, deterministic
from steer.nn._constants import Constants
from steer.nn._module import EquivariantModule
from steer.representation import Representation, canonical_basis, kron

_MOST_COMPONENTS = 1 << 12  # the projector on a symmetry has as many rows and columns
_MOST = 1 << 16  # entries of the isometry from the dimensions to the components: a quarter of a minute
_SYMMETRIES = ("general", "symmetric", "traceless", "antisymmetric")


@dataclass(frozen=True, repr=False)
class CartesianTensor(Representation):
    """Tensors with `rank` indices of the standard representation: `T_ij.. -> g_ik g_jl .. T_kl..`.

    Its vectors are the independent components in an orthonormal basis of the tensors of this symmetry; `basis` has them as
    columns. Rank 2 in space: 9 general, 6 symmetric, 5 traceless, 3 antisymmetric.

    Args:
        group: any group.
        rank: number of indices, at least 1.
        symmetry: "general", "symmetric", "traceless" (symmetric, and every trace zero) or "antisymmetric", in all indices.
    Raises:
        ValueError: if the rank is not positive or too large, the symmetry unknown, or no such tensor exists.

    >>> from steer import group, nn
    >>> [str(irrep) for irrep in nn.CartesianTensor(group.o3(), 2, "symmetric").irreps]
    ['0e', '2e']
    """

    group: Group
    rank: int
    symmetry: str = "general"

    def __post_init__(self) -> None:
        if not isinstance(self.group, Group):
            raise TypeError(f"CartesianTensor: a group is required; received {type(self.group).__name__}")
        if not isinstance(self.rank, int) or isinstance(self.rank, bool) or self.rank < 1:
            raise ValueError(f"CartesianTensor: rank, a positive whole number, is required; received {self.rank!r}")
        if self.symmetry not in _SYMMETRIES:
            raise ValueError(
                f"CartesianTensor: symmetry, one of {', '.join(_SYMMETRIES)}, is required; received {self.symmetry!r}"
            )
        if self.group.d**self.rank > _MOST_COMPONENTS:
            raise ValueError(
                f"CartesianTensor: a tensor of at most {_MOST_COMPONENTS} components is required; rank {self.rank} in "
                f"{self.group.d} dimensions has {self.group.d**self.rank}; use a lower rank"
            )
        if not self.dim:
            raise ValueError(f"CartesianTensor: no {self.symmetry} tensor of rank {self.rank} exists for {self.group}")

    @property
    def basis(self) -> Tensor:
        """Orthonormal tensors of this symmetry as columns, `[d^rank, dim]`, the last index varying fastest."""
        return _basis(self.group.d, self.rank, self.symmetry).clone()

    @property
    def dim(self) -> int:
        return _basis(self.group.d, self.rank, self.symmetry).shape[1]

    @property
    def degree(self) -> int:
        return self.rank

    def matrices(self, g: Tensor) -> Tensor:
        if self.symmetry == "general":  # the basis is the unit matrix, and this the power itself: one product per entry
            return reduce(kron, [g] * self.rank) if self.rank > 1 else g.clone()
        basis = _basis(self.group.d, self.rank, self.symmetry).to(g)
        d = self.group.d
        moved = basis.reshape(*(d,) * self.rank, -1).expand(*g.shape[:-2], *(d,) * self.rank, basis.shape[1])
        for axis in range(-1 - self.rank, -1):  # one index at a time: the whole power is never formed
            moved = (g.reshape(*g.shape[:-2], *(1,) * (self.rank - 1), d, d) @ moved.transpose(axis, -2)).transpose(axis, -2)
        return basis.mT @ moved.reshape(*g.shape[:-2], d**self.rank, -1)

    def __str__(self) -> str:
        return f"tensor[{self.rank}, {self.symmetry}]"


@lru_cache(maxsize=64)
@deterministic
def _basis(d: int, rank: int, symmetry: str) -> Tensor:
    """The canonical basis of the tensors of a symmetry, `[d^rank, dim]`."""
    unit = torch.eye(d**rank, dtype=torch.float64)
    if symmetry == "general":
        return unit
    total = unit.reshape(*(d,) * rank, -1)
    sign = -1 if symmetry == "antisymmetric" else 1
    for last in range(1, rank):  # every permutation is one of the axes before, then an exchange of `last` with one of them
        total = total + sign * sum(total.transpose(last, axis) for axis in range(last))
    projector = total.reshape(d**rank, -1) / factorial(rank)
    if symmetry == "traceless" and rank > 1:
        traces = torch.diagonal(projector.reshape(*(d,) * rank, -1), dim1=0, dim2=1).sum(-1).reshape(-1, d**rank)
        projector = projector - torch.linalg.pinv(traces, rtol=1e-9) @ traces
    return canonical_basis((projector + projector.mT) / 2).mT.contiguous()


class ToCartesian(EquivariantModule):
    """Irreps to all components of a Cartesian tensor, `T = B Q f`: a head for tensor-valued answers.

    Law: `T -> g T g^T` (rank 2; an index of every rank turns) when the irreps turn. B is the basis of the tensors of the
    symmetry, Q that of its irreps, both orthonormal: the norm of T is the norm of f. Exact for the whole group; approximate
    for none. The layer before it maps to `in_type`, the irreps of the tensor.

    Args:
        gspace: group and grid.
        rank, symmetry: as in `CartesianTensor`.
        count: number of tensors.
    Attributes:
        in_type: the irreps of each tensor, one tensor after another.
        out_type: `count` general tensors: `d^rank` channels each, the last index varying fastest, so that
            `y.unflatten(1, (count, d, d))` has rows and columns.
    Raises:
        ValueError: as `CartesianTensor`, or if `count` is not positive, or the tensor is too large to be decomposed.

    >>> from steer import gspaces, group, nn
    >>> head = nn.ToCartesian(gspaces.no_base_space(group.o3()), 2, "symmetric")
    >>> print(head.in_type)
    0e + 2e of o3() on a point
    """

    def __init__(self, gspace: GSpace, rank: int = 2, symmetry: str = "general", count: int = 1) -> None:
        irreps, whole, matrix = _tensor_types(gspace, rank, symmetry, count, type(self).__name__)
        super().__init__(irreps, whole)
        self.rank, self.symmetry = rank, symmetry
        self.matrix = Constants(matrix=matrix)

    def compute(self, x: Tensor) -> Tensor:
        return multiply_each(x, self.matrix)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, symmetry={self.symmetry!r}"


class FromCartesian(ToCartesian):
    """All components of a Cartesian tensor to its irreps, `f = Q^T B^T T`: tensor-valued inputs, or targets for a loss.

    Law: as `ToCartesian`, of which it is the inverse on tensors of the symmetry; what of T does not have the symmetry is
    dropped (an orthogonal projection). Exact for the whole group; approximate for none.

    Args:
        gspace, rank, symmetry, count: as in `ToCartesian`.
    Attributes:
        in_type: `count` general tensors. out_type: the irreps of each tensor, one tensor after another.

    >>> import torch
    >>> from steer import gspaces, group, nn
    >>> read = nn.FromCartesian(gspaces.no_base_space(group.o3()), 2, "traceless")
    >>> read(torch.eye(3).reshape(1, 9)).abs().max().item() < 1e-6  # a multiple of the unit is all trace
    True
    """

    def __init__(self, gspace: GSpace, rank: int = 2, symmetry: str = "general", count: int = 1) -> None:
        super().__init__(gspace, rank, symmetry, count)
        self.in_type, self.out_type = self.out_type, self.in_type
        self.matrix = Constants(matrix=self.matrix.sources["matrix"].mT)


def _tensor_types(gspace: Any, rank: int, symmetry: str, count: int, layer: str) -> tuple[FieldType, FieldType, Tensor]:
    """The irreps of some tensors, the general tensors, and the isometry from the ones to the others."""
    if not isinstance(gspace, GSpace):
        raise TypeError(f"{layer}: a gspace is required first; received {type(gspace).__name__}")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"{layer}: count, a positive whole number, is required; received {count!r}")
    tensor = CartesianTensor(gspace.fibergroup, rank, symmetry)
    components = gspace.fibergroup.d**rank
    if components * tensor.dim > _MOST:
        raise ValueError(
            f"{layer}: components times dimensions up to {_MOST} are required (general tensors to rank 5 in space, 8 in the "
            f"plane); rank {rank}, {symmetry}, has {components} times {tensor.dim}, whose decomposition would take hours or "
            "all memory; use a lower rank or more symmetry"
        )
    irreps, change = decompose(tensor)
    whole = CartesianTensor(gspace.fibergroup, rank)
    return FieldType(gspace, irreps * count), FieldType(gspace, [whole] * count), _product(tensor.basis, change)


@deterministic
def _product(a: Tensor, b: Tensor) -> Tensor:
    return a @ b


def multiply_each(x: Tensor, matrix: Constants) -> Tensor:
    """Every run of as many channels as the matrix has columns, times the matrix."""
    m = matrix.like("matrix", x)
    fields = x.unflatten(1, (x.shape[1] // m.shape[1], m.shape[1]))
    if x.ndim == 2:
        return (fields @ m.mT).flatten(1)
    return (m @ fields.flatten(3)).flatten(1, 2).reshape(x.shape[0], fields.shape[1] * m.shape[0], *x.shape[2:])
