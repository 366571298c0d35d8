"""What gates ask of the layers before them: their order of fields, and the shifts of the peer's gates."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.interop._file import Layer
from steer.interop._pairs import Pair
from steer.interop._take import compare_gate
from steer.nn import EquivariantModule, GatedNonLinearity


def pass_gates_on(pairs: list[Pair]) -> None:
    """Let the layers before a gate give its fields in the order here, with the shifts of the gates in their bias."""
    for i, pair in enumerate(pairs):
        if isinstance(pair.layer, GatedNonLinearity):
            compare_gate(pair.layer, pair.source, pair.where)
            order, rest = _order_of_gate(pair.layer, pair.source, pair.where)
            shift: Tensor | None = rest
            pair.order = order
            if not i:
                raise ValueError(f"load_dense: {pair.where}: a layer with a bias before it is required, as in the file")
            for before in reversed(pairs[:i]):
                kind = before.source.kind
                fits = isinstance(before.layer, EquivariantModule) and before.layer.out_type == pair.layer.in_type
                if kind not in ("batch_norm", "convolution", "transposed", "linear") or not fits:
                    raise ValueError(
                        f"load_dense: {pair.where}: a convolution, linear layer or batch normalisation to its in_type is "
                        f"required before it; received {before.where}"
                    )
                before.order = order
                if shift is not None and (kind != "batch_norm" or before.layer.affine):
                    before.shift, shift = shift, None
                if kind != "batch_norm":
                    break


def _order_of_gate(layer: GatedNonLinearity, source: Layer, where: str) -> tuple[list[int], Tensor]:
    """For every field of the layer's input, the number of the file's; and the shift of every channel."""
    settings, fields = source.settings, layer.out_type.representations
    order = list(settings["order"])
    gate_of = dict(zip(settings["gated"], zip(settings["gates"], source.arrays["shift"].tolist(), strict=True), strict=True))
    if len(order) != len(fields):
        raise ValueError(f"load_dense: {where}: {len(order)} fields are required, as in the file; received {len(fields)}")
    shifts = [0.0] * layer.in_type.size
    channel = layer.out_type.size
    for field_here, number in zip(fields, list(order), strict=True):
        if field_here.is_trivial != (number not in gate_of):
            raise ValueError(
                f"load_dense: {where}: trivial fields without gates, and gates for all others, are required; field {number} "
                f"of the file {'has a' if number in gate_of else 'has no'} gate, and is {field_here} here"
            )
        if number in gate_of:
            gate, shift = gate_of[number]
            order.append(gate)
            shifts[channel] = shift
            channel += 1
    return order, torch.tensor(shifts, dtype=torch.float64)
