"""Pointwise nonlinearities, for fields whose channels are permuted."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import torch
from torch import Tensor

from steer.field import FieldType
from steer.nn._module import EquivariantModule, require_fields


def require_permutation(
    kind: FieldType, name: str, instead: str = "NormNonLinearity, GatedNonLinearity or FourierPointwise"
) -> None:
    """Raise `ValueError` unless every field of a type is a permutation representation; `instead` names the way out."""
    if not require_fields(kind, name).is_permutation:
        others = sorted({str(field) for field in kind.representations if not field.is_permutation})
        raise ValueError(
            f"{name}: fields whose channels the group permutes (trivial, regular, quotient) are required; "
            f"{', '.join(others)} of {kind.fibergroup} would lose its equivariance; use {instead}"
        )


class Pointwise(EquivariantModule):
    """Any `torch.nn` activation applied to every channel, `f_i -> a(f_i)`.

    Law: `rho(g)` permutes the channels, which commutes with one function of each. Exact for the whole group, on permutation
    fields; approximate for none.

    Args:
        in_type: trivial, regular and quotient fields.
        activation: a `torch.nn` module that acts on each number by itself.
    Raises:
        ValueError: if a field is not a permutation representation, or the activation mixes numbers (`GLU`, `Softmax`).
    """

    def __init__(self, in_type: FieldType, activation: torch.nn.Module) -> None:
        super().__init__(in_type)
        require_permutation(in_type, type(self).__name__)
        several = [name for name, value in activation.named_parameters() if value.numel() > 1]
        if several:
            raise ValueError(
                f"{type(self).__name__}: an activation without a parameter per channel is required, as the channels of a "
                f"field must be treated alike; {', '.join(several)} of {activation} has more than one number"
            )
        if not _acts_on_each_number(activation, in_type.size):
            raise ValueError(
                f"{type(self).__name__}: an activation that acts on each number by itself is required; {activation} mixes "
                "them or changes the shape; use another activation"
            )
        self.activation = activation

    def compute(self, x: Tensor) -> Tensor:
        return self.activation(x)

    def export(self) -> torch.nn.Module:
        return copy.deepcopy(self.activation)

    def extra_repr(self) -> str:
        return str(self.in_type)


def _acts_on_each_number(activation: torch.nn.Module, channels: int) -> bool:
    """Whether the output has the shape of the input, and one number of the input changes no other of the output."""
    own = next((p for p in activation.parameters()), None)
    if own is not None and own.is_meta:
        return True
    device, dtype = ("cpu", torch.float32) if own is None else (own.device, own.dtype)
    probe = torch.linspace(-1, 1, 2 * channels * 2, device=device, dtype=dtype).reshape(2, channels, 2)
    other = probe.clone()
    other[0, 0, 0] += 1
    one = copy.deepcopy(activation).eval()
    with torch.no_grad():
        y, z = one(probe.clone()), one(other)
    if y.shape != probe.shape:
        return False
    changed = y != z
    changed[0, 0, 0] = False
    return not bool(changed.any())


def _front(stock: type[torch.nn.Module]) -> type[Pointwise]:
    """A subclass of `Pointwise` whose constructor takes the field type and then the arguments of a stock activation."""

    def init(self: Pointwise, in_type: FieldType, *args: Any, **kwargs: Any) -> None:
        Pointwise.__init__(self, in_type, stock(*args, **kwargs))

    signature = str(inspect.signature(stock.__init__)).replace("(self", "(in_type", 1)
    return type(
        stock.__name__,
        (Pointwise,),
        {
            "__init__": init,
            "__module__": __name__,
            "__qualname__": stock.__name__,
            "__doc__": f"`torch.nn.{stock.__name__}` on every channel, `f_i -> a(f_i)`.\n\n"
            "    Law: g permutes the channels. Exact for the whole group, on permutation fields; approximate for none.\n\n"
            f"    Arguments: `{signature}`, those after `in_type` as in torch.\n    ",
        },
    )


ReLU = _front(torch.nn.ReLU)
ELU = _front(torch.nn.ELU)
LeakyReLU = _front(torch.nn.LeakyReLU)
GELU = _front(torch.nn.GELU)
SiLU = _front(torch.nn.SiLU)
Mish = _front(torch.nn.Mish)
SELU = _front(torch.nn.SELU)
CELU = _front(torch.nn.CELU)
Softplus = _front(torch.nn.Softplus)
Hardswish = _front(torch.nn.Hardswish)
Sigmoid = _front(torch.nn.Sigmoid)
Tanh = _front(torch.nn.Tanh)
