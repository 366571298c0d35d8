"""Short names for matrices, equal wherever they are computed."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

_DIGITS = 1e5  # matrices are compared to five digits: far above rounding, far below any real difference
_OFFSET = 0.318309886  # keeps halves, quarters and square roots, frequent in these matrices, off the edge of two cells


def digest(*values: Tensor) -> str:
    """64 hexadecimal digits that depend on the shapes of tensors and on their entries to five decimals."""
    text = hashlib.sha256()
    for tensor in values:
        rounded = (tensor.detach().to("cpu", torch.float64) * _DIGITS + _OFFSET).floor().to(torch.int64)
        text.update(repr(tuple(rounded.shape)).encode())
        text.update(rounded.contiguous().numpy().astype("<i8").tobytes())
    return text.hexdigest()
