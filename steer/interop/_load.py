"""Weights of escnn and e2cnn into a network of steer."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from steer.interop._fields import Changes, is_unit, permutes
from steer.interop._file import DenseNetwork, Layer, read_dense
from steer.interop._functions import pin_functions
from steer.interop._gates import pass_gates_on
from steer.interop._pairs import Pair, matched
from steer.interop._report import LayerReport, Report
from steer.interop._take import take_batch_norm, take_kernel, take_norm, take_pointwise, take_stock
from steer.nn import EquivariantModule

# Layers of the peers that commute with every orthogonal change of basis of their fields, and those that commute with
# permutations; all others need fields whose bases agree already.
_ANY_BASIS = ("NormPool", "NormMaxPool", "IdentityModule", "MaskModule", "FieldDropout", "R2Upsampling", "R3Upsampling")
_ANY_PREFIX = ("PointwiseAvgPool", "PointwiseAdaptiveAvgPool")
_PERMUTED = ("GroupPooling", "MaxPoolChannels", "PointwiseDropout", "ReshuffleModule")
_PERMUTED_PREFIX = ("PointwiseMaxPool", "PointwiseAdaptiveMaxPool")


@torch.no_grad()
def load_dense(network: torch.nn.Module, path: str | os.PathLike[str], tolerance: float = 1e-4) -> Report:
    """Take over the weights of an escnn or e2cnn network that `escnn_export.py` wrote.

    Law: with `rho_s(g) Q = Q rho_e(g)` for every field, the kernel `K_s = Q_out K_e Q_in^T` is steerable here if K_e was
    there, and the network with it is `Q_out peer Q_in^T`. Q is orthogonal, for fields whose channels are permuted a
    permutation, and the same wherever a field occurs; it is found from the matrices of both representations on the elements
    in the file.
    Kernels are then projected onto those of the layer, so that what its rings or its band limit cannot express is left out
    and reported. Exact for kernels in the span of the layer's, approximate for others.

    Args:
        network: the same architecture: layers in the same order, fields in the same order (those before a
            `GatedNonLinearity` in the order of its `in_type`), over the same group. Names do not matter. Layers without
            numbers are compared where they are functions of channels; pooling, masks and the like are yours to compare.
        path: the file.
        tolerance: largest relative residual of a layer; `math.inf` takes the closest kernels whatever they are.
    Returns:
        The residual of every layer, and the changes of basis of input and output.
    Raises:
        ValueError: if a layer, a field, a group or an argument differs from the file, or a residual is above the tolerance.
            Nothing of the network is changed then.
    Source: docs/migration; Lang and Weiler 2021, on intertwiners.
    """
    file = read_dense(path)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    try:
        report = _load(network, file, tolerance)
    except BaseException:
        for name, value in network.state_dict().items():
            value.copy_(before[name])
        raise
    return report


def _load(network: torch.nn.Module, file: DenseNetwork, tolerance: float) -> Report:
    pairs = matched(network, file)
    pass_gates_on(pairs)
    changes = Changes()
    pin_functions(pairs, changes)
    matrices = [_changes_of(pair, changes) for pair in pairs]
    _check_bases(file, changes)
    layers = []
    for pair, (into, out) in zip(pairs, matrices, strict=True):
        residual = _take(pair, into, out)
        layers.append(LayerReport(pair.name, pair.source.name, pair.source.kind, residual))
    far = [(pair, layer.residual) for pair, layer in zip(pairs, layers, strict=True) if not layer.residual <= tolerance]
    if far:
        raise ValueError("\n".join([f"load_dense: residuals up to {tolerance:.1e} are required; received", *_advice(far)]))
    typed = [pair for pair in zip(pairs, matrices, strict=True) if pair[0].source.fields_in]
    ends = (typed[0][1][0], typed[-1][1][1]) if typed else (None, None)
    return Report(tuple(layers), *ends)


def _advice(far: list[tuple[Pair, float]]) -> list[str]:
    out = []
    for pair, residual in far:
        rings = ", ".join(f"{key}={value}" for key, value in pair.source.rings.items())
        way_out = f"; pass {rings} to the layer" if rings else ""
        if pair.source.kind == "fourier":
            way_out = (
                f", which has {len(pair.source.arrays['analysis'])} samples elsewhere; pass samples= where the grids agree"
            )
        out.append(f"  {residual:.1e} for {pair.where}{way_out}")
    return [*out, "tolerance=math.inf takes the closest weights there are; the network is as it was"]


def _changes_of(pair: Pair, changes: Changes) -> tuple[Tensor, Tensor]:
    """Changes of basis of input and output of a layer."""
    layer, source, where = pair.layer, pair.source, pair.where
    if not isinstance(layer, EquivariantModule):
        unit = torch.eye(0, dtype=torch.float64)
        return unit, unit
    keeps = source.kind == "batch_norm"
    order_in = pair.order if keeps or source.kind == "gate" else None
    into = changes.of_fields(source.fields_in, layer.in_type, f"{where}, input", order_in)
    order_out = None if source.kind == "gate" else pair.order
    out = into if keeps else changes.of_fields(source.fields_out, layer.out_type, f"{where}, output", order_out)
    return into, out


def _check_bases(file: DenseNetwork, changes: Changes) -> None:
    """Raise `ValueError` if a layer without numbers of its own works in a basis that is not the one here."""
    last: Layer | None = None
    for layer in file.layers:
        if layer.kind == "stock":
            if last is not None and any(not is_unit(q) for f in last.fields_out for q in changes.known(f)):
                raise ValueError(
                    f"load_dense: {layer.name} ({layer.type}): invariant fields before a layer of torch are required; "
                    "received fields with another basis here; load the network up to there and the rest by hand"
                )
            continue
        last = layer
        if layer.kind != "other" or layer.type in _ANY_BASIS or layer.type.startswith(_ANY_PREFIX):
            continue
        allowed = permutes if layer.type in _PERMUTED or layer.type.startswith(_PERMUTED_PREFIX) else is_unit
        for theirs in {*layer.fields_in, *layer.fields_out}:
            if not all(allowed(q) for q in changes.known(theirs)):
                raise ValueError(
                    f"load_dense: {layer.name} ({layer.type}): fields with the basis of the peer are required for this "
                    f"layer; received {theirs.name}, with another here; load the network up to there and the rest by hand"
                )


def _take(pair: Pair, into: Tensor, out: Tensor) -> float:
    """The numbers of one layer; returns the residual."""
    layer, source, where = pair.layer, pair.source, pair.where
    if source.kind == "batch_norm":
        order = pair.order or list(range(len(source.fields_in)))
        return take_batch_norm(layer, source, into, order, pair.shift, where)  # type: ignore[arg-type]
    if source.kind == "norm":
        return take_norm(layer, source, where)  # type: ignore[arg-type]
    if source.kind == "pointwise":
        return take_pointwise(layer, source, where)  # type: ignore[arg-type]
    if source.kind == "stock":
        return take_stock(layer, source, where)
    if source.kind in ("gate", "fourier"):
        return pair.residual
    return take_kernel(layer, source, into, out, pair.shift, where)  # type: ignore[arg-type]
