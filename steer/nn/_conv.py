"""Steerable convolution: one n-dimensional implementation with thin 1D, 2D and 3D fronts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.expansion import BandLimit, exchanged_axes, sampling
from steer.field import FieldType
from steer.kernel import RadialProfile
from steer.nn._module import require_fields
from steer.nn._steerable import SteerableModule

_CONVOLVE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_STOCK = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}
_PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def as_tuple(value: Any, d: int, name: str, least: int) -> tuple[int, ...]:
    """One whole number for every spatial axis, from one or from `d` of them."""
    values = (value,) * d if isinstance(value, int) and not isinstance(value, bool) else value
    order = f"({', '.join('zyx'[3 - d :])})"
    good = isinstance(values, Sequence) and not isinstance(values, str) and len(values) == d
    if not good or any(not isinstance(v, int) or v < least for v in values):
        raise ValueError(
            f"{name}: a whole number >= {least}, or {d} of them in {order} order, is required; received {value!r}"
        )
    return tuple(values)


class BrokenSymmetryWarning(UserWarning):
    """The arguments of a layer break a symmetry that its gspace promises."""


class SteerableConv(SteerableModule):
    """Cross-correlation with a steerable kernel, `out(x) = sum_y K(y) f(x + y) + b`, on grids of 1, 2 or 3 dimensions.

    Law: `conv(g f) = g conv(f)`. Exact for the symmetries that group and grid share (`gspace.exact_group`) when the
    kernel box and, with a stride, the sites are symmetric under them (the stride divides
    `n + 2 padding - dilation (kernel_size - 1) - 1` for a grid of n samples); approximate, up to sampling, for all others.

    Args:
        in_type, out_type: field types over one gspace.
        kernel_size: taps along each axis.
        stride, padding, dilation, padding_mode, bias, device, dtype: as in `torch.nn.Conv2d`; the bias acts on invariants.
            Kernels are sampled before dilation, which stretches them.
        groups: the input fields split into this many equal parts, the output fields too; each part sees its own.
        band_limit: largest degree of the angular part: one number, one per ring, or a function of the radius in samples.
        rings, widths: radii and standard deviations of the Gaussian rings, in physical units.
        radial: other radial profiles than Gaussian rings; see `steer.expansion.sampling`.
    Raises:
        ValueError: if the types do not fit, or a size is out of range.
    Source: Weiler and Cesa 2019; Weiler et al. 2018; Cesa, Lang and Weiler 2022; docs/theory/kernels.
    """

    d: int

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
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        name = type(self).__name__
        for role, kind in (("in_type", in_type), ("out_type", out_type)):
            if require_fields(kind, name, role).gspace.dimensionality != self.d:
                raise ValueError(
                    f"{name}: fields over {self.d} dimension(s) are required; {role} lives over {kind.gspace.dimensionality}"
                )
        size = as_tuple(kernel_size, self.d, "kernel_size", 1)
        if padding_mode not in _PADDING_MODES:
            raise ValueError(f"padding_mode: one of {sorted(_PADDING_MODES)} is required; received {padding_mode!r}")
        grid = in_type.gspace.lattice
        assert grid is not None
        super().__init__(
            in_type,
            out_type,
            _part(in_type, out_type, groups),
            sampling(grid, size, band_limit, rings, widths, radial),
            bias,
            device,
            dtype,
        )
        self.kernel_size = size
        self.stride = as_tuple(stride, self.d, "stride", 1)
        self.dilation = as_tuple(dilation, self.d, "dilation", 1)
        self.padding = self._resolve_padding(padding)
        self.groups = groups
        self.padding_mode = padding_mode
        self._warn_of_broken_axes()

    def _warn_of_broken_axes(self) -> None:
        """Symmetries of the grid that exchange axes need the same kernel, stride, padding and dilation along both."""
        space = self.in_type.gspace
        assert space.lattice is not None
        named = {name: getattr(self, name) for name in ("kernel_size", "stride", "padding", "dilation")}
        uneven = {name: values for name, values in named.items() if len(set(values)) > 1}
        axes = exchanged_axes(space.lattice, space.exact_group) if uneven else set()
        broken = [f"{name}={v}" for name, v in uneven.items() if any(v[i] != v[j] for i, j in axes)]
        if broken:
            warnings.warn(
                f"{type(self).__name__}: {', '.join(broken)} differ along axes that {space.fibergroup} exchanges, so the "
                "layer is equivariant under fewer elements only; give these axes one value, or use a smaller group",
                BrokenSymmetryWarning,
                stacklevel=3,
            )

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

    def dense(self) -> tuple[Tensor, Tensor | None]:
        kernel, bias = super().dense()
        return kernel.reshape(*kernel.shape[:2], *self.kernel_size), bias

    def compute(self, x: Tensor) -> Tensor:
        kernel, bias = self.dense()
        padding = self.padding
        if self.padding_mode != "zeros":
            pads = [p for p in reversed(padding) for _ in range(2)]
            x, padding = F.pad(x, pads, mode=_PADDING_MODES[self.padding_mode]), (0,) * self.d
        return _CONVOLVE[self.d](x, kernel, bias, self.stride, padding, self.dilation, self.groups)

    def export(self) -> torch.nn.Module:
        kernel, bias = self.dense()
        stock = _STOCK[self.d](
            self.in_type.size,
            self.out_type.size,
            self.kernel_size,  # type: ignore[arg-type]
            stride=self.stride,  # type: ignore[arg-type]
            padding=self.padding,  # type: ignore[arg-type]
            dilation=self.dilation,  # type: ignore[arg-type]
            groups=self.groups,
            bias=bias is not None,
            padding_mode=self.padding_mode,  # type: ignore[arg-type]
            device="meta",
        )
        stock.weight = torch.nn.Parameter(kernel.detach().clone())
        if bias is not None:
            stock.bias = torch.nn.Parameter(bias.detach().clone())
        return stock.train(self.training)

    def extra_repr(self) -> str:
        extras = [("stride", 1), ("padding", 0), ("dilation", 1)]
        shown = [f"{n}={getattr(self, n)}" for n, default in extras if getattr(self, n) != (default,) * self.d]
        shown += [f"groups={self.groups}"] if self.groups != 1 else []
        shown += [f"padding_mode={self.padding_mode!r}"] if self.padding_mode != "zeros" else []
        shown += ["bias=False"] if self.bias is None else []
        return ", ".join([f"{self.in_type} -> {self.out_type}", f"kernel_size={self.kernel_size}", *shown])


def _part(in_type: FieldType, out_type: FieldType, groups: int) -> tuple[Any, ...]:
    """The input fields that each group of output fields sees."""
    fields = in_type.representations
    if not isinstance(groups, int) or groups < 1 or len(fields) % groups or len(out_type) % groups:
        raise ValueError(
            f"groups: a divisor of the numbers of fields, {len(fields)} and {len(out_type)}, is required; "
            f"received {groups!r}"
        )
    into, out = len(fields) // groups, len(out_type) // groups
    for what, items, step in (("input", fields, into), ("output", out_type.representations, out)):
        if any(items[i] != items[i % step] for i in range(len(items))):
            raise ValueError(f"groups: the {what} fields must repeat in {groups} equal parts; they do not")
    return fields[:into]


class R1Conv(SteerableConv):
    __doc__ = (SteerableConv.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "on a line")
    d = 1


class R2Conv(SteerableConv):
    __doc__ = (SteerableConv.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "in the plane")
    d = 2


class R3Conv(SteerableConv):
    __doc__ = (SteerableConv.__doc__ or "").replace("on grids of 1, 2 or 3 dimensions", "in space")
    d = 3
