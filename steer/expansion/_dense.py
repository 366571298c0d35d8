"""The dense kernel of a plan as a function of its weights, with the derivative that costs least."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from steer.expansion._plan import Plan


def dense_kernel(plan: Plan, weight: Tensor, constants: tuple[Tensor, ...], kept: Tensor | None = None) -> Tensor:
    """`plan.expand(weight, constants)`, differentiable to any order, in one pass over the kernel each way.

    Args:
        constants: those of the plan, in the precision of the weights.
        kept: the same kernel if it has been computed before. It then only gets its derivative.

    Compilers, exporters and the transforms of `torch.func` see the operations of `plan.expand` themselves.
    """
    if torch.compiler.is_compiling() or not is_plain(weight):
        return plan.expand(weight, constants)
    kernel: Tensor = _Expand.apply(weight, plan, constants, kept)
    return kernel


def is_plain(weight: Tensor) -> bool:
    """Whether a tensor is numbers in memory, and no transform, tracer or mode listens to what is done with it."""
    plain = type(weight) in (Tensor, torch.nn.Parameter) and not weight.is_meta and not _batched(weight)
    return plain and unwatched()


def _private(name: str, unknown: Any) -> Any:
    """A function of torch that has no public name; of one that is gone, the answer after which nothing can be wrong."""
    return getattr(torch._C, name, lambda: unknown)


_transforms = _private("_are_functorch_transforms_active", True)
_modes = _private("_len_torch_dispatch_stack", 1)
_tracer = _private("_get_tracing_state", True)
_batched = getattr(torch._C._functorch, "is_legacy_batchedtensor", lambda tensor: False)


def unwatched() -> bool:
    """Whether no transform, tracer or mode listens to what is done with tensors."""
    return not (_transforms() or _modes() or _tracer())


def has_tangent(tensor: Tensor) -> bool:
    """Whether a derivative in forward mode comes along with a tensor."""
    return forward_ad.unpack_dual(tensor).tangent is not None


class _Expand(torch.autograd.Function):
    """`K = E w`. The map is linear, so its derivative needs nothing of the forward pass."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, plan: Plan, constants: tuple[Tensor, ...], kept: Tensor | None) -> Tensor:
        ctx.plan, ctx.constants = plan, constants
        return plan.write(weight, constants) if kept is None else kept.detach()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        if _batched(grad):
            return _batched_adjoint(grad, ctx.plan, ctx.constants), None, None, None
        followed = torch.is_grad_enabled() or not is_plain(grad) or has_tangent(grad)  # by a derivative of this one
        return (_Adjoint.apply if followed else _adjoint)(grad, ctx.plan, ctx.constants), None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Any) -> Tensor:
        return ctx.plan.write(tangent, ctx.constants)


def _batched_adjoint(grad: Tensor, plan: Plan, constants: tuple[Tensor, ...]) -> Tensor:
    """`plan.adjoint` of several gradients at once (`is_grads_batched`), which may not be written into given memory."""
    with torch.enable_grad():
        weight = torch.zeros(plan.size, dtype=grad.dtype, device=grad.device, requires_grad=True)
        kernel = plan.expand(weight, constants)
    return torch.autograd.grad(kernel, weight, grad)[0]


def _adjoint(grad: Tensor, plan: Plan, constants: tuple[Tensor, ...]) -> Tensor:
    """`plan.adjoint`, in the precision of its argument whatever autocast says."""
    if torch.is_autocast_enabled(grad.device.type):
        with torch.autocast(grad.device.type, enabled=False):
            return plan.adjoint(grad, constants)
    return plan.adjoint(grad, constants)


class _Adjoint(torch.autograd.Function):
    """`w = E^T K`."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, plan: Plan, constants: tuple[Tensor, ...]) -> Tensor:
        ctx.plan, ctx.constants = plan, constants
        return _adjoint(grad, plan, constants)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return _Expand.apply(grad, ctx.plan, ctx.constants, None), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Any) -> Tensor:
        return ctx.plan.adjoint(tangent, ctx.constants)
