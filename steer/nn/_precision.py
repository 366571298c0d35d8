"""What autocast must leave alone: bases, kernels and statistics keep the precision of the weights."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

_NOTHING = nullcontext()


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """A context without autocast on the device of a tensor."""
    if x.is_meta or not torch.is_autocast_enabled(x.device.type):
        return _NOTHING
    return torch.autocast(x.device.type, enabled=False)
