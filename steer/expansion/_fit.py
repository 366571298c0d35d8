"""Least squares: the coefficients of a kernel space that come closest to given kernels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from steer.expansion._blocks import Block

_MOST_ENTRIES = 5e7  # of a basis that is written out; larger ones are only applied


def fit(block: Block, entries: int, kernels: Tensor, constants: tuple[Tensor, ...]) -> Tensor:
    """Coefficients of kernels of one pair of field kinds, `[pair, entries] -> [pair, block.size]`, in float64."""
    if block.size == 0:
        return kernels.new_zeros(len(kernels), 0)

    def expand(weights: Tensor) -> Tensor:
        """`[n, size] -> [n, entries]`: as n output fields that see one input field."""
        return block.expand(weights[:, None], constants).reshape(len(weights), entries)

    if block.size * entries <= _MOST_ENTRIES:
        basis = expand(torch.eye(block.size, dtype=torch.float64))
        return torch.linalg.lstsq(basis.mT, kernels.mT, driver="gelsd").solution.mT
    return torch.stack([_iterate(expand, block.size, entries, kernel) for kernel in kernels])


def _iterate(expand: Callable[[Tensor], Tensor], size: int, entries: int, kernel: Tensor) -> Tensor:
    from scipy.sparse.linalg import LinearOperator, lsqr

    zero = torch.zeros(1, size, dtype=torch.float64, requires_grad=True)

    def adjoint(values: np.ndarray) -> np.ndarray:
        with torch.enable_grad():
            (found,) = torch.autograd.grad(expand(zero), zero, torch.from_numpy(values).reshape(1, entries))
        return found[0].numpy()

    def forward(weights: np.ndarray) -> np.ndarray:
        return expand(torch.from_numpy(weights).reshape(1, size))[0].numpy()

    operator = LinearOperator((entries, size), matvec=forward, rmatvec=adjoint, dtype=np.float64)
    return torch.from_numpy(lsqr(operator, kernel.numpy(), atol=1e-14, btol=1e-14, iter_lim=2000)[0])
