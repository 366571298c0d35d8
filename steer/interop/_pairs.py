"""The layers of both networks, one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from steer.interop._file import DenseNetwork, Layer
from steer.interop._walk import layers_of


@dataclass
class Pair:
    """A layer here and its source, with what the gate behind it asks of its output."""

    name: str
    layer: torch.nn.Module
    source: Layer
    order: list[int] | None = None
    shift: Tensor | None = None
    residual: float = 0.0
    where: str = field(init=False)

    def __post_init__(self) -> None:
        self.where = f"{self.name or 'the network'} ({type(self.layer).__name__}) from {self.source.name or 'the file'}"


def matched(network: torch.nn.Module, file: DenseNetwork) -> list[Pair]:
    """The layers of both networks that hold numbers or functions, one by one."""
    ours = list(layers_of(network))
    for name, kind, module in ours:
        if kind == "other":
            raise ValueError(
                f"load_dense: layers that the file can hold are required; received {name}, {type(module).__name__}"
            )
    theirs = [layer for layer in file.layers if layer.kind != "other"]
    pairs = []
    for i in range(max(len(ours), len(theirs))):
        here = f"{ours[i][0] or 'the network'} ({type(ours[i][2]).__name__})" if i < len(ours) else "no further layer"
        there = f"{theirs[i].name} ({theirs[i].type})" if i < len(theirs) else "no further layer"
        if i >= min(len(ours), len(theirs)) or ours[i][1] != theirs[i].kind:
            raise ValueError(
                f"load_dense: the layers of the file in its order are required; at position {i} it has {there}, the network "
                f"{here}; print(read_dense(path)) lists them"
            )
        pairs.append(Pair(ours[i][0], ours[i][2], theirs[i]))
    return pairs
