"""What convolutions on grids have in common, transposed or not: the kernel, its box and its groups."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from steer.expansion import BandLimit, sampling
from steer.field import FieldType
from steer.kernel import RadialProfile
from steer.nn._axes import Size, as_tuple, warn_of_uneven_axes
from steer.nn._fingerprint import fingerprint
from steer.nn._module import require_fields
from steer.nn._parts import Parts
from steer.nn._plain import hand_over
from steer.nn._steerable import SteerableModule


class GridConvolution(SteerableModule):
    """A steerable kernel sampled on a box of a grid of `d` dimensions, and the arguments that place the box.

    Args:
        kernel_size, stride, dilation, groups, band_limit, rings, widths, radial: as in `SteerableConv`.
        transposed: whether the stride spreads the kernel over the output instead of skipping sites of the input.
    """

    d: int

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        kernel_size: Size,
        stride: Size,
        dilation: Size,
        groups: int,
        bias: bool,
        band_limit: BandLimit,
        rings: Sequence[float] | None,
        widths: Sequence[float] | None,
        radial: RadialProfile | None,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
        transposed: bool = False,
    ) -> None:
        name = type(self).__name__
        for role, kind in (("in_type", in_type), ("out_type", out_type)):
            if require_fields(kind, name, role).gspace.dimensionality != self.d:
                raise ValueError(
                    f"{name}: fields over {self.d} dimension(s) are required; {role} lives over {kind.gspace.dimensionality}"
                )
        size = as_tuple(kernel_size, self.d, "kernel_size", 1)
        steps = as_tuple(stride, self.d, "stride", 1)
        grid = in_type.gspace.lattice
        assert grid is not None
        parts = Parts(in_type, out_type, groups)
        super().__init__(
            in_type,
            out_type,
            parts.fields_in,
            parts.fields_out,
            sampling(grid, size, band_limit, rings, widths, radial),
            bias,
            device,
            dtype,
            math.prod(steps) if transposed else 1,
        )
        self.kernel_size = size
        self.stride = steps
        self.dilation = as_tuple(dilation, self.d, "dilation", 1)
        self.groups = groups
        self.parts = parts.to(self.weight.device)
        self._in_parts = parts.moved is None

    @abstractmethod
    def convolve(self, x: Tensor) -> Tensor:
        """The layer on channels that come part by part."""

    def compute(self, x: Tensor) -> Tensor:
        return self.convolve(x) if self._in_parts else self.parts.leave(self.convolve(self.parts.enter(x)))

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.plan, self.parts.moved)

    def _place(self, padding: tuple[int, ...]) -> None:
        """Set the padding, and warn where the box breaks a symmetry."""
        self.padding = padding
        named = {name: getattr(self, name) for name in ("kernel_size", "stride", "padding", "dilation")}
        warn_of_uneven_axes(self.in_type, type(self).__name__, **named)

    def _as_stock(self, kernel: Tensor) -> Tensor:
        """`[channels_out, channels_in / groups, *taps]`; channels part by part."""
        return kernel.reshape(*kernel.shape[:2], *self.kernel_size)

    def _export(self, stock: type[torch.nn.Module], **arguments: Any) -> torch.nn.Module:
        """A stock layer with the dense kernel and bias, of channels that come part by part."""
        kernel, bias = self.shared_dense()
        names = ("kernel_size", "stride", "padding", "dilation", "groups")
        arguments |= {name: getattr(self, name) for name in names}
        layer = stock(self.in_type.size, self.out_type.size, bias=bias is not None, device="meta", **arguments)
        return hand_over(layer, self, weight=kernel, bias=bias)

    def extra_repr(self) -> str:
        extras = [("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1)]
        given = [(name, getattr(self, name, default), default) for name, default in extras]
        shown = [f"{name}={value}" for name, value, default in given if value not in (default, (default,) * self.d)]
        shown += [f"groups={self.groups}"] if self.groups != 1 else []
        shown += self._extras()
        shown += ["bias=False"] if self.bias is None else []
        return ", ".join([f"{self.in_type} -> {self.out_type}", f"kernel_size={self.kernel_size}", *shown])

    def _extras(self) -> list[str]:
        return []
