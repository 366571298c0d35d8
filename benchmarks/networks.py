"""The networks that are timed: a steerable one, and the plain one of the same dense shapes.

Both have the same convolutions, channel for channel, with one normalisation and one nonlinearity after each. Builders take
the library as an argument, so the same lines build the network of a peer whose names are those of `steer`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

WIDTHS = (24, 48, 48, 96, 96, 64)  # fields of C8 in the tutorial network of e2cnn; other groups get as many channels
SIZES = (7, 5, 5, 5, 5, 5)


@dataclass(frozen=True)
class Row:
    """A network to time.

    Args:
        build: from a library (`gspaces`, `nn`) to the steerable network.
        plain: the network of `torch.nn`.
        shape: of one input.
        targets: largest ratio to the plain network that is aimed at, by batch size.
    """

    build: Callable[[Any], torch.nn.Module]
    plain: Callable[[], torch.nn.Module]
    shape: tuple[int, ...]
    targets: dict[int, float]


def regular_cnn(lib: Any, flips: bool, share: float) -> torch.nn.Module:
    """Six layers of regular fields of C8 or D8 for pictures of 29 x 29, at a share of the tutorial's width."""
    space = lib.gspaces.flipRot2dOnR2(8) if flips else lib.gspaces.rot2dOnR2(8)
    layers: list[torch.nn.Module] = []
    into = lib.nn.FieldType(space, [space.trivial_repr])
    for i, (width, k) in enumerate(zip(WIDTHS, SIZES, strict=True)):
        out = lib.nn.FieldType(space, int(width * share) // (2 if flips else 1) * [space.regular_repr])
        layers += [lib.nn.R2Conv(into, out, kernel_size=k, padding=k // 2, bias=False)]
        layers += [lib.nn.InnerBatchNorm(out), lib.nn.ReLU(out, inplace=True)]
        if i in (1, 3):
            layers.append(lib.nn.PointwiseAvgPool(out, 3, stride=2, padding=1))
        into = out
    return torch.nn.Sequential(*layers)


def plain_cnn(share: float) -> torch.nn.Module:
    """The plain network of `regular_cnn`."""
    layers: list[torch.nn.Module] = []
    into = 1
    for i, (width, k) in enumerate(zip(WIDTHS, SIZES, strict=True)):
        out = 8 * int(width * share)
        layers += [torch.nn.Conv2d(into, out, k, padding=k // 2, bias=False)]
        layers += [torch.nn.BatchNorm2d(out), torch.nn.ReLU(inplace=True)]
        if i in (1, 3):
            layers.append(torch.nn.AvgPool2d(3, 2, 1))
        into = out
    return torch.nn.Sequential(*layers)


def gated(lib: Any, space: Any, counts: list[int], convolution: str, norm: str, strides: list[int]) -> torch.nn.Module:
    """Layers of irreps, `count` of each degree, with gates for those that are not scalars."""
    layers: list[torch.nn.Module] = []
    into = lib.nn.FieldType(space, [space.trivial_repr])
    degrees = (1, 2, 3) if convolution == "R2Conv" else (1, 2)
    for count, stride in zip(counts, strides, strict=True):
        scalars = lib.nn.FieldType(space, count * [space.trivial_repr])
        others = lib.nn.FieldType(space, [space.irrep(l) for l in degrees for _ in range(count)])
        act = lib.gated(scalars, others)
        layers.append(getattr(lib.nn, convolution)(into, act.in_type, kernel_size=5, padding=2, stride=stride, bias=False))
        layers += [getattr(lib.nn, norm)(act.in_type), act]
        into = act.out_type
    return torch.nn.Sequential(*layers)


def so2_gated(lib: Any) -> torch.nn.Module:
    """SO(2), frequencies 0 to 3."""
    space = lib.gspaces.rot2dOnR2(-1, maximum_frequency=3) if lib.peer else lib.gspaces.rot2dOnR2(-1)
    return gated(lib, space, [8, 16, 16, 32], "R2Conv", "IIDBatchNorm2d" if lib.peer else "NormBatchNorm", [1, 1, 1, 1])


def so3_gated(lib: Any) -> torch.nn.Module:
    """SE(3), degrees 0 to 2, volumes of 32^3."""
    space = lib.gspaces.rot3dOnR3(maximum_frequency=2) if lib.peer else lib.gspaces.rot3dOnR3()
    return gated(lib, space, [4, 8, 8], "R3Conv", "IIDBatchNorm3d" if lib.peer else "NormBatchNorm", [1, 2, 2])


class Cut(torch.nn.Module):
    """A rectifier on the first channels: a gated layer hands on fewer than its convolution made."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x.narrow(1, 0, self.channels))


def plain_gated(counts: list[int], dims: list[int], d: int, strides: list[int]) -> torch.nn.Module:
    """The plain network of `gated`: the same kernels, a batch norm and a rectifier."""
    convolution, norm = {2: (torch.nn.Conv2d, torch.nn.BatchNorm2d), 3: (torch.nn.Conv3d, torch.nn.BatchNorm3d)}[d]
    layers: list[torch.nn.Module] = []
    into = 1
    for count, stride in zip(counts, strides, strict=True):
        out = count * sum(dims)
        wide = out + count * (len(dims) - 1)
        layers += [convolution(into, wide, 5, padding=2, stride=stride, bias=False), norm(wide), Cut(out)]
        into = out
    return torch.nn.Sequential(*layers)


def octahedral_layer(lib: Any) -> torch.nn.Module:
    """Two regular fields of the octahedral group to two."""
    space = lib.gspaces.octaOnR3()
    kind = lib.nn.FieldType(space, 2 * [space.regular_repr])
    return torch.nn.Sequential(lib.nn.R3Conv(kind, kind, kernel_size=5, padding=2))


REGULAR = {1: 1.25, 16: 1.03, 64: 1.03}
ROWS = {
    "C8 CNN, quarter width": Row(lambda lib: regular_cnn(lib, False, 0.25), lambda: plain_cnn(0.25), (1, 29, 29), REGULAR),
    "D8 CNN, quarter width": Row(lambda lib: regular_cnn(lib, True, 0.25), lambda: plain_cnn(0.25), (1, 29, 29), REGULAR),
    "C8 CNN, tutorial width": Row(lambda lib: regular_cnn(lib, False, 1), lambda: plain_cnn(1), (1, 29, 29), REGULAR),
    "D8 CNN, tutorial width": Row(lambda lib: regular_cnn(lib, True, 1), lambda: plain_cnn(1), (1, 29, 29), REGULAR),
    "SO(2) gated CNN": Row(
        so2_gated,
        lambda: plain_gated([8, 16, 16, 32], [1, 2, 2, 2], 2, [1, 1, 1, 1]),
        (1, 29, 29),
        {1: 1.3, 16: 1.05, 64: 1.05},
    ),
    "SE(3) gated CNN, 32^3": Row(
        so3_gated, lambda: plain_gated([4, 8, 8], [1, 3, 5], 3, [1, 2, 2]), (1, 32, 32, 32), {1: 1.2, 16: 1.05, 64: 1.05}
    ),
    "octahedral regular layer, 9^3": Row(
        octahedral_layer,
        lambda: torch.nn.Sequential(torch.nn.Conv3d(48, 48, 5, padding=2)),
        (48, 9, 9, 9),
        {1: 1.2, 16: 1.05, 64: 1.05},
    ),
}
