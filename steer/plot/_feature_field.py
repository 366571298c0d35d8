"""A feature field drawn over its grid: arrows for directions, grey values for scalars."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from steer.field import GeometricTensor
from steer.group import FiniteGroup
from steer.plot._style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def direction_colours(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A colour for each direction, of nearly one brightness, `[...] -> [..., 3]`; the length does not matter."""
    turn = np.arctan2(y, x)[..., None] - np.array([0.0, 2.0, 4.0]) * math.pi / 3
    return np.clip(0.42 + 0.40 * np.cos(turn) + np.array([0.06, -0.06, 0.10]), 0, 1)


def feature_vectors(feature: GeometricTensor, field: int = 0, item: int = 0) -> Tensor:
    """One field of the plane as vectors `[2, row, column]`, components (x, y); they turn with the picture.

    A field that transforms as a vector is given as it is. A regular field f gives `v(x) = sum_h f_h(x) h e`, with h over the
    group and e along the x axis: where f prefers one direction, v points there.

    Args:
        feature: fields over a grid of the plane.
        field: which of its fields.
        item: which of its batch.
    Raises:
        ValueError: if the field is neither, or there is no such field.
    """
    kind = feature.type
    if kind.gspace.dimensionality != 2:
        raise ValueError(f"feature_vectors: fields in the plane are required; received {kind}")
    if not 0 <= field < len(kind) or not 0 <= item < len(feature.tensor):
        raise ValueError(
            f"feature_vectors: a field below {len(kind)} and an item below {len(feature.tensor)} are required; received {field} "  # noqa: E501
            f"and {item}"
        )
    spans = [span for _, span in kind.channels()]
    representation, values = kind.representations[field], feature.tensor[item, spans[field]].detach().cpu()
    group = kind.fibergroup
    if isinstance(group, FiniteGroup) and representation == group.regular:
        return torch.einsum("gyx,gi->iyx", values, group.elements[:, :, 0].to(values))
    if representation.dim == 2:
        probe = group.sample(4, torch.Generator().manual_seed(0))
        if torch.allclose(representation(probe), probe, atol=1e-9):
            return values
    raise ValueError(
        f"feature_vectors: a regular field, or one that transforms as a vector, is required; field {field} is {representation}"  # noqa: E501
    )


def feature_field(
    feature: GeometricTensor,
    field: int = 0,
    item: int = 0,
    ax: Axes | None = None,
    *,
    longest: float | None = None,
    every: int = 1,
    length: float = 1.5,
) -> Axes:
    """Draw one field: a scalar as grey values, a vector or regular field as arrows with a colour for each direction.

    The grid's centre is the origin and y points up.

    Args:
        feature: fields over a square grid of the plane.
        field: which of its fields.
        item: which of its batch.
        ax: where to draw.
        longest: the norm drawn at full length, for one scale in several pictures; by default the largest one.
        every: draw every so many samples; the centre is one of them.
        length: of the longest arrow, in distances of drawn samples.
    Returns:
        The axes.
    Raises:
        ValueError: if the field is none of these.
    """
    kind = feature.type
    scalar = 0 <= field < len(kind) and kind.representations[field].dim == 1 and kind.gspace.dimensionality == 2
    vectors = None if scalar else feature_vectors(feature, field, item).double()
    ax = axes_or_new(ax)
    rows, columns = feature.tensor.shape[2:]
    box = (-columns / 2, columns / 2, -rows / 2, rows / 2)
    if vectors is None:
        span = [span for _, span in kind.channels()][field]
        ax.imshow(feature.tensor[item, span][0].detach().cpu().numpy(), cmap="gray_r", extent=box, interpolation="bilinear")
    else:
        first = [((n - 1) // 2) % every for n in (rows, columns)]
        drawn = vectors[:, first[0] :: every, first[1] :: every].numpy()
        y, x = np.meshgrid(
            (rows - 1) / 2 - np.arange(first[0], rows, every),
            np.arange(first[1], columns, every) - (columns - 1) / 2,
            indexing="ij",
        )
        norm = np.hypot(*drawn)
        longest = longest or float(np.hypot(*vectors.numpy()).max()) or 1.0
        u, v = drawn / longest * every * length
        keep = norm > 0.04 * longest
        colours = direction_colours(u, v)[keep]
        ax.quiver(
            x[keep], y[keep], u[keep], v[keep], color=colours, angles="xy", scale_units="xy", scale=1, pivot="mid",
            units="xy", width=0.17 * every, headwidth=3.6, headlength=3.8, headaxislength=3.4, minlength=0.4,
        )  # fmt: skip
    ax.set_xlim(box[:2])
    ax.set_ylim(box[2:])
    ax.set_aspect("equal")
    ax.axis("off")
    return ax
