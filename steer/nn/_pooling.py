"""Pooling over space."""

from __future__ import annotations

import copy
from functools import partial, reduce

import torch
from torch import Tensor

from steer.field import FieldType
from steer.nn._axes import BrokenSymmetryWarning, Size, as_tuple, grid_dimension, warn_of_uneven_axes
from steer.nn._field_products import squared_norm
from steer.nn._fields import FieldGroups
from steer.nn._module import EquivariantModule
from steer.nn._plain import Plain
from steer.nn._pointwise import require_permutation
from steer.nn._sites import CentredPool, SiteWatch
from steer.nn._warn import warn_user
from steer.nn._window import HexagonalPool, window

_ADAPTIVE_MAX = {1: torch.nn.AdaptiveMaxPool1d, 2: torch.nn.AdaptiveMaxPool2d, 3: torch.nn.AdaptiveMaxPool3d}
_ADAPTIVE_AVG = {1: torch.nn.AdaptiveAvgPool1d, 2: torch.nn.AdaptiveAvgPool2d, 3: torch.nn.AdaptiveAvgPool3d}


class StockPooling(EquivariantModule):
    """A stock pooling layer on every channel."""

    def __init__(self, in_type: FieldType, stock: torch.nn.Module) -> None:
        super().__init__(in_type)
        self.pool = stock
        self.watch = _watch(in_type, type(self).__name__, stock)

    def compute(self, x: Tensor) -> Tensor:
        self.watch(x)
        inner: torch.nn.Module = self._modules["pool"]  # type: ignore[assignment]  # as an attribute it is found late
        return inner(x)

    def export(self) -> torch.nn.Module:
        return copy.deepcopy(self.pool)

    def extra_repr(self) -> str:
        return str(self.in_type)


class PointwiseMaxPool(StockPooling):
    """The maximum of every channel over a window, on permutation fields.

    Law: `pool(g f) = g pool(f)`. Exact for the symmetries of the grid that keep the window (all of a square or cubic grid's
    for an equal kernel_size along the axes it exchanges) on symmetric sites; approximate for all others. Sites a stride
    apart are symmetric about the centre when `n + 2 padding - dilation (kernel_size - 1) - 1` is divisible by the stride, n
    being the size of the grid; otherwise the picture is in effect shifted by a part of the stride, as with `ceil_mode`, and
    `centred=True` puts as many sites symmetric about the centre for every n, with windows a sample wider where the sites
    lie half-way between those of torch. On a hexagonal grid the window is the hexagon in the box (one odd size), exact for
    sixth turns at odd n where twice the stride divides the number above, or with `centred=True`: there are an odd number of
    sites along each axis, with the centre among them.

    Args:
        in_type: trivial, regular and quotient fields over 1, 2 or 3 dimensions.
        kernel_size, stride, padding, dilation, ceil_mode: as in `torch.nn.MaxPool2d`.
        centred: whether the sites are symmetric about the centre for every size.
    Raises:
        ValueError: if a field is not a permutation representation, or a size is out of range.
    """

    def __init__(
        self,
        in_type: FieldType,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
        *,
        centred: bool = False,
    ) -> None:
        name = type(self).__name__
        require_permutation(in_type, name, "NormMaxPool or PointwiseAvgPool")
        arguments = (kernel_size, stride, padding, dilation, ceil_mode)
        super().__init__(in_type, window(in_type, name, "max", *arguments, centred=centred))


class PointwiseAvgPool(StockPooling):
    """The mean of every channel over a window, on any field.

    Law: `pool(g f) = g pool(f)`: a mean is linear, and g acts on all sites of the window alike. Exact for the symmetries of
    the grid that keep the window, on symmetric sites; approximate for all others. Sites a stride apart are symmetric about
    the centre when `n + 2 padding - kernel_size` is divisible by the stride, n being the size of the grid, and with
    `centred=True` for every n: where they lie half-way between those of torch, windows are a sample wider and the outermost
    samples count half. On hexagonal grids as `PointwiseMaxPool`.

    Args:
        in_type: any fields over 1, 2 or 3 dimensions.
        kernel_size, stride, padding, ceil_mode, count_include_pad: as in `torch.nn.AvgPool2d`.
        centred: whether the sites are symmetric about the centre for every size.
    Raises:
        ValueError: if a size is out of range.
    """

    def __init__(
        self,
        in_type: FieldType,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        *,
        centred: bool = False,
    ) -> None:
        arguments = (kernel_size, stride, padding, 1, ceil_mode, count_include_pad, centred)
        super().__init__(in_type, window(in_type, type(self).__name__, "mean", *arguments))


class PointwiseAdaptiveAvgPool(StockPooling):
    """The mean of every channel over a window that makes the output of a given size, on any field.

    Law: `pool(g f) = g pool(f)`. Exact for the symmetries of the grid (adaptive windows are symmetric about the centre);
    approximate for all others. With `output_size=1` it is the mean over all space, exact for all of them.

    Args:
        in_type: any fields over 1, 2 or 3 dimensions.
        output_size: one number, or one per axis.
    Raises:
        ValueError: if a size is out of range.
    """

    def __init__(self, in_type: FieldType, output_size: Size) -> None:
        size = _adaptive_size(in_type, type(self).__name__, output_size)
        super().__init__(in_type, _ADAPTIVE_AVG[len(size)](size))


class PointwiseAdaptiveMaxPool(StockPooling):
    """The maximum of every channel over a window that makes the output of a given size, on permutation fields.

    Law: `pool(g f) = g pool(f)`. Exact for the symmetries of the grid (adaptive windows are symmetric about the centre);
    approximate for all others.

    Args:
        in_type: trivial, regular and quotient fields over 1, 2 or 3 dimensions.
        output_size: one number, or one per axis.
    Raises:
        ValueError: if a field is not a permutation representation, or a size is out of range.
    """

    def __init__(self, in_type: FieldType, output_size: Size) -> None:
        require_permutation(in_type, type(self).__name__, "PointwiseAdaptiveAvgPool")
        size = _adaptive_size(in_type, type(self).__name__, output_size)
        super().__init__(in_type, _ADAPTIVE_MAX[len(size)](size))


def _adaptive_size(kind: FieldType, name: str, output_size: Size) -> tuple[int, ...]:
    size = as_tuple(output_size, grid_dimension(kind, name), "output_size", 1)
    warn_of_uneven_axes(kind, name, output_size=size)
    _warn_of_boxes(kind, name, any(n > 1 for n in size))
    return size


def _warn_of_boxes(kind: FieldType, name: str, boxes: bool) -> None:
    """On a hexagonal grid the box that torch knows is a parallelogram, which few symmetries keep."""
    grid = kind.gspace.lattice
    if boxes and grid is not None and grid.kind == "hexagonal":
        warn_user(
            f"{name}: on a hexagonal grid its windows are parallelograms, so the layer is exact for half turns only; use "
            "PointwiseMaxPool or PointwiseAvgPool, whose windows are hexagons",
            BrokenSymmetryWarning,
        )


def _watch(kind: FieldType, name: str, pool: torch.nn.Module) -> SiteWatch:
    """What warns of sites that are not symmetric; of adaptive and centred windows, never."""
    d = kind.gspace.dimensionality
    sizes, steps, pads, spread = (
        value if isinstance(value, tuple) else (value,) * d
        for value in (getattr(pool, key, 1) for key in ("kernel_size", "stride", "padding", "dilation"))
    )
    span = tuple(dilation * (k - 1) + 1 for dilation, k in zip(spread, sizes, strict=True))
    return SiteWatch(kind, name, span, steps, pads, isinstance(pool, CentredPool))


class NormMaxPool(EquivariantModule):
    """Of every field the one in the window whose norm is largest, on any field.

    Law: `|rho(g) f| = |f|`, so the same site is chosen in every frame. Exact for the symmetries of the grid that keep the
    window, on symmetric sites (see `PointwiseMaxPool`), where no two norms of a window tie; approximate for all others. On
    trivial fields it is the value of largest size, with its sign.

    Args:
        in_type: any fields over 1, 2 or 3 dimensions.
        kernel_size, stride, padding, dilation, ceil_mode: as in `torch.nn.MaxPool2d`.
        centred: whether the sites are symmetric about the centre for every size.
    Raises:
        ValueError: if a size is out of range.
    """

    def __init__(
        self,
        in_type: FieldType,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
        *,
        centred: bool = False,
    ) -> None:
        super().__init__(in_type)
        arguments = (kernel_size, stride, padding, dilation, ceil_mode)
        self.pool = window(in_type, type(self).__name__, "max", *arguments, centred=centred)
        (self.pool.pool if isinstance(self.pool, CentredPool) else self.pool).return_indices = True  # type: ignore[assignment]
        self.groups = FieldGroups(in_type)
        self.watch = _watch(in_type, type(self).__name__, self.pool)

    def compute(self, x: Tensor) -> Tensor:
        self.watch(x)
        return longest(x, self.groups, self.pool)

    def export(self) -> torch.nn.Module:
        centred = isinstance(self.pool, CentredPool)
        return Plain(longest, groups=self.groups, pool=self.pool) if centred else super().export()

    def extra_repr(self) -> str:
        return str(self.in_type)


def longest(x: Tensor, groups: FieldGroups, pool: torch.nn.Module) -> Tensor:
    """The fields where the norm is largest in each window of a pooling layer that returns indices, or has taps."""
    if isinstance(pool, CentredPool):
        x, pool = pool.place(x, partial(_longer_of_two, groups=groups)), pool.pool
    if isinstance(pool, HexagonalPool):
        return reduce(partial(_longer, groups=groups), pool.taps(x, 0.0))
    out = []
    for f in groups.split(x):
        _, site = pool(squared_norm(f.detach()))  # [batch, field, *space], positions in the flattened space
        index = site.flatten(2).unsqueeze(2).expand(-1, -1, f.shape[2], -1)
        out.append(f.flatten(3).gather(3, index).unflatten(3, site.shape[2:]))
    return groups.join(out)


def _longer_of_two(x: Tensor, axis: int, groups: FieldGroups) -> Tensor:
    """Of every two neighbours along an axis the field of larger norm."""
    n = x.shape[axis] - 1
    return _longer(x.narrow(axis, 0, n), x.narrow(axis, 1, n), groups)


def _longer(x: Tensor, y: Tensor, groups: FieldGroups) -> Tensor:
    """Of two fields at every site that of larger norm."""
    out = []
    for f, other in zip(groups.split(x), groups.split(y), strict=True):
        first = squared_norm(f.detach()) >= squared_norm(other.detach())
        out.append(torch.where(first.unsqueeze(2), f, other))
    return groups.join(out)
