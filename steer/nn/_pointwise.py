"""Pointwise nonlinearities, for fields whose channels are permuted."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import torch
from torch import Tensor

from steer.field import FieldType
from steer.nn._activations import activation as _activation
from steer.nn._activations import require_pointwise
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
        activation: a `torch.nn` module that acts on each number by itself, or a name as in `FourierPointwise`.
    Raises:
        ValueError: if a field is not a permutation representation, the name is unknown, or the module lets numbers depend
            on each other; modules that are not torch's own are tried on random numbers.
    """

    def __init__(self, in_type: FieldType, activation: str | torch.nn.Module) -> None:
        super().__init__(in_type)
        name = type(self).__name__
        require_permutation(in_type, name)
        if not isinstance(activation, torch.nn.Module):  # a module may overwrite its input if its owner says so
            activation = _activation(activation, f"{name}: activation")
        several = [name for name, value in activation.named_parameters() if value.numel() > 1]
        if several:
            raise ValueError(
                f"{type(self).__name__}: an activation without a parameter per channel is required, as the channels of a "
                f"field must be treated alike; {', '.join(several)} of {activation} has more than one number"
            )
        d = in_type.gspace.dimensionality
        require_pointwise(activation, (2, in_type.size, *(3,) * d), name)
        self.activation = activation

    def compute(self, x: Tensor) -> Tensor:
        inner: torch.nn.Module = self._modules["activation"]  # type: ignore[assignment]  # as an attribute it is found late
        return inner(x)

    def export(self) -> torch.nn.Module:
        return copy.deepcopy(self.activation)

    def extra_repr(self) -> str:
        return str(self.in_type)


def _front(stock: type[torch.nn.Module]) -> type[Pointwise]:
    """A subclass of `Pointwise` whose constructor takes the field type and then the arguments of a stock activation."""

    def init(self: Pointwise, in_type: FieldType, *args: Any, **kwargs: Any) -> None:
        Pointwise.__init__(self, in_type, stock(*args, **kwargs))

    init.__name__, init.__qualname__ = "__init__", f"{stock.__name__}.__init__"  # as Python's errors name it
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
