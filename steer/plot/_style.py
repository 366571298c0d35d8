"""matplotlib, imported when it is needed, and the style of the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#1b2433"
"""Lines and letters."""
FAINT = "#d5dae3"
"""Axes and grids."""
STEERABLE = "#0b7a75"
"""Curves of steerable networks."""
PLAIN = "#d1495b"
"""Curves of the networks that they are compared with."""
OTHERS = ("#30638e", "#edae49", "#6c5b7b")


def require_matplotlib() -> None:
    """Raise `ImportError`, with the way out, unless matplotlib is there."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "steer.plot: matplotlib is required, which is not installed; `pip install 'steer[plot]'`"
        ) from error


def axes_or_new(ax: Axes | None, **subplot: Any) -> Axes:
    """The axes given, or those of a new figure of pyplot."""
    require_matplotlib()
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(subplot_kw=subplot, layout="constrained")[1]
