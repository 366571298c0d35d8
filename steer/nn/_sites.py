"""Sites a stride apart that lie symmetric about the centre, for every size of the grid."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.expansion import reversed_axes
from steer.field import FieldType
from steer.nn._axes import BrokenSymmetryWarning


def mean_of_two(x: Tensor, axis: int) -> Tensor:
    """The mean of every two neighbours along an axis."""
    n = x.shape[axis] - 1
    return (x.narrow(axis, 0, n) + x.narrow(axis, 1, n)) * 0.5


def larger_of_two(x: Tensor, axis: int) -> Tensor:
    """The maximum of every two neighbours along an axis."""
    n = x.shape[axis] - 1
    return torch.maximum(x.narrow(axis, 0, n), x.narrow(axis, 1, n))


def rests(x: Tensor, span: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]) -> list[int]:
    """How many padded samples a strided window leaves unread at the far end of every axis.

    Half of them is how far its sites, `s j` from the near end, lie off the centre.
    """
    sizes = zip(x.shape[2:], span, stride, padding, strict=True)
    return [(n + 2 * p - reach) % s for n, reach, s, p in sizes]


def centre_sites(
    x: Tensor,
    span: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    mode: str = "constant",
    value: float = 0.0,
    pair: Callable[[Tensor, int], Tensor] = mean_of_two,
) -> Tensor:
    """Pad, such that a window without padding reads every sample on sites that are symmetric about the centre.

    As many sites as without: `m = (n + 2p - span) // s + 1` at `(n - 1) / 2 + s (j - (m - 1) / 2)`. The rest of the division
    is left out evenly on both sides. Where it is odd, the sites lie half-way between those of the padded grid, and every two
    neighbours are joined into one sample there.

    Args:
        x: `[batch, channel, *space]`.
        span: samples from the first to the last tap of the window, along every axis.
        stride, padding: of the window.
        mode, value: of the padding, as in `torch.nn.functional.pad`.
        pair: joins neighbours along an axis.
    """
    left_out = rests(x, span, stride, padding)
    edges = [p - rest // 2 for p, rest in zip(padding, left_out, strict=True)]
    if any(edge > 0 for edge in edges):
        x = F.pad(x, _both_sides([max(edge, 0) for edge in edges]), mode, value if mode == "constant" else None)
    if any(edge < 0 for edge in edges):
        x = F.pad(x, _both_sides([min(edge, 0) for edge in edges]))
    for axis, rest in enumerate(left_out, 2):
        if rest % 2:
            x = pair(x, axis)
    return x


def _both_sides(edges: list[int]) -> list[int]:
    return [edge for edge in reversed(edges) for _ in range(2)]


class SiteWatch:
    """Warns once, in eager mode, when a layer meets a size at which its sites break a symmetry of the gspace.

    Args:
        kind: type of the input.
        name: of the layer, for the message.
        span, stride, padding: see `centre_sites`.
    """

    def __init__(
        self, kind: FieldType, name: str, span: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]
    ) -> None:
        self.name, self.group, self.arguments = name, kind.fibergroup, (span, stride, padding)
        grid = kind.gspace.lattice
        strided = {axis for axis, step in enumerate(stride) if step > 1}
        self.axes = strided & reversed_axes(grid, kind.gspace.exact_group) if grid is not None and strided else set()

    def __call__(self, x: Tensor) -> None:
        if not self.axes or torch.compiler.is_compiling():
            return
        left_out = rests(x, *self.arguments)
        if any(left_out[axis] for axis in self.axes):
            self.axes = set()
            span, stride, padding = self.arguments
            warnings.warn(
                f"{self.name}: on the size {tuple(x.shape[2:])}, sites with stride {stride} are not symmetric about the "
                f"centre, so the layer is equivariant under fewer elements of {self.group} only: n + 2p - k is not a "
                f"multiple of the stride for windows k = {span} and padding p = {padding}; centred=True fits every size",
                BrokenSymmetryWarning,
                stacklevel=2,
            )


class CentredPool(torch.nn.Module):
    """A stock pooling layer without padding, on sites that are symmetric about the centre.

    Args:
        pool: the layer, of `kernel_size`, `stride` and `dilation`.
        span, stride, padding: see `centre_sites`.
        largest: whether windows are joined by their maximum instead of their mean.
    """

    def __init__(
        self, pool: torch.nn.Module, span: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...], largest: bool
    ) -> None:
        super().__init__()
        self.pool = pool
        self.span, self.stride, self.padding, self.largest = span, stride, padding, largest

    def forward(self, x: Tensor) -> Tensor:
        value, pair = (float("-inf"), larger_of_two) if self.largest else (0.0, mean_of_two)
        return self.pool(centre_sites(x, self.span, self.stride, self.padding, value=value, pair=pair))

    def extra_repr(self) -> str:
        return f"padding={self.padding}"
