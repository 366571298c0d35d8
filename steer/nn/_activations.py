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
    if not isinstance(name, str) or name not in _NAMED:
        raise ValueError(f"{where}: one of {', '.join(_NAMED)}, or a torch.nn module, is required; received {function!r}")
    stock = _NAMED[name]
    return stock(inplace=True) if in_place and issubclass(stock, _IN_PLACE) else stock()


def require_pointwise(function: torch.nn.Module, shape: tuple[int, ...], where: str) -> None:
    """Raise `ValueError` unless a module acts on each number by itself: `f(P x) = P f(x)` for a random permutation P.

    Args:
        function: torch's own activations are known to be, any other module is tried in evaluation mode.
        shape: of an input that it must take.
        where: layer, for the error message.
    """
    if type(function) in _NAMED.values():
        return
    given = f"received {function}".replace("\n", " ")
    parameters = [value for value in function.parameters() if value.is_floating_point()]
    if any(value.is_meta for value in parameters):
        return  # no numbers to try it with
    if any(value.numel() > 1 for value in function.buffers()):
        raise ValueError(f"{where}: an activation without statistics or tables for channels is required; {given}")
    like = parameters[0] if parameters else torch.empty(0, dtype=torch.float64, device="cpu")
    stream = torch.Generator("cpu").manual_seed(0)
    x = torch.randn(shape, generator=stream, dtype=torch.float64, device="cpu").to(like)
    order = torch.randperm(x.numel(), generator=stream, device="cpu").to(like.device)
    tried = copy.deepcopy(function).eval()
    with torch.no_grad():
        try:
            here, moved = tried(x.clone()), tried(x.flatten()[order].reshape(shape))
        except Exception as error:  # whatever a module does with a shape it was not made for
            raise ValueError(
                f"{where}: an activation that takes any shape is required; {given}, which fails for {list(shape)}: {error}"
            ) from error
    # The last bits depend on where a number lies among those that the processor takes at once.
    near = 100 * torch.finfo(x.dtype).eps
    if here.shape != x.shape or not torch.allclose(here.flatten()[order], moved.flatten(), near, near, equal_nan=True):
        raise ValueError(
            f"{where}: an activation that acts on each number by itself is required; {given}, whose values depend on other "
            "numbers or their places, so that it would lose the equivariance"
        )
