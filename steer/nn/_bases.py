"""Changes of basis: any fields as their irreps, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.coupling import decompose
from steer.field import FieldType
from steer.nn._constants import Constants
from steer.nn._fields import FieldGroups
from steer.nn._module import EquivariantModule, require_fields


class Disentangle(EquivariantModule):
    """Every field in the basis of its irreps, `out = Q^T f` with `rho(g) = Q diag(irreps(g)) Q^T`.

    Law: `diag(irreps(g)) Q^T = Q^T rho(g)`. Exact for the whole group, on every field; approximate for none. Q is
    orthogonal, so norms stay, and `Entangle(in_type)` is the inverse. It takes regular, quotient, induced and restricted
    fields and Cartesian tensors apart, for layers that act on single irreps.

    Args:
        in_type: any fields, over any number of dimensions.
    Attributes:
        out_type: the irreps of all fields, each a field of its own, those of one field after another.
    Source: Weiler and Cesa 2019, section 2.7 (restricted fields); `steer.coupling.decompose`.

    >>> from steer import gspaces, nn
    >>> print(nn.Disentangle(gspaces.rot2dOnR2(4).type("2xregular")).out_type)
    0 + 1 + 2 + 0 + 1 + 2 of cyclic(4) on square
    """

    def __init__(self, in_type: FieldType) -> None:
        super().__init__(in_type, irreps_of(in_type, "Disentangle"))
        self.groups, self.matrices = bases_of(in_type, inverse=False)

    def compute(self, x: Tensor) -> Tensor:
        return change_basis(x, self.groups, self.matrices)

    def export(self) -> torch.nn.Module:
        if not self.matrices.sources:
            return torch.nn.Identity()
        return super().export()

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


class Entangle(Disentangle):
    """Irreps as the fields that they are the parts of, `out = Q f`: the inverse of `Disentangle(out_type)`.

    Law: `rho(g) Q = Q diag(irreps(g))`. Exact for the whole group, on every field; approximate for none.

    Args:
        out_type: any fields, over any number of dimensions.
    Attributes:
        in_type: the irreps of all fields, each a field of its own, those of one field after another.

    >>> from steer import gspaces, nn
    >>> space = gspaces.rot3dOnR3()
    >>> print(nn.Entangle(space.type(space.standard_repr @ space.standard_repr)).in_type)
    0 + 1 + 2 of so3() on cubic
    """

    def __init__(self, out_type: FieldType) -> None:
        EquivariantModule.__init__(self, irreps_of(out_type, "Entangle", "out_type"), out_type)
        self.groups, self.matrices = bases_of(out_type, inverse=True)


def irreps_of(kind: FieldType, layer: str, role: str = "in_type") -> FieldType:
    """The irreps of all fields, each a field of its own."""
    irreps = {field: decompose(field)[0] for field in set(require_fields(kind, layer, role).representations)}
    return FieldType(kind.gspace, [irrep for field in kind.representations for irrep in irreps[field]])


def bases_of(kind: FieldType, inverse: bool) -> tuple[FieldGroups, Constants]:
    """Equal fields together, and the change of basis of each group that needs one: to its irreps, or back."""
    groups = FieldGroups(kind, lambda field: field)
    matrices = {}
    for i, field in enumerate(groups.kinds):
        change = decompose(field)[1]
        if not bool((change.diagonal() == 1).all()):  # it is orthogonal, so otherwise it is the identity
            matrices[f"matrix_{i}"] = change if inverse else change.mT
    return groups, Constants(**matrices)


def change_basis(x: Tensor, groups: FieldGroups, matrices: Constants) -> Tensor:
    """Every field times the matrix of its group."""
    pieces = groups.split(x)
    for i, f in enumerate(pieces):
        if f"matrix_{i}" in matrices.sources:
            matrix = matrices.like(f"matrix_{i}", f)
            pieces[i] = (matrix @ f.flatten(3)).reshape(f.shape) if f.ndim > 3 else f @ matrix.mT
    return groups.join(pieces)
