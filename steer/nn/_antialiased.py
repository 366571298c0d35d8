"""Pooling behind a Gaussian low-pass, so that what the stride cannot represent does not fold back."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.expansion import Lattice
from steer.field import FieldType
from steer.group import deterministic
from steer.nn._axes import Size, as_tuple, grid_dimension, warn_of_uneven_axes
from steer.nn._constants import Constants
from steer.nn._module import EquivariantModule
from steer.nn._numbers import positive
from steer.nn._plain import Plain
from steer.nn._pointwise import require_permutation
from steer.nn._sites import SiteWatch, centre_is_site, centre_sites
from steer.nn._window import window

Width = float | Sequence[float]
_CONVOLVE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


@deterministic
def gaussian_taps(grid: Lattice, sigma: tuple[float, ...], between: bool = False) -> list[Tensor]:
    """Kernels whose successive correlations are the low-pass, `[*taps]` each, float64.

    One per axis on a rectangular grid (a Gaussian is the product of its axes); on a hexagonal grid one in the plane, cut off
    at a hexagon, as the array's parallelogram is not symmetric under the grid's turns.

    Args:
        sigma: standard deviations in physical units, one per array axis; equal ones on a hexagonal grid.
        between: whether the Gaussian is centred half-way between samples, on a rectangular grid.
    """
    if grid.kind == "hexagonal":
        reach = math.ceil(4 * sigma[0] / grid.spacing[0])
        box = (2 * reach + 1,) * 2
        square = grid.positions(box).square().sum(1)
        kernel = torch.exp(-square / (2 * sigma[0] ** 2)) * grid.kernel_mask(box)
        return [(kernel / kernel.sum()).reshape(box)]
    out = []
    for axis, (step, width) in enumerate(zip(grid.spacing, sigma, strict=True)):
        count = 2 * math.ceil(4 * width / step) + (2 if between else 1)
        x = (torch.arange(count, dtype=torch.float64) - (count - 1) / 2) * step
        kernel = torch.exp((x[count // 2].square() - x.square()) / (2 * width**2))
        shape = [1] * grid.d
        shape[axis] = count
        out.append((kernel / kernel.sum()).reshape(shape))
    return out


def low_pass(x: Tensor, taps: Constants, stride: tuple[int, ...], padding: tuple[int, ...], through: bool) -> Tensor:
    """Correlate every channel with the kernels one after the other, at sites a stride apart, symmetric about the centre.

    Args:
        taps: `taps_0` in the plane, or one for every axis; then `between_0`, ... for Gaussians half-way between samples.
        through: whether the centre is a site, see `centre_sites`.
    """
    d = len(stride)
    lead, space = x.shape[:2], x.shape[2:]
    x = x.reshape(-1, 1, *space)
    if "between_0" not in taps.sources:
        kernel = taps.like("taps_0", x)
        x = centre_sites(x, tuple(kernel.shape), stride, padding, through=through)
        x = _CONVOLVE[d](x, kernel[None, None], stride=stride)
        return x.reshape(*lead, *x.shape[2:])
    for axis in range(d):
        steps, pads = [1] * d, [0] * d
        steps[axis] = stride[axis]
        kernel = taps.like(f"taps_{axis}", x)
        rest = (x.shape[2 + axis] + 2 * padding[axis] - kernel.numel()) % stride[axis]
        if rest % 2:
            kernel = taps.like(f"between_{axis}", x)
        pads[axis] = padding[axis] - rest // 2
        if pads[axis] < 0:
            x, pads = x.narrow(2 + axis, -pads[axis], x.shape[2 + axis] + 2 * pads[axis]), [0] * d
        x = _CONVOLVE[d](x, kernel[None, None], stride=steps, padding=pads)
    return x.reshape(*lead, *x.shape[2:])


class PointwiseAvgPoolAntialiased(EquivariantModule):
    """A Gaussian low-pass of every channel, then every stride-th sample; on any field.

    Law: `pool(g f) = g pool(f)`: the low-pass is linear and depends on the distance alone. Exact for the symmetries of the
    grid, for every size n: with the default padding there are `m = ceil(n / s)` sites for a stride s, symmetric about the
    centre at `(n - 1) / 2 + s (j - (m - 1) / 2)`, and where these lie half-way between samples, so does the Gaussian. On
    hexagonal grids the centre is a site, `2 floor((n - 1) / 2s) + 1` in all, and odd sizes have all turns. Approximate for
    all other elements, better the wider the Gaussian (0.66 samples for stride 2 is customary).

    Args:
        in_type: any fields over 1, 2 or 3 dimensions.
        sigma: standard deviation of the Gaussian in physical units (samples, for spacing 1), or one per array axis in
            (z, y, x) order, equal along axes that a symmetry exchanges; it is cut off at 4 sigma.
        stride: distance of the samples that stay.
        padding: zeros added on each side; by default as many as keep the size for stride 1.
    Raises:
        ValueError: if sigma is not positive, or of one size on a hexagonal grid, or a size is out of range.
    Source: Zhang 2019, Making Convolutional Networks Shift-Invariant Again.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> pool = nn.PointwiseAvgPoolAntialiased(gspaces.rot2dOnR2(8).type("regular"), sigma=0.66, stride=2)
    >>> pool(torch.zeros(1, 8, 33, 33)).shape
    torch.Size([1, 8, 17, 17])
    """

    def __init__(self, in_type: FieldType, sigma: Width, stride: Size = 2, padding: Size | None = None) -> None:
        super().__init__(in_type)
        name = type(self).__name__
        d = grid_dimension(in_type, name)
        grid = in_type.gspace.lattice
        assert grid is not None
        widths = _widths(sigma, grid, name)
        self.sigma = widths if len(set(widths)) > 1 else widths[0]
        kernels = gaussian_taps(grid, widths)
        self.stride = as_tuple(stride, d, "stride", 1)
        full = tuple(max(kernel.shape[axis] for kernel in kernels) for axis in range(d))
        self.padding = tuple(n // 2 for n in full) if padding is None else as_tuple(padding, d, "padding", 0)
        warn_of_uneven_axes(in_type, name, stride=self.stride, padding=self.padding, sigma=widths)
        between = [] if grid.kind == "hexagonal" else gaussian_taps(grid, widths, between=True)
        named = {"taps": kernels, "between": between}
        self.through = centre_is_site(in_type)
        self.watch = SiteWatch(in_type, name, full, self.stride, self.padding, centred=True)
        self.taps = Constants(**{f"{name}_{i}": kernel for name, found in named.items() for i, kernel in enumerate(found)})

    def _arguments(self) -> dict[str, Any]:
        return {"taps": self.taps, "stride": self.stride, "padding": self.padding, "through": self.through}

    def compute(self, x: Tensor) -> Tensor:
        self.watch(x)
        return low_pass(x, **self._arguments())

    def export(self) -> torch.nn.Module:
        return Plain(low_pass, **self._arguments())

    def extra_repr(self) -> str:
        return f"{self.in_type}, sigma={self.sigma}, stride={self.stride}, padding={self.padding}"


def _widths(sigma: Width, grid: Lattice, name: str) -> tuple[float, ...]:
    """A standard deviation for every array axis."""
    if not isinstance(sigma, (Sequence, str)):
        return (positive(sigma, "sigma", name),) * grid.d
    if isinstance(sigma, str) or len(sigma) != grid.d:
        raise ValueError(
            f"{name}: sigma, a positive number, is required, or {grid.d} of them in ({', '.join('zyx'[3 - grid.d :])}) "
            f"order; received {sigma!r}"
        )
    widths = tuple(positive(width, "sigma", name) for width in sigma)
    if grid.kind == "hexagonal" and len(set(widths)) > 1:
        raise ValueError(f"{name}: one sigma is required on a hexagonal grid; received {sigma!r}")
    return widths


class PointwiseMaxPoolAntialiased(PointwiseAvgPoolAntialiased):
    """The maximum of every channel over a window at every site, then a Gaussian low-pass and every stride-th sample.

    Law: `pool(g f) = g pool(f)`, on permutation fields. Exact for the symmetries of the grid that keep the window, for every
    size (see `PointwiseAvgPoolAntialiased` for the sites); approximate for all others.

    Args:
        in_type: trivial, regular and quotient fields over 1, 2 or 3 dimensions.
        kernel_size, stride, padding, dilation: as in `torch.nn.MaxPool2d`; stride is by default the kernel size.
        sigma: standard deviation of the Gaussian, or one per axis, as in `PointwiseAvgPoolAntialiased`.
    Raises:
        ValueError: if a field is not a permutation representation, or a size is out of range.
    Source: Zhang 2019, Making Convolutional Networks Shift-Invariant Again.
    """

    def __init__(
        self,
        in_type: FieldType,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        sigma: Width = 0.6,
    ) -> None:
        name = type(self).__name__
        require_permutation(in_type, name, "PointwiseAvgPoolAntialiased")
        pool = window(in_type, name, "max", kernel_size, 1, padding, dilation)
        super().__init__(in_type, sigma, kernel_size if stride is None else stride)
        self.pool = pool

    def compute(self, x: Tensor) -> Tensor:
        return super().compute(self.pool(x))

    def export(self) -> torch.nn.Module:
        return torch.nn.Sequential(copy.deepcopy(self.pool), super().export())
