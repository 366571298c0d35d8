"""The layers of a network of steer that hold numbers or functions, in the order of the modules."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from steer.nn import (
    EquivariantModule,
    FourierPointwise,
    GatedNonLinearity,
    Linear,
    NormBatchNorm,
    NormNonLinearity,
    Pointwise,
    SteerableConv,
    SteerableConvTransposed,
)

_KINDS: list[tuple[type[EquivariantModule], str]] = [
    (SteerableConvTransposed, "transposed"),
    (SteerableConv, "convolution"),
    (Linear, "linear"),
    (NormBatchNorm, "batch_norm"),
    (NormNonLinearity, "norm"),
    (GatedNonLinearity, "gate"),
    (Pointwise, "pointwise"),
    (FourierPointwise, "fourier"),
]
_DERIVED = ("SharedNormNonLinearity", "InducedNormNonLinearity", "InducedGatedNonLinearity")


def layers_of(network: torch.nn.Module, name: str = "") -> Iterator[tuple[str, str, torch.nn.Module]]:
    """Name, kind and module of every layer that is compared: kinds as in the file, stock layers only if they hold numbers.

    Layers without parameters that only move or pool channels are passed over; containers are looked into.
    """
    kind = _kind(network)
    if kind is not None:
        yield name, kind, network
        return
    children = list(network.named_children())
    if not isinstance(network, EquivariantModule) and not children:
        if network.state_dict():
            yield name, "stock", network
        return
    if any(True for _ in network.parameters(recurse=False)):
        yield name, "other", network
    for child, module in children:
        yield from layers_of(module, f"{name}.{child}" if name else child)


def _kind(module: torch.nn.Module) -> str | None:
    if type(module).__name__ in _DERIVED:
        return "other"
    return next((kind for base, kind in _KINDS if isinstance(module, base)), None)
