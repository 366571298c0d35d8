"""Interpolation to more samples: one n-dimensional implementation with thin 1D, 2D and 3D fronts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import overload

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.expansion import exchanged_axes
from steer.field import FieldType, GeometricTensor
from steer.nn._axes import Size, as_tuple, grid_dimension, warn_of_uneven_axes
from steer.nn._module import EquivariantModule
from steer.nn._plain import Plain

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


class SteerableUpsampling(EquivariantModule):
    """Every channel interpolated to more samples of the same square of space, on grids of 1, 2 or 3 dimensions.

    Law: `up(g f) = g up(f)`: interpolation is linear and acts on space alone. Exact for the symmetries of the grid, for
    every size: the output has the centre of the input. Approximate for all others. Two things differ from torch, which is
    not symmetric there: with a broken factor the step between samples is the true one, n over the new size (torch's
    `recompute_scale_factor=True`), and "nearest" takes the sample whose centre is nearest, the mean of two equally near.

    Call it with the size wanted to meet a skip connection: `up(x, size=skip.shape[2:])`.

    Args:
        in_type: any fields over 1, 2 or 3 dimensions.
        scale_factor: new samples for every old one, along all axes or along each, at least 1; broken numbers round down.
        size: the new size, in place of the factor. Without either, every call gives a size.
        mode: "nearest", "linear" (also "bilinear" in the plane and "trilinear" in space), or "bicubic" in the plane.
        align_corners: whether the outermost samples stay in place ("linear" and "bicubic"), as in torch.
    Raises:
        ValueError: if an argument is out of range, or the grid is hexagonal and its group has more than half turns, as the
            parallelogram that would be interpolated does not turn along; `R2ConvTransposed` is exact there.
    Source: torch.nn.functional.interpolate; docs/theory/layers.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> up = nn.R2Upsampling(gspaces.rot2dOnR2(4).type("regular"), scale_factor=2)
    >>> x = torch.zeros(1, 4, 15, 20)
    >>> up(x).shape, up(x, size=(29, 40)).shape
    (torch.Size([1, 4, 30, 40]), torch.Size([1, 4, 29, 40]))
    """

    d: int

    def __init__(
        self,
        in_type: FieldType,
        scale_factor: float | Sequence[float] | None = None,
        size: Size | None = None,
        mode: str = "linear",
        align_corners: bool = False,
    ) -> None:
        super().__init__(in_type)
        name = type(self).__name__
        if grid_dimension(in_type, name) != self.d:
            raise ValueError(
                f"{name}: fields over {self.d} dimension(s) are required; in_type lives over {in_type.gspace.dimensionality}"
            )
        modes = ["nearest", "linear", *(["bilinear", "bicubic"] if self.d == 2 else ["trilinear"] if self.d == 3 else [])]
        if mode not in modes:
            raise ValueError(f"{name}: mode, one of {modes}, is required; received {mode!r}")
        if align_corners and mode == "nearest":
            raise ValueError(f"{name}: align_corners=True belongs to linear and bicubic modes; received mode='nearest'")
        if scale_factor is not None and size is not None:
            raise ValueError(f"{name}: scale_factor or size is required; received both, {scale_factor!r} and {size!r}")
        grid = in_type.gspace.lattice
        assert grid is not None
        if grid.kind == "hexagonal" and exchanged_axes(grid, in_type.gspace.exact_group):
            raise ValueError(
                f"{name}: a square grid is required for {in_type.fibergroup}, as interpolation on a hexagonal one is exact "
                "for half turns only; use R2ConvTransposed, which is exact on both"
            )
        self.scale_factor = None if scale_factor is None else _factors(scale_factor, self.d, name)
        self.size = None if size is None else as_tuple(size, self.d, "size", 1)
        self.mode = _LINEAR[self.d] if mode == "linear" else mode
        self.align_corners = align_corners
        warn_of_uneven_axes(in_type, name, scale_factor=self.scale_factor or (), size=self.size or ())

    @overload
    def forward(self, x: GeometricTensor, size: Sequence[int] | None = None) -> GeometricTensor: ...
    @overload
    def forward(self, x: Tensor, size: Sequence[int] | None = None) -> Tensor: ...
    def forward(self, x: GeometricTensor | Tensor, size: Sequence[int] | None = None) -> GeometricTensor | Tensor:
        """Interpolate, to a given size if there is one; it has to turn along with the input, as that of a skip does.

        Raises:
            ValueError: if no size is known, or the type or shape of the input is not that of `in_type`.
        """
        return self._typed(x, partial(self.compute, size=size))

    def compute(self, x: Tensor, size: Sequence[int] | None = None) -> Tensor:
        if size is not None and len(size) != self.d:
            raise ValueError(
                f"{type(self).__name__}: size, one number for each of {self.d} axes, is required; received {tuple(size)}"
            )
        return upsample(x, self.size if size is None else size, self.scale_factor, self.mode, self.align_corners)

    def export(self, with_size: bool = False) -> torch.nn.Module:
        """`torch.nn.Upsample`, or plain operations where torch is not symmetric; for the size that the constructor knows.

        Args:
            with_size: whether the module can be called with a size, as the layer can; it then calls a function of steer,
                as it does where no size is known.
        """
        factors = self.scale_factor or ()
        whole = self.size is None and all(isinstance(factor, int) for factor in factors)
        unknown = self.size is None and self.scale_factor is None
        if with_size or unknown or (self.mode == "nearest" and not whole):
            known = {"size": self.size, "scale_factor": self.scale_factor}
            return Plain(upsample, **known, mode=self.mode, align_corners=self.align_corners).train(self.training)
        corners = None if self.mode == "nearest" else self.align_corners
        scale = tuple(float(factor) for factor in factors) if self.size is None else None
        return torch.nn.Upsample(self.size, scale, self.mode, corners, None if whole or self.size is not None else True)

    def extra_repr(self) -> str:
        given = [(name, getattr(self, name)) for name in ("scale_factor", "size") if getattr(self, name) is not None]
        shown = [f"{name}={value}" for name, value in given] + [f"mode={self.mode!r}"]
        return ", ".join([str(self.in_type), *shown, *(["align_corners=True"] if self.align_corners else [])])


def _factors(scale_factor: float | Sequence[float], d: int, name: str) -> tuple[float, ...]:
    values = (scale_factor,) * d if isinstance(scale_factor, (int, float)) else scale_factor
    good = isinstance(values, Sequence) and len(values) == d
    if not good or not all(isinstance(v, (int, float)) and 1 <= v < math.inf for v in values):
        raise ValueError(
            f"{name}: scale_factor, a number >= 1 or {d} of them, is required; received {scale_factor!r}; pooling layers "
            "make grids smaller"
        )
    return tuple(int(v) if v == int(v) else v for v in values)


def upsample(
    x: Tensor, size: Sequence[int] | None, scale_factor: tuple[float, ...] | None, mode: str, align_corners: bool
) -> Tensor:
    """Interpolate `[batch, channel, *space]` to a size, or by factors if there is none.

    Raises:
        ValueError: if neither is known, or corners are aligned where there are none.
    """
    shape = tuple(x.shape[2:])
    if size is None and scale_factor is None:
        raise ValueError("upsampling: a size is required, as it was built without scale_factor and size")
    if size is None:
        factors = zip(shape, scale_factor or (), strict=True)
        size = [n * factor if isinstance(factor, int) else math.floor(n * factor) for n, factor in factors]
    if mode == "nearest":
        return _nearest(x, shape, size)
    if align_corners and any(m == 1 < n for n, m in zip(shape, size, strict=True)):
        raise ValueError(
            f"upsampling: with align_corners=True, two samples or more are required along every axis, as a single one has "
            f"no corners; received the size {tuple(size)} for {shape}"
        )
    return F.interpolate(x, tuple(size), mode=mode, align_corners=align_corners)


def _nearest(x: Tensor, shape: Sequence[int], size: Sequence[int]) -> Tensor:
    if all(m % n == 0 for n, m in zip(shape, size, strict=True)):
        return F.interpolate(x, tuple(size), mode="nearest-exact")
    for axis, (n, m) in enumerate(zip(shape, size, strict=True), 2):
        centre = (2 * torch.arange(m, device=x.device) + 1) * n  # of every new sample, in units of 1 / 2m
        before = x.index_select(axis, (centre - 1).div(2 * m, rounding_mode="floor"))
        after = x.index_select(axis, centre.div(2 * m, rounding_mode="floor"))
        x = (before + after) / 2
    return x


class R1Upsampling(SteerableUpsampling):
    __doc__ = (SteerableUpsampling.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "on a line")
    d = 1


class R2Upsampling(SteerableUpsampling):
    __doc__ = (SteerableUpsampling.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "in the plane")
    d = 2


class R3Upsampling(SteerableUpsampling):
    __doc__ = (SteerableUpsampling.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "in space")
    d = 3
