"""The activations that layers know by name."""

from __future__ import annotations

import copy

import torch

_NAMED: dict[str, type[torch.nn.Module]] = {
    "elu": torch.nn.ELU,
    "gelu": torch.nn.GELU,
    "identity": torch.nn.Identity,
    "leaky_relu": torch.nn.LeakyReLU,
    "mish": torch.nn.Mish,
    "relu": torch.nn.ReLU,
    "selu": torch.nn.SELU,
    "sigmoid": torch.nn.Sigmoid,
    "silu": torch.nn.SiLU,
    "softplus": torch.nn.Softplus,
    "softsign": torch.nn.Softsign,
    "tanh": torch.nn.Tanh,
}


_IN_PLACE = (torch.nn.ELU, torch.nn.LeakyReLU, torch.nn.ReLU, torch.nn.SELU)  # whose gradient needs the output alone


def activation(function: str | torch.nn.Module, where: str, in_place: bool = False) -> torch.nn.Module:
    """The activation of this name, or the module itself; a copy if it works in place where it may not.

    Args:
        function: a name, in torch's spelling of `torch.nn.functional`, or a `torch.nn` module that acts on each number.
        where: layer and argument, for the error message.
        in_place: whether it may overwrite its input.
    Raises:
        ValueError: if the name is unknown.
    """
    if isinstance(function, torch.nn.Module):
        if in_place or not any(getattr(part, "inplace", False) for part in function.modules()):
            return function
        function = copy.deepcopy(function)
        for part in function.modules():
            if getattr(part, "inplace", False):
                part.inplace = False  # type: ignore[assignment]
        return function
    name = function.removeprefix("p_") if isinstance(function, str) else function
    if name not in _NAMED:
        raise ValueError(f"{where}: one of {', '.join(_NAMED)}, or a torch.nn module, is required; received {function!r}")
    stock = _NAMED[name]
    return stock(inplace=True) if in_place and issubclass(stock, _IN_PLACE) else stock()
