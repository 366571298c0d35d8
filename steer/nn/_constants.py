"""Fixed matrices and index lists of a layer, exact in every precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from steer.group import require


class Constants(torch.nn.Module):
    """Named tensors as buffers that follow the device of the model, and its dtype unless they are integers.

    They are always cast from a float64 source, so a model that went through single precision and back loses nothing, and
    made again whenever they are replaced, so a model built on the meta device gets them. They follow from the constructor's
    arguments, so no checkpoint holds them.
    """

    is_machinery = True

    def __init__(self, **sources: Tensor | list[int]) -> None:
        super().__init__()
        self._given = {
            name: source.detach().to("cpu", torch.float64)
            if isinstance(source, Tensor)
            else torch.tensor(source, dtype=torch.long, device="cpu")
            for name, source in sources.items()
        }
        self._load(torch.get_default_dtype(), torch.get_default_device())

    @property
    def sources(self) -> dict[str, Tensor]:
        """The tensors that the buffers are cast from, on the CPU in float64 (index lists in int64)."""
        return self._given

    def _load(self, dtype: torch.dtype, device: torch.device) -> None:
        for name, source in self.sources.items():
            kind = dtype if source.is_floating_point() else source.dtype
            self.register_buffer(name, source.to(device, kind, copy=True), persistent=False)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        # As lists of numbers: torch would lay out any array of four or five axes as if two or three of them were space.
        before = sorted((buffer.flatten() for buffer in self.buffers()), key=lambda flat: not flat.is_floating_point())
        after = [fn(flat) for flat in before]
        if any(new is not old for new, old in zip(after, before, strict=True)):
            self._load(after[0].dtype, after[0].device)
        return self

    def __getitem__(self, name: str) -> Tensor:
        return self._buffers[name]  # type: ignore[return-value]  # `get_buffer` looks for paths, in every layer and step

    def like(self, name: str, x: Tensor) -> Tensor:
        """The constant in the dtype of `x` (index lists in their own) and on its device.

        From the source when that holds more digits than the buffer, or when the buffer was left on another device, as
        parameters that are assigned or given for one call do.
        """
        buffer = self[name]
        kind = x.dtype if buffer.is_floating_point() else buffer.dtype
        if buffer.dtype == kind and buffer.device == x.device:
            return buffer
        return (
            self.sources[name].to(x.device, kind) if kind == torch.float64 or buffer.device != x.device else buffer.to(kind)
        )

    def follow(self, x: Tensor) -> None:
        """Take on the dtype and the device of a tensor."""
        if any(b.device != x.device or (b.is_floating_point() and b.dtype != x.dtype) for b in self.buffers()):
            self._load(x.dtype, x.device)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
        # Assigned tensors replace parameters on the meta device, but nothing is assigned to what no checkpoint holds.
        buffers = list(self.buffers())
        if local_metadata.get("assign_to_params_buffers") and buffers and buffers[0].is_meta:
            kind = next((b.dtype for b in buffers if b.is_floating_point()), torch.get_default_dtype())
            self._load(kind, torch.get_default_device())
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}: {list(source.shape)}" for name, source in self.sources.items())


class _NamesOfConstants:
    """Those of a module as an attribute that a list of the user's own replaces."""

    def __get__(self, module: torch.nn.Module | None, owner: type) -> list[str]:
        return [] if module is None else names_of_constants(module)


class LocalConstants(torch.nn.Module):
    """A module whose constants `DistributedDataParallel` does not send to the other processes: they have the same."""

    _ddp_params_and_buffers_to_ignore = _NamesOfConstants()


def names_of_constants(network: torch.nn.Module) -> list[str]:
    """The names of all buffers that are constants."""
    return [
        f"{name}.{key}" if name else key
        for name, module in network.named_modules()
        if isinstance(module, Constants)
        for key, _ in module.named_buffers(recurse=False)
    ]


def keep_constants_local(network: torch.nn.Module) -> torch.nn.Module:
    """Tell `DistributedDataParallel` not to send the constants of a network around; call it on what will be wrapped.

    In training it sends all buffers before every forward pass, and the constants are most of them, though they are the same
    in every process. Networks that are an `nn.Sequential` need no call. Returns the network.

    Source: `DistributedDataParallel._set_params_and_buffers_to_ignore_for_model`.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> kind = gspaces.rot2dOnR2(4).type("regular")
    >>> net = nn.keep_constants_local(torch.nn.Sequential(nn.R2Conv(kind, kind, 3)))
    """
    require(network, torch.nn.Module, "keep_constants_local", "a torch module")
    network._ddp_params_and_buffers_to_ignore = names_of_constants(network)  # type: ignore[assignment]
    return network
