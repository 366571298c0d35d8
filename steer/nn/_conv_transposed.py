"""Transposed steerable convolution: one n-dimensional implementation with thin 1D, 2D and 3D fronts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.expansion import BandLimit, reversed_axes
from steer.field import FieldType
from steer.kernel import RadialProfile
from steer.nn._axes import BrokenSymmetryWarning, Size, as_tuple
from steer.nn._foreign import refuse_foreign
from steer.nn._grid_conv import GridConvolution
from steer.nn._warn import warn_user

_CONVOLVE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_STOCK = {1: torch.nn.ConvTranspose1d, 2: torch.nn.ConvTranspose2d, 3: torch.nn.ConvTranspose3d}


class SteerableConvTransposed(GridConvolution):
    """Every sample spread by a steerable kernel, `out(x) = sum_y K(x - s y) f(y) + b`, on grids of 1, 2 or 3 dimensions.

    Law: `conv(g f) = g conv(f)`, as `K(g x) = rho_out(g) K(x) rho_in(g)^-1`. Exact for the symmetries that group and grid
    share (`gspace.exact_group`), for every size: n samples become `(n - 1) s - 2 padding + dilation (kernel_size - 1) + 1`
    about the same centre; approximate, up to sampling, for all others. An output padding adds samples on one side only and
    breaks the law; use another kernel size, or `R2Upsampling` to a given size before a convolution.

    Weights are initialised such that, on average over the sites of the output, the variance of the input is kept.

    Args:
        in_type, out_type: field types over one gspace.
        kernel_size: taps along each axis; multiples of the stride give every site of the output equally many of them.
        stride, padding, output_padding, bias, dilation, device, dtype: as in `torch.nn.ConvTranspose2d`; the bias acts on
            invariants.
        groups: as in `SteerableConv`.
        band_limit, rings, widths, radial, foreign: as in `SteerableConv`.
    Raises:
        TypeError: if a name of another library comes, or a type is none.
        ValueError: if the types do not fit, or a size is out of range.
    Warns:
        BrokenSymmetryWarning: if output_padding, or numbers that differ among axes, break a symmetry of the gspace.
    Source: the adjoint of a steerable convolution; docs/theory/layers.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> kind = gspaces.rot2dOnR2(8).type("regular")
    >>> up = nn.R2ConvTransposed(kind, kind, 4, stride=2, padding=1)
    >>> up(torch.zeros(1, 8, 15, 20)).shape
    torch.Size([1, 8, 30, 40])
    """

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        *,
        band_limit: BandLimit = None,
        rings: Sequence[float] | None = None,
        widths: Sequence[float] | None = None,
        radial: RadialProfile | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **foreign: Any,
    ) -> None:
        refuse_foreign(type(self).__name__, foreign)
        kernel = (band_limit, rings, widths, radial)
        super().__init__(in_type, out_type, kernel_size, stride, dilation, groups, bias, *kernel, device, dtype, True)
        self._place(as_tuple(padding, self.d, "padding", 0))
        self.output_padding = as_tuple(output_padding, self.d, "output_padding", 0)
        most = [max(s, d) - 1 for s, d in zip(self.stride, self.dilation, strict=True)]
        if any(extra > limit for extra, limit in zip(self.output_padding, most, strict=True)):
            raise ValueError(
                f"{type(self).__name__}: output_padding smaller than stride or dilation, at most {tuple(most)}, is "
                f"required; received {self.output_padding}"
            )
        self._warn_of_one_sided_padding()

    def _warn_of_one_sided_padding(self) -> None:
        space = self.in_type.gspace
        assert space.lattice is not None
        padded = {axis for axis, extra in enumerate(self.output_padding) if extra}
        if padded and padded & reversed_axes(space.lattice, space.exact_group):
            warn_user(
                f"{type(self).__name__}: output_padding={self.output_padding} adds samples on one side of axes that "
                f"{space.fibergroup} reverses, so the layer is equivariant under fewer elements only; use a kernel size "
                "that gives the size wanted, or upsampling and a convolution",
                BrokenSymmetryWarning,
            )

    def _as_stock(self, kernel: Tensor) -> Tensor:
        """`[channels_in, channels_out / groups, *taps]`."""
        parts = super()._as_stock(kernel).unflatten(0, (self.groups, -1)).transpose(1, 2)  # [group, in, out, *taps]
        return parts.flatten(0, 1)

    def _out_by_in(self, kernel: Tensor) -> Tensor:
        return kernel.unflatten(0, (self.groups, -1)).transpose(1, 2).flatten(0, 1)

    def convolve(self, x: Tensor) -> Tensor:
        kernel, bias = self.shared_dense()
        arguments = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return _CONVOLVE[self.d](x, kernel, bias, *arguments)

    def export(self) -> torch.nn.Module:
        return self.parts.around(self._export(_STOCK[self.d], output_padding=self.output_padding))


class R1ConvTransposed(SteerableConvTransposed):
    __doc__ = (SteerableConvTransposed.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "on a line")
    d = 1


class R2ConvTransposed(SteerableConvTransposed):
    __doc__ = (SteerableConvTransposed.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "in the plane")
    d = 2


class R3ConvTransposed(SteerableConvTransposed):
    __doc__ = (SteerableConvTransposed.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "in space")
    d = 3
