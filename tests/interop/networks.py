"""The networks of make_fixture.py, built in steer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from steer import gspaces, nn
from steer.group import o3
from steer.interop import escnn_rings

DATA = Path(__file__).parent / "data"


class Head(torch.nn.Module):
    """Invariant fields to classes."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.mean((2, 3)))


def dihedral() -> torch.nn.Module:
    space = gspaces.flipRot2dOnR2(4)
    hidden = space.type("2xregular")
    body = nn.Sequential(
        nn.R2Conv(space.type("1x0e"), hidden, 3, padding=1),
        nn.InnerBatchNorm(hidden),
        nn.ReLU(hidden),
        nn.R2Conv(hidden, hidden, 5, padding=2, stride=2, groups=2),
        nn.ELU(hidden, alpha=0.5),
        nn.PointwiseAvgPool(hidden, 3, stride=2),
        nn.GroupPooling(hidden),
    )
    return torch.nn.Sequential(body, Head(2, 3))


def cyclic() -> torch.nn.Module:
    space = gspaces.rot2dOnR2(8)
    half = space.fibergroup.subgroup(space.fibergroup.elements[4])
    hidden = space.type(space.regular_repr, space.quotient_repr(half), space.trivial_repr, space.regular_repr)
    return nn.Sequential(
        nn.R2Conv(space.type("0 + 1"), hidden, 4, padding=2, dilation=2, **escnn_rings(4, dilation=2)),
        nn.InnerBatchNorm(hidden),
        nn.ReLU(hidden),
        nn.R2Conv(hidden, space.type("2 + 0"), 3, bias=False),
    )


def gated_plane() -> torch.nn.Module:
    space = gspaces.rot2dOnR2(-1)
    gate = nn.GatedNonLinearity(space.type("3x0 + 1 + 2 + 1"), scalar="elu")
    last = space.type("2x1 + 0")
    return nn.Sequential(
        nn.R2Conv(space.type("0"), gate.in_type, 5, padding=2),
        nn.NormBatchNorm(gate.in_type),
        gate,
        nn.R2Conv(gate.out_type, last, 3, padding=1),
        nn.NormNonLinearity(last),
        nn.R2Conv(last, last, 3, padding=1),
    )


def reflected_plane() -> torch.nn.Module:
    space = gspaces.flipRot2dOnR2(-1)
    hidden = space.type("1 + 0o + 0e + 2")
    return nn.Sequential(
        nn.R2ConvTransposed(space.type("0e + 1"), hidden, 3, stride=2, padding=1),
        nn.NormNonLinearity(hidden),
        nn.R2ConvTransposed(hidden, hidden, 3),
    )


def octahedral() -> torch.nn.Module:
    space = gspaces.octaOnR3()
    hidden, irreps = space.type("regular"), space.fibergroup.irreps()
    return nn.Sequential(
        nn.R3Conv(space.type(space.trivial_repr), hidden, 3, padding=1),
        nn.InnerBatchNorm(hidden),
        nn.ReLU(hidden),
        nn.R3Conv(hidden, space.type(*(irreps[i] for i in (0, 1, 3, 2, 4))), 3),
    )


def gated_space() -> torch.nn.Module:
    space = gspaces.rot3dOnR3()
    gate = nn.GatedNonLinearity(space.type("2x0 + 2 + 1"), scalar="elu")
    return nn.Sequential(
        nn.R3Conv(space.type("0"), gate.in_type, 3, padding=1),
        nn.NormBatchNorm(gate.in_type),
        gate,
        nn.R3Conv(gate.out_type, space.type("0 + 1 + 3"), 5, padding=2),
    )


def sampled() -> torch.nn.Module:
    space = gspaces.flipRot2dOnR2(-1)
    hidden, other = space.type(*[space.fourier_repr(2)] * 2), space.type(space.fourier_repr(2))
    return nn.Sequential(
        nn.R2Conv(space.type("0e + 1"), hidden, 5, padding=2),
        nn.NormBatchNorm(hidden),
        nn.FourierPointwise(hidden, "elu", samples=12),
        nn.R2Conv(hidden, other, 3),
        nn.FourierPointwise(other, "relu", samples=12),
        nn.R2Conv(other, space.type("0e + 1"), 3, padding=1),
    )


def points() -> torch.nn.Module:
    space = gspaces.no_base_space(o3())
    into, hidden = space.type("0e + 1o + 2e"), space.type("1o + 2e + 0e + 1o")
    return nn.Sequential(nn.Linear(into, hidden), nn.NormNonLinearity(hidden), nn.Linear(hidden, into))


def e2cnn() -> torch.nn.Module:
    space = gspaces.FlipRot2dOnR2(4)
    hidden = space.type("2xregular")
    return nn.Sequential(
        nn.R2Conv(space.type(space.trivial_repr), hidden, 5, padding=2),
        nn.InnerBatchNorm(hidden),
        nn.ReLU(hidden),
        nn.R2Conv(hidden, space.type("1 + 0o"), 3),
    )


NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {
    build.__name__: build
    for build in (dihedral, cyclic, gated_plane, reflected_plane, octahedral, gated_space, sampled, points, e2cnn)
}


def recorded(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Input and output of the peer, in eval mode."""
    with np.load(DATA / f"{name}_run.npz") as run:
        return torch.from_numpy(run["x"]), torch.from_numpy(run["y"])
