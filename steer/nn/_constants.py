"""Fixed matrices of a layer, exact in every precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Constants(torch.nn.Module):
    """Named float64 tensors as buffers that follow dtype and device of the model, always cast from the source.

    They follow from the constructor's arguments, so no checkpoint holds them.
    """

    def __init__(self, **sources: Tensor) -> None:
        super().__init__()
        self.sources = {name: source.detach().to("cpu", torch.float64) for name, source in sources.items()}
        self._load(torch.get_default_dtype(), torch.get_default_device())

    def _load(self, dtype: torch.dtype, device: torch.device) -> None:
        for name, source in self.sources.items():
            self.register_buffer(name, source.to(device, dtype, copy=True), persistent=False)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        before = {name: (buffer.dtype, buffer.device) for name, buffer in self.named_buffers()}
        out = super()._apply(fn, recurse)
        if any((buffer.dtype, buffer.device) != before[name] for name, buffer in self.named_buffers()):
            first = next(self.buffers())
            self._load(first.dtype, first.device)
        return out

    def like(self, name: str, x: Tensor) -> Tensor:
        """The constant in the dtype of `x`; from the source when that holds more digits than the buffer."""
        buffer = self.get_buffer(name)
        if x.dtype == buffer.dtype:
            return buffer
        return self.sources[name].to(x) if x.dtype == torch.float64 else buffer.to(x.dtype)
