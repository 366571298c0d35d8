"""Steerable convolution: one n-dimensional implementation with thin 1D, 2D and 3D fronts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.expansion import BandLimit
from steer.field import FieldType
from steer.kernel import RadialProfile
from steer.nn._axes import as_tuple
from steer.nn._foreign import refuse_foreign
from steer.nn._grid_conv import GridConvolution
from steer.nn._irrep_products import irrep_products
from steer.nn._plain import Plain
from steer.nn._sites import SiteWatch, centre_is_site, centre_sites

_CONVOLVE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_STOCK = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}
_PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


class SteerableConv(GridConvolution):
    """Cross-correlation with a steerable kernel, `out(x) = sum_y K(y) f(x + y) + b`, on grids of 1, 2 or 3 dimensions.

    Law: `conv(g f) = g conv(f)`. Exact for the symmetries that group and grid share (`gspace.exact_group`) when the
    kernel box and, with a stride, the sites are symmetric under them (the stride divides
    `n + 2 padding - dilation (kernel_size - 1) - 1` for a grid of n samples, or `centred=True`, which makes every n fit);
    approximate, up to sampling, for all others. Hexagonal grids have all of their turns for odd n, where twice the stride
    divides that number, or with `centred=True`.

    Args:
        in_type, out_type: field types over one gspace.
        kernel_size: taps along each axis.
        stride, padding, dilation, padding_mode, bias, device, dtype: as in `torch.nn.Conv2d`; the bias acts on invariants.
            Kernels are sampled before dilation, which stretches them.
        groups: the input fields split into this many equal parts, the output fields too; each part sees its own. The number
            divides how often every kind of field occurs; part h has the h-th share of each kind, so `2x0 + 2x1` in two
            parts is twice `0 + 1`. Fields in another order than part by part (`0 + 1 + 0 + 1` is in order) cost a copy of
            the input or output. Fields that occur once each, or in numbers without a common divisor: see `DirectSum`.
        band_limit: largest degree of the angular part: one number, one per ring, or a function of the radius in samples.
        rings, widths: radii and standard deviations of the Gaussian rings, in physical units.
        radial: other radial profiles than Gaussian rings; see `steer.expansion.sampling`.
        centred: whether the sites of a stride are symmetric about the centre for every size of the grid. There are as many
            as in torch; where they lie half-way between its own, the input is read half-way too, as the mean of neighbours.
            On hexagonal grids the centre is one of them, so there are an odd number along each axis.
        foreign: none; names of other libraries, such as `sigma`, are refused with what to give in their place.
    Raises:
        TypeError: if there is such a name, or a type is none.
        ValueError: if the types do not fit, or a size is out of range.
    Source: Weiler and Cesa 2019; Weiler et al. 2018; Cesa, Lang and Weiler 2022; docs/theory/kernels.
    """

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        band_limit: BandLimit = None,
        rings: Sequence[float] | None = None,
        widths: Sequence[float] | None = None,
        radial: RadialProfile | None = None,
        centred: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **foreign: Any,
    ) -> None:
        refuse_foreign(type(self).__name__, foreign)
        if not isinstance(padding_mode, str) or padding_mode not in _PADDING_MODES:
            raise ValueError(f"padding_mode: one of {sorted(_PADDING_MODES)} is required; received {padding_mode!r}")
        kernel = (band_limit, rings, widths, radial)
        super().__init__(in_type, out_type, kernel_size, stride, dilation, groups, bias, *kernel, device, dtype)
        self.padding_mode = padding_mode
        self.centred = centred and max(self.stride) > 1
        self.through = centre_is_site(in_type)
        self._place(self._resolve_padding(padding))
        span = self._centring()["span"]
        self.watch = SiteWatch(in_type, type(self).__name__, span, self.stride, self.padding, self.centred)
        apart = self.groups > 1 or self.centred or any(self.padding)
        self.products = None if apart else irrep_products(self.plan, self.weight)

    def _centring(self) -> dict[str, Any]:
        span = tuple(step * (k - 1) + 1 for step, k in zip(self.dilation, self.kernel_size, strict=True))
        mode = _PADDING_MODES[self.padding_mode]
        return {"span": span, "stride": self.stride, "padding": self.padding, "mode": mode, "through": self.through}

    def _resolve_padding(self, padding: int | Sequence[int] | str) -> tuple[int, ...]:
        if isinstance(padding, str) and padding not in ("valid", "same"):
            raise ValueError(f"padding: numbers, 'same' or 'valid' are required; received {padding!r}")
        if padding == "valid":
            return (0,) * self.d
        if padding == "same":
            reach = [dilation * (k - 1) for dilation, k in zip(self.dilation, self.kernel_size, strict=True)]
            if any(r % 2 for r in reach) or any(s != 1 for s in self.stride):
                raise ValueError("padding='same': odd kernel sizes and stride 1 are required; give the padding as numbers")
            return tuple(r // 2 for r in reach)
        return as_tuple(padding, self.d, "padding", 0)

    def convolve(self, x: Tensor) -> Tensor:
        self.watch(x)
        if self.products is not None:
            places = (slice(None), slice(None), *(slice(None, None, step) for step in self.stride))
            taken = x[places] if max(self.stride) > 1 else x
            if self.products.pays(taken, self.weight):
                return self.products(taken, self.weight, self.expand_bias())
        kernel, bias = self.shared_dense()
        padding = self.padding
        if self.centred:
            x, padding = centre_sites(x, **self._centring()), (0,) * self.d
        elif self.padding_mode != "zeros":
            pads = [p for p in reversed(padding) for _ in range(2)]
            x, padding = F.pad(x, pads, mode=_PADDING_MODES[self.padding_mode]), (0,) * self.d
        return _CONVOLVE[self.d](x, kernel, bias, self.stride, padding, self.dilation, self.groups)

    def export(self) -> torch.nn.Module:
        stock = self._export(_STOCK[self.d], padding_mode=self.padding_mode)
        if self.centred:
            stock.padding_mode, stock.padding = "zeros", (0,) * self.d  # type: ignore[assignment]
            stock = torch.nn.Sequential(Plain(centre_sites, **self._centring()), stock)
        return self.parts.around(stock)

    def _extras(self) -> list[str]:
        shown = [f"padding_mode={self.padding_mode!r}"] if self.padding_mode != "zeros" else []
        return shown + (["centred=True"] if self.centred else [])


class R1Conv(SteerableConv):
    __doc__ = (SteerableConv.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "on a line")
    d = 1


class R2Conv(SteerableConv):
    __doc__ = (SteerableConv.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "in the plane")
    d = 2


class R3Conv(SteerableConv):
    __doc__ = (SteerableConv.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "in space")
    d = 3
