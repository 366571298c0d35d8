"""What `export()` gives where `torch.nn` has no stock module: the same function on plain tensors, without field types."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Plain(torch.nn.Module):
    """`x -> function(x, **arguments)` as a module.

    Args:
        function: a function of a module (not a lambda), so that the module can be pickled.
        arguments: parameters are copied as parameters, tensors as buffers, modules are copied, other values are constants.
            A call may give others.
    """

    def __init__(self, function: Callable[..., Tensor], /, **arguments: Any) -> None:
        super().__init__()
        self._function = function
        self._names = tuple(arguments)
        for name, value in arguments.items():
            if isinstance(value, torch.nn.Parameter):
                self.register_parameter(name, torch.nn.Parameter(value.detach().clone(), value.requires_grad))
            elif isinstance(value, Tensor):
                self.register_buffer(name, value.detach().clone())
            else:
                setattr(self, name, copy.deepcopy(value))

    def forward(self, x: Tensor, **others: Any) -> Tensor:
        given = {name: value for name, value in others.items() if value is not None}
        return self._function(x, **{name: getattr(self, name) for name in self._names} | given)

    def extra_repr(self) -> str:
        return self._function.__name__


def hand_over(stock: torch.nn.Module, layer: torch.nn.Module, **values: Tensor | None) -> torch.nn.Module:
    """Give a stock layer dense values as parameters, in the mode of the layer, and frozen where those of the layer are.

    Args:
        values: by the name of the parameter, which is that of the layer's own; None where there is none.
    """
    for name, value in values.items():
        if value is not None:
            trainable = getattr(layer, name).requires_grad
            setattr(stock, name, torch.nn.Parameter(value.detach().clone(), trainable))
    return stock.train(layer.training)
