"""Fixed matrices and index lists of a layer, exact in every precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


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
        return self.get_buffer(name)

    def like(self, name: str, x: Tensor) -> Tensor:
        """The constant in the dtype of `x`; from the source when that holds more digits than the buffer."""
        buffer = self.get_buffer(name)
        if x.dtype == buffer.dtype:
            return buffer
        return self.sources[name].to(x) if x.dtype == torch.float64 else buffer.to(x.dtype)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}: {list(source.shape)}" for name, source in self.sources.items())
