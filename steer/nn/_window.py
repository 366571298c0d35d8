"""The window of a pooling layer: a box, or a hexagon on a hexagonal grid."""

from __future__ import annotations

import math
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.field import FieldType
from steer.nn._axes import Size, as_tuple, grid_dimension, warn_of_uneven_axes
from steer.nn._sites import CentredPool, centre_is_site

_MAX = {1: torch.nn.MaxPool1d, 2: torch.nn.MaxPool2d, 3: torch.nn.MaxPool3d}
_AVG = {1: torch.nn.AvgPool1d, 2: torch.nn.AvgPool2d, 3: torch.nn.AvgPool3d}


def window(
    kind: FieldType,
    name: str,
    function: str,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    centred: bool = False,
) -> torch.nn.Module:
    """The layer of `torch.nn` that pools every channel, or the one for hexagons.

    Warns if the arguments break a symmetry that the gspace promises.

    Args:
        kind: type of the fields.
        name: of the layer, for messages.
        function: "max" or "mean".
        kernel_size, stride, padding, dilation, ceil_mode, count_include_pad: as in torch.
        centred: whether the sites are symmetric about the centre for every size of the grid.
    Raises:
        ValueError: if a size is out of range.
    """
    d = grid_dimension(kind, name)
    size = as_tuple(kernel_size, d, "kernel_size", 1)
    steps = size if stride is None else as_tuple(stride, d, "stride", 1)
    pads, spread = as_tuple(padding, d, "padding", 0), as_tuple(dilation, d, "dilation", 1)
    grid = kind.gspace.lattice
    assert grid is not None
    warn_of_uneven_axes(kind, name, kernel_size=size, stride=steps, padding=pads, dilation=spread)
    if any(2 * p > (k - 1) * s + 1 for p, k, s in zip(pads, size, spread, strict=True)):
        raise ValueError(f"{name}: padding of at most half the window {size} is required; received {pads}")
    if centred and (ceil_mode or not count_include_pad):
        raise ValueError(
            f"{name}: centred=True requires ceil_mode=False and count_include_pad=True; received ceil_mode={ceil_mode}, "
            f"count_include_pad={count_include_pad}"
        )
    inner = (0,) * d if centred else pads
    mean = function == "mean"
    pool: torch.nn.Module
    if grid.kind == "hexagonal":
        if ceil_mode or not count_include_pad:
            raise ValueError(f"{name}: ceil_mode=False and count_include_pad=True are required on a hexagonal grid")
        taps = grid.kernel_mask(size).nonzero()[:, 0].tolist()
        corners = [(tap // size[1] * spread[0], tap % size[1] * spread[1]) for tap in taps]
        pool = HexagonalPool(function, size, steps, inner, spread, corners)
    elif mean:
        pool = _AVG[d](size, steps, inner, ceil_mode, count_include_pad)
    else:
        pool = _MAX[d](size, steps, inner, spread, ceil_mode=ceil_mode)
    reach = tuple(dilation * (k - 1) + 1 for dilation, k in zip(spread, size, strict=True))
    return CentredPool(pool, reach, steps, pads, not mean, centre_is_site(kind)) if centred else pool


class HexagonalPool(torch.nn.Module):
    """Maximum or mean over a hexagon of samples of a sheared array, `[batch, channel, row, column]`.

    Args:
        function: "max" or "mean".
        kernel_size, stride, padding, dilation: as in `torch.nn.MaxPool2d`; the mean counts padding.
        corners: array offsets of the samples of the hexagon from the first of its box.
    """

    def __init__(
        self,
        function: str,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        dilation: tuple[int, ...],
        corners: list[tuple[int, int]],
    ) -> None:
        super().__init__()
        self.function, self.corners = function, corners
        self.kernel_size, self.stride, self.padding, self.dilation = kernel_size, stride, padding, dilation

    def taps(self, x: Tensor, value: float) -> list[Tensor]:
        """The samples of every hexagon, `[batch, channel, *site]` for each of its places; padded with a value."""
        rows, columns = self.padding
        x = F.pad(x, (columns, columns, rows, rows), value=value)
        reach = [dilation * (k - 1) for dilation, k in zip(self.dilation, self.kernel_size, strict=True)]
        height, width = x.shape[2] - reach[0], x.shape[3] - reach[1]
        return [x[:, :, i : i + height : self.stride[0], j : j + width : self.stride[1]] for i, j in self.corners]

    def forward(self, x: Tensor) -> Tensor:
        if self.function == "mean":
            return reduce(torch.add, self.taps(x, 0.0)) / len(self.corners)
        return reduce(torch.maximum, self.taps(x, -math.inf))

    def extra_repr(self) -> str:
        return f"{self.function}, kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
