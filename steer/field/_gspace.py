"""The symmetry of a network: a group, and the grid on which it acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from steer.expansion import Lattice, exact_symmetries
from steer.group import FiniteGroup, Group
from steer.representation import Irrep, Quotient, Representation, band_limited_regular

if TYPE_CHECKING:
    from steer.field._field_type import FieldType


@dataclass(frozen=True)
class GSpace:
    """A group acting on a grid (or on a single point) and on the fibres above it; a hashable value.

    Build one with `steer.gspaces`.

    Args:
        fibergroup: the group.
        lattice: the grid, of the group's dimension; None for no base space.
    """

    fibergroup: Group
    lattice: Lattice | None

    def __post_init__(self) -> None:
        if not isinstance(self.fibergroup, Group):
            raise TypeError(f"gspace: a group of steer.group is required; received {type(self.fibergroup).__name__}")
        if self.lattice is None:
            return
        if not isinstance(self.lattice, Lattice):
            raise TypeError(
                f"gspace: a lattice or None is required; received {self.lattice!r}; names are for "
                "gspaces.on(group, lattice=...)"
            )
        if self.lattice.d != self.fibergroup.d:
            raise ValueError(
                f"gspace: a grid and a group of one dimension are required; received {self.lattice} of {self.lattice.d} and "
                f"{self.fibergroup} of {self.fibergroup.d}"
            )

    @property
    def dimensionality(self) -> int:
        """Number of spatial axes of tensors: 0, 1, 2 or 3."""
        return 0 if self.lattice is None else self.lattice.d

    @property
    def trivial_repr(self) -> Irrep:
        """The trivial representation: scalar fields such as grey values."""
        return self.fibergroup.trivial

    @property
    def regular_repr(self) -> Representation:
        """The regular representation of a finite group."""
        return self.fibergroup.regular

    @property
    def standard_repr(self) -> Representation:
        """The standard representation: vector fields, components (x, y, z)."""
        return self.fibergroup.standard

    def irrep(self, *label: Any) -> Irrep:
        """The irrep of this label or these integers; see `Group.irrep`."""
        return self.fibergroup.irrep(*label)

    def quotient_repr(self, subgroup: Group | int | Tensor) -> Quotient:
        """The permutation representation on the cosets of a subgroup.

        Args:
            subgroup: as in `Group.subgroup`: a group, generator matrices, or a number of turns.
        """
        chosen = subgroup if isinstance(subgroup, Group) else self.fibergroup.subgroup(subgroup)
        return Quotient(self.fibergroup, chosen)

    def fourier_repr(self, max_degree: int) -> Representation:
        """Functions on the group of degree at most `max_degree`, for `nn.FourierPointwise`."""
        return band_limited_regular(self.fibergroup, max_degree)

    def type(self, *representations: Representation | str, channels: int | None = None) -> FieldType:
        """The field type of these representations, `gspace.type("8xregular + 4x1")`.

        Args:
            representations: in this order; strings may name several.
            channels: the most channels in all. Every one of the fields is then repeated as often as fits, so that their mix
                stays: `gspace.type("0 + 1 + 2", channels=64)` is `12x0 + 12x1 + 12x2` in the plane.
        Raises:
            ValueError: if the fields do not fit even once.
        """
        from steer.field._field_type import FieldType

        mix = FieldType(self, list(representations))
        if channels is None:
            return mix
        if not isinstance(channels, int) or isinstance(channels, bool) or channels < mix.size:
            raise ValueError(f"type: at least {mix.size} channels are required for {mix}; received {channels!r}")
        return FieldType(self, [field for field in mix.representations for _ in range(channels // mix.size)])

    def restrict(self, subgroup: Group | int | Tensor) -> GSpace:
        """The same grid with a smaller group.

        Args:
            subgroup: as in `Group.subgroup`: a group, generator matrices, or a number of turns.
        Raises:
            ValueError: if the group does not contain it.

        >>> from steer import gspaces
        >>> print(gspaces.rot2dOnR2(8).restrict(4))
        cyclic(4) on square
        """
        return GSpace(self.fibergroup.subgroup(subgroup), self.lattice)

    @property
    def exact_group(self) -> FiniteGroup:
        """The elements under which layers on this grid are exactly equivariant; all others are approximate."""
        if self.lattice is None:
            if isinstance(self.fibergroup, FiniteGroup):
                return self.fibergroup
            return self.fibergroup.intersection(self.fibergroup.subgroup())  # type: ignore[arg-type]
        return exact_symmetries(self.lattice, self.fibergroup)

    @property
    def testing_elements(self) -> list[Tensor]:
        """Elements to test equivariance with: all of a finite group, a fixed uniform sample of a continuous one.

        The elements that the grid supports exactly come first.
        """
        if self.lattice is None:
            exact = self.fibergroup.elements if isinstance(self.fibergroup, FiniteGroup) else self.fibergroup.identity[None]
        else:
            exact = self.exact_group.elements
        if isinstance(self.fibergroup, FiniteGroup):
            others = [g for g in self.fibergroup.elements if not bool(((exact - g).abs().amax((1, 2)) < 1e-6).any())]
        else:
            others = list(self.fibergroup.sample(8, torch.Generator().manual_seed(0)))
        return [*exact, *others]

    def __str__(self) -> str:
        return f"{self.fibergroup} on {self.lattice or 'a point'}"
