"""Sites a stride apart that lie symmetric about the centre, for every size of the grid."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.expansion import reversed_axes, sums_axes
from steer.field import FieldType
from steer.nn._axes import BrokenSymmetryWarning
from steer.nn._warn import warn_user


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
    through: bool = False,
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
        through: whether the centre is a site, wherever it is a sample: `2 floor((n + 2p - span) / 2s) + 1` sites. So they
            have all turns of a hexagonal grid, which takes a lattice of wider steps to itself about its sites alone.
    """
    through = through and all(n % 2 == 1 for n in x.shape[2:])
    left_out = rests(x, span, tuple(2 * s for s in stride) if through else stride, padding)
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


def centre_is_site(kind: FieldType) -> bool:
    """Whether the centre has to be a site, for sites a stride apart to have the symmetries of the gspace."""
    space = kind.gspace
    return space.lattice is not None and sums_axes(space.lattice, space.exact_group)


class SiteWatch:
    """Warns once, in eager mode, when a layer meets a size at which its sites break a symmetry of the gspace.

    Args:
        kind: type of the input.
        name: of the layer, for the message.
        span, stride, padding: see `centre_sites`.
        centred: whether the layer takes the sites of `centre_sites`.
    """

    def __init__(
        self,
        kind: FieldType,
        name: str,
        span: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        centred: bool = False,
    ) -> None:
        self.name, self.group, self.centred = name, kind.fibergroup, centred
        self.through = centre_is_site(kind)
        self.span, self.padding = span, padding
        self.stride = stride
        grid = self.lattice = kind.gspace.lattice
        strided = {axis for axis, step in enumerate(stride) if step > 1}
        self.axes = strided & reversed_axes(grid, kind.gspace.exact_group) if grid is not None and strided else set()
        self._fine: torch.Size | None = None  # the last shape that breaks nothing

    def __call__(self, x: Tensor) -> None:
        if not self.axes or torch.compiler.is_compiling() or (self.centred and not self.through) or x.shape == self._fine:
            return
        why = self._fault(x)
        if why is None:
            self._fine = x.shape
        else:
            self.axes = set()
            warn_user(
                f"{self.name}: on the size {tuple(x.shape[2:])}, sites with stride {self.stride} are not symmetric about "
                f"the centre, so the layer is equivariant under fewer elements of {self.group} only: {why}",
                BrokenSymmetryWarning,
            )

    def _fault(self, x: Tensor) -> str | None:
        if self.through and any(n % 2 == 0 for n in x.shape[2:]):
            return (
                f"the centre of an even size is no sample, so not all symmetries of a {self.lattice} grid map samples to "
                "samples; for odd sizes they do"
            )
        multiple = 2 if self.through else 1
        left_out = rests(x, self.span, tuple(multiple * step for step in self.stride), self.padding)
        if self.centred or not any(left_out[axis] for axis in self.axes):
            return None
        return (
            f"n + 2p - k is not a multiple of {'twice ' if self.through else ''}the stride for windows k = {self.span} and "
            f"padding p = {self.padding}; centred=True fits every {'odd ' if self.through else ''}size"
        )


class CentredPool(torch.nn.Module):
    """A stock pooling layer without padding, on sites that are symmetric about the centre.

    Args:
        pool: the layer, of `kernel_size`, `stride` and `dilation`.
        span, stride, padding: see `centre_sites`.
        largest: whether windows are joined by their maximum instead of their mean.
        through: whether the centre is a site, see `centre_sites`.
    """

    def __init__(
        self,
        pool: torch.nn.Module,
        span: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        largest: bool,
        through: bool,
    ) -> None:
        super().__init__()
        self.pool = pool
        self.span, self.stride, self.padding, self.largest, self.through = span, stride, padding, largest, through

    def place(self, x: Tensor, pair: Callable[[Tensor, int], Tensor], value: float = 0.0) -> Tensor:
        """The input of the layer: padded, and such that its windows lie on the sites."""
        return centre_sites(x, self.span, self.stride, self.padding, value=value, pair=pair, through=self.through)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.place(x, larger_of_two, float("-inf")) if self.largest else self.place(x, mean_of_two))

    def extra_repr(self) -> str:
        return f"padding={self.padding}"
