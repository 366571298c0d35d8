"""A window that fades fields out towards the border of the grid."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.field import FieldType
from steer.nn._module import EquivariantModule, require_fields
from steer.nn._numbers import is_number
from steer.nn._positions import narrowed, steps_from_centre


class Mask(EquivariantModule):
    """Fields times a window that is one inside the inscribed ball and zero outside, `out(x) = w(|x|) f(x)`.

    A turned square is another square, and a turned disc is itself: without corners, turns by any angle lose nothing. The
    window `w(r) = clamp((R - margin - r) / fade, 0, 1)` depends on the radius alone, R being the radius of the largest ball
    in the grid.

    Law: `w(|g^-1 x|) = w(|x|)`. Exact for the whole group in the fibre and for the symmetries of the grid, on every field
    and size; approximate for other elements, up to sampling.

    Args:
        in_type: any fields over 1, 2 or 3 dimensions; the size of the grid is that of each input.
        margin: distance between the border of the grid and the ball where the window reaches zero, in units of the spacing
            of the grid (physical units).
        fade: width of the shell in which it falls from one to zero, in the same units, positive.
    Raises:
        ValueError: if the fields have no base space, or a width is out of range.
    Source: escnn's MaskModule.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> mask = nn.Mask(gspaces.rot2dOnR2(4).type("0"))
    >>> mask(torch.ones(1, 1, 5, 5))[0, 0, 2].tolist(), mask(torch.ones(1, 1, 5, 5))[0, 0, 0, 0].item()
    ([0.5, 1.0, 1.0, 1.0, 0.5], 0.0)
    """

    def __init__(self, in_type: FieldType, margin: float = 0.0, fade: float = 1.0) -> None:
        lattice = require_fields(in_type, "Mask").gspace.lattice
        if lattice is None:
            raise ValueError(f"Mask: fields over a grid are required; received {in_type}")
        if not is_number(margin) or not is_number(fade) or not margin >= 0 or not fade > 0:
            raise ValueError(f"Mask: margin >= 0 and fade > 0, finite, are required; received {margin!r} and {fade!r}")
        super().__init__(in_type)
        self.margin, self.fade = float(margin), float(fade)
        # Plain numbers: the squared radius as a quadratic form in array offsets, and the distance of the layers of the grid.
        self.metric = (lattice.matrix.mT @ lattice.matrix).tolist()
        self.heights = (1 / torch.linalg.inv(lattice.matrix).norm(dim=1)).tolist()

    def compute(self, x: Tensor) -> Tensor:
        return fade_out(x, self.metric, self.heights, self.margin, self.fade)

    def extra_repr(self) -> str:
        return f"{self.in_type}, margin={self.margin}, fade={self.fade}"


def grid_radius(x: Tensor, metric: list[list[float]]) -> Tensor:
    """Distance of every site from the centre of the grid, `[*space]`, given the metric of array offsets."""
    d = len(metric)
    axes = steps_from_centre(x, d)
    terms = [metric[i][j] * (axes[i] * axes[j]) for i in range(d) for j in range(d) if i == j or metric[i][j]]
    return sum(terms[1:], terms[0]).clamp_min(0).sqrt()


def fade_out(x: Tensor, metric: list[list[float]], heights: list[float], margin: float, fade: float) -> Tensor:
    """Times the window of the inscribed ball."""
    # In tensors: a minimum of numbers is a branch, which a tracer would take for all sizes as it was for one.
    sides = [
        torch.full((), size, dtype=torch.float64, device=x.device) * h for size, h in zip(x.shape[2:], heights, strict=True)
    ]
    radius = torch.stack(sides).amin(0) / 2
    return x * narrowed(((radius - margin - grid_radius(x, metric)) / fade).clamp(0, 1), x)
