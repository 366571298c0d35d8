"""The dense kernels of a planar convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from steer.nn import R2Conv
from steer.plot._style import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def kernels(conv: R2Conv, outputs: int = 8, inputs: int = 8, figure: Figure | None = None) -> Figure:
    """Draw dense kernels, a row per output channel and a column per input channel; blue is negative, red positive.

    Between regular fields, neighbouring rows show one pattern turned and its columns shifted.

    Args:
        conv: a planar steerable convolution.
        outputs, inputs: how many channels to draw, from the first.
        figure: where to draw; by default a new one of pyplot.
    Returns:
        The figure.
    Raises:
        TypeError: if it is no planar convolution.
    """
    if not isinstance(conv, R2Conv):
        raise TypeError(f"kernels: an R2Conv is required; received {type(conv).__name__}")
    require_matplotlib()
    with torch.no_grad():
        dense = conv.dense()[0][:outputs, :inputs].detach().cpu().double()
    rows, columns = dense.shape[:2]
    if figure is None:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(max(1.0, 0.7 * columns), max(1.0, 0.7 * rows)))
    top = float(dense.abs().max()) or 1.0
    grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw={"hspace": 0.12, "wspace": 0.12})
    for row, kernel_row in zip(grid, dense, strict=True):
        for ax, kernel in zip(row, kernel_row, strict=True):
            ax.imshow(kernel.numpy(), cmap="RdBu_r", vmin=-top, vmax=top)
            ax.set_xticks([])
            ax.set_yticks([])
            for spine in ax.spines.values():
                spine.set_visible(False)
    return figure
