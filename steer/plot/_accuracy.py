"""Accuracy against the angle by which the input was turned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steer.plot._style import FAINT, INK, OTHERS, PLAIN, STEERABLE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def accuracy_by_angle(
    curves: Mapping[str, Mapping[Any, float]],
    ax: Axes | None = None,
    *,
    polar: bool = True,
    colours: Mapping[str, str] | None = None,
) -> Axes:
    """Draw accuracy against angle, one closed line per network: a circle for an invariant one.

    Args:
        curves: name -> {angle in degrees -> accuracy in percent}.
        ax: where to draw; must be polar axes if `polar`.
        polar: angle around the centre, or along an axis.
        colours: name -> colour; by default "plain" and "steerable" have fixed ones.
    Returns:
        The axes.
    Raises:
        ValueError: if there is no curve, or one is empty.

    >>> from steer import plot
    >>> ax = plot.accuracy_by_angle({"steerable": {0: 98.0, 90: 98.0, 180: 98.0, 270: 98.0}})  # doctest: +SKIP
    """
    if not curves or not all(curves.values()):
        raise ValueError(f"accuracy_by_angle: at least one curve with points is required; received {dict(curves)!r}")
    ax = axes_or_new(ax, **({"projection": "polar"} if polar else {}))
    fixed = {"plain": PLAIN, "steerable": STEERABLE, **(colours or {})}
    spare = iter(OTHERS * (1 + len(curves) // len(OTHERS)))
    for name, curve in curves.items():
        colour = fixed.get(name) or next(spare)
        angles = sorted(curve)
        values = [curve[angle] for angle in angles]
        closed = polar and len(angles) > 2 and angles[-1] - angles[0] + (angles[1] - angles[0]) >= 360
        if closed:
            angles, values = [*angles, angles[0] + 360], [*values, values[0]]
        at = [math.radians(angle) for angle in angles] if polar else angles
        ax.fill_between(at, values, color=colour, alpha=0.10, linewidth=0)
        ax.plot(at, values, color=colour, linewidth=2.6, label=name, solid_joinstyle="round")
        ax.scatter(at, values, color=colour, s=14, zorder=3)
    ax.tick_params(colors=INK)
    ax.grid(color=FAINT, linewidth=0.8)
    ax.set_ylim(0, 100)
    ax.set_yticks([25, 50, 75, 100])
    if polar:
        ax.set_yticklabels(["25", "50", "75", "100 %"], color=INK, fontsize=8)
        ax.set_xticks([math.radians(angle) for angle in range(0, 360, 45)])
        ax.set_rlabel_position(67.5)  # type: ignore[attr-defined]
        ax.spines["polar"].set_color(FAINT)
    else:
        ax.set_xlabel("rotation of the input [degrees]", color=INK)
        ax.set_ylabel("accuracy [%]", color=INK)
        ax.spines[["top", "right"]].set_visible(False)
    return ax
