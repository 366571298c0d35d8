"""The numbers of a tensor at one time, to ask later whether they are still the same."""

from __future__ import annotations

import ctypes
import sys

from torch import Tensor

# Of the C library: evaluation asks in every layer, and `torch.equal` takes seven times as long.
_differ = (ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)).memcmp
_differ.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]


class Snapshot:
    """A copy of the numbers of a tensor on the CPU."""

    def __init__(self, tensor: Tensor) -> None:
        self._copy = tensor.detach().clone().contiguous()
        self._address, self._bytes = self._copy.data_ptr(), self._copy.nbytes

    def is_of(self, tensor: Tensor) -> bool:
        """Whether a tensor on the CPU has the same numbers, dtype, shape: bit by bit, so NaN is itself, and -0 is not 0.

        A tensor elsewhere, without memory, not contiguous, or negated when read, has not, whatever its numbers.
        """
        copy = self._copy
        return (
            tensor.is_cpu
            and tensor.dtype is copy.dtype
            and tensor.shape == copy.shape
            and tensor.is_contiguous()
            and not tensor.is_neg()
            and ((address := tensor.data_ptr()) > tensor.storage_offset() * copy.itemsize or not self._bytes)  # else freed
            and not _differ(address, self._address, self._bytes)
        )
