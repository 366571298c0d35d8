"""Where a site lies, as fields: harmonics of its direction times functions of its distance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from steer.coupling import decompose
from steer.field import FieldType
from steer.group import deterministic
from steer.kernel import HarmonicRepresentation, harmonic_dim
from steer.nn._constants import Constants
from steer.nn._module import EquivariantModule, require_fields
from steer.nn._numbers import is_number
from steer.nn._positions import narrowed, steps_from_centre, widened
from steer.representation import gradient_coupling


class PositionalHarmonics(EquivariantModule):
    """Fields with the position of their site appended, `out(x) = (f(x), R_k(|x|) Y_l(x / |x|) for all k, l)`.

    Law: `Y_l(g x) = D_l(g) Y_l(x)`, so the harmonics are fields that turning about the centre leaves as they are. Positions
    count from the centre of the grid: equivariance under translations ends here. Exact for the symmetries of the grid, on
    every size; approximate for other elements, up to sampling. At the centre all degrees above 0 are zero.

    Args:
        in_type: any fields over 1, 2 or 3 dimensions; the size of the grid is that of each input.
        max_degree: the largest degree (frequency in the plane) of the harmonics; in one dimension at most 1.
        radii: where the rings `R_k(r) = exp(-(r - radius)^2 / (2 width^2))` lie, in physical units; none: R = 1, directions
            alone.
        width: standard deviation of the rings, in the same units, positive.
    Attributes:
        out_type: the fields of `in_type`, then for every ring the irreps of the harmonics of each degree in turn.
    Shapes: `[batch, in_type.size, *space] -> [batch, out_type.size, *space]`.
    Raises:
        ValueError: if the fields have no base space, or an argument is out of range.
    Source: Thomas et al. 2018, Tensor field networks (the filters, as features).

    >>> from steer import gspaces, nn
    >>> layer = nn.PositionalHarmonics(gspaces.rot2dOnR2(-1).type("3x0"), 2, radii=[1.0, 3.0])
    >>> print(layer.out_type)
    4x0 + 1 + 2 + 0 + 1 + 2 of so2() on square
    """

    def __init__(self, in_type: FieldType, max_degree: int = 1, radii: Sequence[float] = (), width: float = 1.0) -> None:
        space = require_fields(in_type, "PositionalHarmonics").gspace
        if space.lattice is None:
            raise ValueError(f"PositionalHarmonics: fields over a grid are required; received {in_type}")
        largest = 1 if space.dimensionality == 1 else 24
        if not isinstance(max_degree, int) or isinstance(max_degree, bool) or not 0 <= max_degree <= largest:
            raise ValueError(
                f"PositionalHarmonics: max_degree, a whole number from 0 to {largest}, is required; received {max_degree!r}"
            )
        given = list(radii) if isinstance(radii, Iterable) else [None]
        if not is_number(width) or not width > 0 or not all(is_number(radius) and radius >= 0 for radius in given):
            raise ValueError(
                f"PositionalHarmonics: a list of radii >= 0, and width > 0, are required; received {radii!r} and {width!r}"
            )
        self.radii, self.width = [float(radius) for radius in given], float(width)
        found = [decompose(HarmonicRepresentation(space.fibergroup, degree)) for degree in range(max_degree + 1)]
        irreps = [irrep for irreps, _ in found for irrep in irreps]
        super().__init__(in_type, in_type + FieldType(space, irreps * max(len(self.radii), 1)))
        self.max_degree = max_degree
        self.matrix = space.lattice.matrix.tolist()
        d = space.dimensionality
        couplings = {f"coupling_{degree}": product_with_direction(d, degree) for degree in range(1, max_degree + 1)}
        self.constants = Constants(change=torch.block_diag(*(change.mT for _, change in found)), **couplings)

    def compute(self, x: Tensor) -> Tensor:
        return append_positions(x, self.constants, self.matrix, self.max_degree, self.radii, self.width)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


@deterministic
def product_with_direction(d: int, degree: int) -> Tensor:
    """The harmonics of a degree from those of the degree below and the direction, `[new, old, d]`."""
    if degree == 1:
        return torch.eye(d, dtype=torch.float64)[:, None]
    if d == 2:  # products of complex numbers
        return torch.tensor([[[1, 0], [0, -1]], [[0, 1], [1, 0]]], dtype=torch.float64)
    assert harmonic_dim(d, degree) == 2 * degree + 1
    return ((2 * degree - 1) / degree) ** 0.5 * gradient_coupling(degree)


def append_positions(
    x: Tensor, constants: Constants, matrix: list[list[float]], max_degree: int, radii: list[float], width: float
) -> Tensor:
    """With the harmonics of all sites times all rings as further channels."""
    d = len(matrix)
    axes = [steps.expand(x.shape[2:]) for steps in steps_from_centre(x, d)]
    # The sites of the grid in physical units, as in `Lattice.positions`.
    points = torch.stack([sum(row[j] * axes[j] for j in range(d) if row[j]) for row in matrix])  # type: ignore[misc]
    radius = points.square().sum(0).sqrt()
    direction = points / (radius + (radius == 0))
    levels = [torch.ones_like(radius)[None]]
    for degree in range(1, max_degree + 1):
        coupling = widened(constants.like(f"coupling_{degree}", radius), x)
        levels.append(torch.einsum("mni,n...,i...->m...", coupling, levels[-1], direction))
    harmonics = torch.tensordot(widened(constants.like("change", radius), x), torch.cat(levels), 1)
    rings = [torch.exp((radius - r).square() / (-2 * width**2)) for r in radii] or [torch.ones_like(radius)]
    features = narrowed(torch.cat([harmonics * ring for ring in rings]), x)
    return torch.cat([x, features.expand(x.shape[0], *features.shape)], 1)
