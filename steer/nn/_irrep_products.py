"""Linear maps of fibres, irrep by irrep, where that is less work than a dense kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.expansion import Plan, Schur, Work, is_plain, schur, work
from steer.nn._constants import Constants

# In multiplications of a large dense product: what it costs to write and read a channel once more, and to take all steps
# however few sites there are. Fitted on one thread of an AMD EPYC in single precision, to regular fields of C4, C8, D8 and O
# and irreps of SO(2) and SO(3), 64 to 384 channels at 512 to 8192 sites; see `python -m benchmarks schur`.
PER_PASS = 27.0
PER_CALL = 20_000_000
PART = 1 << 19  # numbers that stay in the processor's cache, and in memory that the process keeps, from step to step


class IrrepProducts(Constants):
    """The map of a plan with one tap as a product for each irrep; a copy or a pickle holds the recipe.

    It agrees with the dense kernel up to rounding, and differentiates by the same operations.
    """

    def __init__(self, plan: Plan) -> None:
        torch.nn.Module.__init__(self)
        self.schur: Schur = schur(plan)
        self.work: Work = work(plan)
        self._load(torch.get_default_dtype(), torch.get_default_device())

    @property
    def sources(self) -> dict[str, Tensor]:
        return self.schur.constants

    def pays(self, x: Tensor, weight: Tensor) -> bool:
        """Whether it is faster than the dense kernel for these fields.

        Not on accelerators, nor in half precision, whose dense products are faster than the moving of channels, and which
        would round three times; nor in an exported graph, which serves other devices and every number of sites.
        """
        if x.device.type != "cpu" or x.dtype != weight.dtype or torch.is_autocast_enabled("cpu"):
            return False
        if x.dtype not in (torch.float32, torch.float64) or _exporting():
            return False
        return x.numel() // x.shape[1] * _saved(self.work, _differentiated(x, weight)) > PER_CALL

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Fields `[batch, channel, *space]`, in any strides, mapped with weights and a dense bias."""
        constants = {name: self.like(name, weight) for name in self.sources}  # weights may be given for one call
        matrices = self.schur.matrices(weight, constants)
        batch, space = x.shape[0], x.shape[2:]
        last = not space or x.stride(1) == 1  # the channels of a site follow one another in memory; so they do in the result
        fields = x.movedim(1, 0).flatten(1)[None] if last else x.flatten(2)
        if _differentiated(x, weight) or torch.compiler.is_compiling() or not is_plain(x):
            y = self.schur.apply(fields.movedim(1, 0).flatten(1), matrices, bias, constants)
            y = y.unflatten(1, fields.shape[::2]).movedim(1, 0)
        else:
            shape = fields.shape[0], self.schur.plan.layout_out.dim, fields.shape[2]
            y = x.new_empty(shape[0] * shape[2], shape[1]).mT[None] if last else x.new_empty(shape)
            for part in _parts(fields):
                own = fields[part]
                mapped = self.schur.apply(own.movedim(1, 0).flatten(1), matrices, bias, constants)
                if last:
                    y[part][0].mT.copy_(mapped.mT)  # torch transposes into rows much faster than into columns
                else:
                    y[part] = mapped.unflatten(1, own.shape[::2]).movedim(1, 0)
        if last:
            return y[0].mT.contiguous().reshape(batch, *space, -1).movedim(-1, 1)
        return y.contiguous().unflatten(2, space)


def _parts(fields: Tensor) -> list[tuple[slice, slice, slice]]:
    """Places in fields `[sample, channel, site]` with `PART` numbers each: whole samples, or sites of one."""
    samples, channels, sites = fields.shape
    step = max(1, PART // channels)
    across = max(1, step // max(sites, 1))
    every = slice(None)
    if sites <= step:
        return [(slice(first, first + across), every, every) for first in range(0, samples, across)]
    return [(slice(i, i + 1), every, slice(first, first + step)) for i in range(samples) for first in range(0, sites, step)]


def _differentiated(x: Tensor, weight: Tensor) -> bool:
    return torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)


def _exporting() -> bool:
    return torch.compiler.is_compiling() and getattr(torch.compiler, "is_exporting", lambda: True)()


def _saved(work: Work, differentiated: bool) -> float:
    """Multiplications saved at every site. The derivative has two products for each, and fewer passes for each of them."""
    return work.dense - work.blocks - PER_PASS * work.moved * (0.5 if differentiated else 1.0)


def irrep_products(plan: Plan, weight: Tensor) -> IrrepProducts | None:
    """The products for a plan, on the device of its weights; None if they never pay."""
    return IrrepProducts(plan).to(weight) if plan.recipe[2].taps == 1 and _saved(work(plan), True) > 0 else None
