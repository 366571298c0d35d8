"""Statistics of a batch that several processes hold in parts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from steer.nn._normalise import FieldStatistics, rows_of, wide_dtype


def is_distributed() -> bool:
    """Whether this is one of several processes, or of one that could be several."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


class Joined:
    """The processes whose batches are joined; copies of a layer join the same, and in files these are all processes.

    A process group is a handle of this process: it can be neither copied nor written.

    Args:
        group: of the processes; None for all.
    """

    def __init__(self, group: torch.distributed.ProcessGroup | None = None) -> None:
        self.group = group

    def __deepcopy__(self, memo: Any) -> Joined:
        return self

    def __reduce__(self) -> tuple[type[Joined], tuple[()]]:
        return Joined, ()


class _Total(torch.autograd.Function):
    """The sum over all processes. Each of them depends on every part, so its derivative is the same sum of gradients.

    Torch's own, in `torch.distributed.nn.functional`, is deprecated, and what follows it is private.
    """

    @staticmethod
    def forward(ctx: Any, part: Tensor, group: torch.distributed.ProcessGroup | None) -> Tensor:
        ctx.group = group
        total = part.detach().clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _Total.apply(grad, ctx.group), None


def joint_moments(
    x: Tensor, statistics: FieldStatistics, group: torch.distributed.ProcessGroup | None
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Number of values; mean of every channel and mean square of every field about its invariant part, over all processes.

    Sums are added and then divided, `mean = sum_p sum_{i in p} x_i / sum_p n_p`, so parts may differ in size and be empty.
    Differentiable, as a function of the parts of all processes: the derivative adds up what all of them ask for. Each calls
    it, and each differentiates it or none does.
    """
    rows, wide = rows_of(x), wide_dtype(x)
    sums = rows.sum(2, dtype=wide).sum(0)
    sums = _Total.apply(torch.cat([sums, sums.new_full((1,), x.numel() // x.shape[1])]), group)
    count = sums[-1].detach()
    mean = sums[:-1] / count
    if statistics.centred:
        rows = rows - statistics.project(mean).to(x.dtype)[:, None]
    lengths = torch.linalg.vector_norm(rows, dim=2, dtype=wide)
    square = _Total.apply(statistics.field_mean(lengths.square().sum(0)), group) / count
    return count, (mean, square)
