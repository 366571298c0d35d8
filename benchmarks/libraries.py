"""The libraries that build the timed networks: `steer`, and a peer where one is installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch


@dataclass(frozen=True)
class Library:
    """A library with the modules `gspaces` and `nn`.

    Args:
        peer: whether it is another one than `steer`, whose layers take typed tensors only.
    """

    name: str
    gspaces: ModuleType
    nn: ModuleType
    peer: bool

    def gated(self, scalars: Any, others: Any) -> Any:
        """Scalars with a rectifier, other fields with a gate each; `in_type` holds the gates."""
        if not self.peer:
            return self.nn.GatedNonLinearity(scalars + others)
        gates = self.nn.FieldType(others.gspace, len(others) * [others.gspace.trivial_repr])
        into, count = scalars + others + gates, len(others)
        relu = self.nn.ReLU(scalars, inplace=True)
        gate = self.nn.GatedNonLinearity1(others + gates, gates=count * ["gated"] + count * ["gate"])
        labels = len(scalars) * ["scalar"] + 2 * count * ["gated"]
        return self.nn.MultipleModule(into, labels, [(relu, "scalar"), (gate, "gated")])

    def takes(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network as a function of plain tensors."""
        return Typed(network, self.nn) if self.peer else network


class Typed(torch.nn.Module):
    """A network of a peer, with the type put on and taken off."""

    def __init__(self, network: torch.nn.Module, library: ModuleType) -> None:
        super().__init__()
        self.network, self.wrap = network, library.GeometricTensor
        self.kind = network[0].in_type  # type: ignore[index]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(self.wrap(x, self.kind)).tensor


def libraries(peers: bool) -> list[Library]:
    """`steer`, and escnn if it is wanted and installed."""
    from steer import gspaces, nn

    found = [Library("steer", gspaces, nn, False)]
    if peers and importlib.util.find_spec("escnn"):
        import escnn

        found.append(Library("escnn", escnn.gspaces, escnn.nn, True))
    return found
