"""The numbers of one layer, in the basis here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from steer.interop._file import Layer
from steer.nn import (
    GatedNonLinearity,
    NormBatchNorm,
    NormNonLinearity,
    Pointwise,
    SteerableConv,
    SteerableConvTransposed,
    SteerableModule,
)

_CLOSE = 1e-4


def take_kernel(layer: SteerableModule, source: Layer, into: Tensor, out: Tensor, shift: Tensor | None, where: str) -> float:
    """Kernel and bias of a convolution or linear layer; returns the residual.

    Args:
        into, out: changes of basis of all input and of all output channels.
        shift: to be taken off the bias, `[channels_out]`, in the basis here.
    """
    if isinstance(layer, (SteerableConv, SteerableConvTransposed)):
        _compare_arguments(layer, source.arguments, where)
    kernel = source.arrays["kernel"].double()
    groups = getattr(layer, "groups", 1)
    first, second = (into, out) if isinstance(layer, SteerableConvTransposed) else (out, into)
    part = second[: len(second) // groups, : second.shape[1] // groups]
    if groups > 1 and any(bool((m - torch.block_diag(*[p] * groups)).any()) for m, p in ((second, part),)):
        raise ValueError(f"load_dense: {where}: fields in the order of the file are required for groups={groups}")
    if kernel.shape[:2] != (first.shape[1], part.shape[1]):
        raise ValueError(
            f"load_dense: {where}: a kernel of {[first.shape[1], part.shape[1]]} channels is required; the file has "
            f"{list(kernel.shape[:2])}; export the network again"
        )
    kernel = torch.einsum("ai,bj,ij...->ab...", first, part, kernel)
    bias = source.arrays.get("bias")
    bias = None if bias is None else out @ bias.double()
    if shift is not None and bool(shift.any()):
        bias = (torch.zeros(len(out), dtype=torch.float64) if bias is None else bias) - shift
    if bias is not None and layer.bias is None:
        if bool(bias.any()):
            raise ValueError(f"load_dense: {where}: a bias is required, as in the file; build the layer with bias=True")
        bias = None
    return layer.from_dense(kernel, bias)


def _compare_arguments(layer: SteerableConv | SteerableConvTransposed, given: dict[str, Any], where: str) -> None:
    for name, value in given.items():
        own = getattr(layer, name, value)
        same = tuple(_repeated(value, layer.d)) == tuple(_repeated(own, layer.d))
        if not same:
            raise ValueError(
                f"load_dense: {where}: {name}={value} is required, as in the file; the layer has {own}; build it so"
            )
    if getattr(layer, "centred", False):
        raise ValueError(f"load_dense: {where}: centred=False is required, as the file has the sites of torch")


def _repeated(value: Any, d: int) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else (value,) * d


def take_batch_norm(
    layer: NormBatchNorm, source: Layer, change: Tensor, order: list[int], shift: Tensor | None, where: str
) -> float:
    """Statistics, weight and bias of batch normalisation; returns what of the means and biases was not invariant."""
    arguments, arrays = source.arguments, {key: value.double() for key, value in source.arrays.items()}
    if abs(layer.eps - arguments["eps"]) > 1e-3 * arguments["eps"]:
        raise ValueError(f"load_dense: {where}: eps={arguments['eps']} is required, as in the file; received {layer.eps}")
    if layer.running_mean is None or layer.running_var is None:
        raise ValueError(f"load_dense: {where}: running statistics are required; build it with track_running_stats=True")
    layer.running_var.copy_(arrays["var"][order])
    residual = _take_vector(layer, layer.running_mean, change @ arrays["mean"])
    weight = arrays.get("weight", torch.ones(len(order), dtype=torch.float64))[order]
    bias = change @ arrays.get("bias", torch.zeros(change.shape[1], dtype=torch.float64))
    bias = bias if shift is None else bias - shift
    if layer.weight is None or layer.bias is None:
        if bool((weight != 1).any()) or bool(bias.any()):
            raise ValueError(f"load_dense: {where}: weight and bias are required, as in the file; build it with affine=True")
    else:
        layer.weight.copy_(weight)
        residual = max(residual, _take_vector(layer, layer.bias, bias))
    if layer.num_batches_tracked is not None:
        layer.num_batches_tracked.fill_(arguments.get("batches", 0))
    return residual


def _take_vector(layer: NormBatchNorm, target: Tensor, vector: Tensor) -> float:
    """The coefficients of a vector of channels with respect to the invariants of a normalisation."""
    if not target.numel():
        taken = torch.zeros_like(vector)
    else:
        unit = torch.eye(target.numel(), dtype=torch.float64, device=target.device)
        vectors = torch.stack([layer.statistics.vector(row) for row in unit], 1).cpu()  # orthogonal columns
        coefficients = vectors.mT @ vector / vectors.square().sum(0)
        target.copy_(coefficients)
        taken = vectors @ coefficients
    whole = float(vector.norm())
    return float((vector - taken).norm()) / whole if whole else 0.0


def take_norm(layer: NormNonLinearity, source: Layer, where: str) -> float:
    """The thresholds `b` of `relu(|f| - b)`, which the layer stores such that `b = elu(bias) + 1`."""
    function, threshold = source.settings["function"], source.arrays.get("threshold")
    if function != "relu" or layer.function != "relu":
        raise ValueError(
            f"load_dense: {where}: the function relu is required on both sides, as the others are other functions here; the "
            f"file has {function}, the layer {layer.function}; write the function of the file as a layer of your own"
        )
    if (threshold is None) != (layer.bias is None):
        raise ValueError(f"load_dense: {where}: bias={threshold is not None} is required, as in the file; build it so")
    if threshold is not None and layer.bias is not None:
        threshold = threshold.double().clamp(min=1e-30)
        layer.bias.copy_(torch.where(threshold < 1, threshold.log(), threshold - 1))
    return 0.0


def take_pointwise(layer: Pointwise, source: Layer, where: str) -> float:
    """Nothing, but the function must be that of the file."""
    compare_function(layer.activation, source.settings, where)
    return 0.0


def compare_gate(layer: GatedNonLinearity, source: Layer, where: str) -> None:
    """Raise `ValueError` unless scalars and gates go through the functions of the file."""
    values = torch.linspace(-2, 2, 9).sigmoid().tolist()
    compare_function(layer.gate, {"function": "sigmoid", "values": values}, f"{where}, gates")
    if source.settings["scalars"]:
        compare_function(layer.scalar, source.settings, f"{where}, scalars")


def compare_function(function: torch.nn.Module, settings: dict[str, Any], where: str) -> None:
    """Raise `ValueError` unless a function of single numbers has the values in the file."""
    values = torch.tensor(settings["values"], dtype=torch.float64)
    points = torch.linspace(-2, 2, len(values), dtype=torch.float64)
    parameter = next(function.parameters(), None)
    own = function(points.clone() if parameter is None else points.to(parameter)).double().cpu()
    if not torch.allclose(own, values, atol=_CLOSE):
        raise ValueError(
            f"load_dense: {where}: the function {settings['function']} of the file is required, {_at_two(values)}; the "
            f"layer has {function}, {_at_two(own)}"
        )


def _at_two(values: Tensor) -> str:
    return f"f(-2) = {float(values[0]):.4g}, f(2) = {float(values[-1]):.4g}"


def take_stock(layer: torch.nn.Module, source: Layer, where: str) -> float:
    """The state of a layer of torch."""
    state = layer.state_dict()
    if type(layer).__name__ != source.type or {k: v.shape for k, v in state.items()} != {
        k: v.shape for k, v in source.arrays.items()
    }:
        shapes = ", ".join(f"{key} {list(value.shape)}" for key, value in source.arrays.items())
        raise ValueError(f"load_dense: {where}: {source.type} with {shapes} is required, as in the file; received {layer}")
    layer.load_state_dict(source.arrays)
    return 0.0
