"""The rings of a kernel with the largest degree on each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from steer.nn import SteerableConv
from steer.plot._style import FAINT, INK, OTHERS, PLAIN, STEERABLE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def band_limit(conv: SteerableConv, ax: Axes | None = None) -> Axes:
    """Draw the radial profiles of a kernel over the radius, each with its band limit, and the radii of the taps.

    Args:
        conv: a steerable convolution.
        ax: where to draw.
    Returns:
        The axes.
    Raises:
        TypeError: if it is no convolution.
    """
    if not isinstance(conv, SteerableConv):
        raise TypeError(f"band_limit: a steerable convolution is required; received {type(conv).__name__}")
    sampling = conv.plan.recipe[2]
    ax = axes_or_new(ax)
    taps = sampling.points(conv.d).norm(dim=1).unique()
    radius = torch.linspace(0, float(taps.max()) * 1.1 + 0.1, 600, dtype=torch.float64)
    colours = (STEERABLE, PLAIN, *OTHERS)
    for i, (profile, limit) in enumerate(zip(sampling.radial(radius), sampling.limits, strict=True)):
        colour = colours[i % len(colours)]
        ax.fill_between(radius.numpy(), profile.numpy(), color=colour, alpha=0.12, linewidth=0)
        ax.plot(radius.numpy(), profile.numpy(), color=colour)
        ax.annotate(
            f"{'frequency' if conv.d == 2 else 'degree'} ≤ {limit}" if i == 0 else f"≤ {limit}",
            (float(radius[profile.argmax()]), float(profile.max())),
            xytext=(0, 4),
            textcoords="offset points",
            ha="left" if i == 0 else "center",
            color=colour,
        )
    ax.vlines(taps.numpy(), -0.06, 0, color=INK, linewidth=1)
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    ax.set_xlabel("radius (marks: taps)", color=INK)
    ax.set_ylabel("radial profile", color=INK)
    ax.set_ylim(-0.08, 1.2)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
