"""Layers that leave the numbers as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.field import FieldType
from steer.group import Group
from steer.nn._module import EquivariantModule


class Identity(EquivariantModule):
    """The identity on fields of one type.

    Law: `id(g f) = g f = g id(f)`. Exact for every group; approximate for none.

    Args:
        in_type: any fields, over any number of dimensions.
    """

    def __init__(self, in_type: FieldType) -> None:
        super().__init__(in_type)

    def compute(self, x: Tensor) -> Tensor:
        return x

    def export(self) -> torch.nn.Module:
        return torch.nn.Identity()

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}" if self.in_type != self.out_type else str(self.in_type)


class Restriction(Identity):
    """The same numbers as fields of a subgroup, so that the layers after it may break the rest of the symmetry.

    Law: what transforms under a group transforms under its subgroups. Exact for the whole subgroup; approximate for none.

    Args:
        in_type: any fields, over any number of dimensions.
        subgroup: of `in_type.fibergroup`, as in `Group.subgroup`: a group, generator matrices, or a number of turns.
    Raises:
        ValueError: if the group does not contain it.
    Source: Weiler and Cesa 2019, section 2.7.

    >>> from steer import group, gspaces, nn
    >>> print(nn.Restriction(gspaces.flipRot2dOnR2(4).type("2x1"), group.cyclic(4)).out_type.gspace)
    cyclic(4) on square
    """

    def __init__(self, in_type: FieldType, subgroup: Group | int | Tensor) -> None:
        super().__init__(in_type)
        self.out_type = in_type.restrict(subgroup)
