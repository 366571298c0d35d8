"""The weights of a linear equivariant map: one parameter, and the plan that makes it a dense kernel."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from steer.expansion import Plan, Sampling, layout, plan
from steer.field import FieldType
from steer.group import deterministic
from steer.nn._module import EquivariantModule
from steer.representation import Irrep, Quotient, Representation


class UnreachableIrrepsWarning(UserWarning):
    """Some output fields receive no kernel at all."""


class SteerableModule(EquivariantModule):
    """A layer with a steerable kernel and a bias on the invariants of its output.

    `weight` is one vector of coefficients, `bias` one number per invariant of the output. Bases are buffers that no
    checkpoint holds: they follow from the types, and are made again in full precision whenever the dtype changes.
    """

    weight: torch.nn.Parameter
    bias: torch.nn.Parameter | None

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        fields_in: tuple[Representation, ...],
        sampling: Sampling,
        bias: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        if in_type.gspace != out_type.gspace:
            raise ValueError(
                f"{type(self).__name__}: types over one gspace are required; received {in_type.gspace} and {out_type.gspace}"
            )
        self.in_type, self.out_type = in_type, out_type
        self.plan: Plan = plan(fields_in, out_type.representations, sampling)
        if self.plan.unreachable:
            names = ", ".join(f"{count} of {atom}" for atom, count in self.plan.unreachable)
            warnings.warn(
                f"{type(self).__name__}: no kernel reaches {sum(n for _, n in self.plan.unreachable)} output field(s) "
                f"({names}) from {in_type}; they stay zero. Raise band_limit or kernel_size, or add input fields.",
                UnreachableIrrepsWarning,
                stacklevel=3,
            )
        self.weight = torch.nn.Parameter(torch.empty(self.plan.size, device=device, dtype=dtype))
        invariants = _invariant_vectors(out_type.representations)
        self._bias_basis = invariants
        if bias and invariants.shape[1]:
            self.bias = torch.nn.Parameter(torch.zeros(invariants.shape[1], device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self._cache: tuple[Any, Tensor] | None = None
        self._load_constants()
        self.reset_parameters()

    def reset_parameters(self, gain: float = 1.0) -> None:
        """Draw the weights anew: independent normal, such that the map keeps the variance of its input, times `gain^2`.

        Closed form, from the norms of the basis elements (`Plan.deviation`). Use `gain=2**0.5` before rectifiers. The bias
        becomes zero.
        """
        with torch.no_grad():
            if self.weight.device.type != "meta":
                self.weight.normal_().mul_(self.plan.deviation.to(self.weight) * gain)
            if self.bias is not None:
                self.bias.zero_()

    def _sources(self) -> dict[str, Tensor]:
        named = {f"basis_{i}": constant for i, constant in enumerate(self.plan.constants)}
        return {**named, "bias_basis": self._bias_basis}

    def _load_constants(self) -> None:
        """Copy the bases from their float64 sources in the dtype and on the device of the weight."""
        for name, source in self._sources().items():
            dtype = self.weight.dtype if source.is_floating_point() else source.dtype
            self.register_buffer(name, source.to(self.weight.device, dtype, copy=True), persistent=False)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        before = (self.weight.dtype, self.weight.device)
        out = super()._apply(fn, recurse)
        if (self.weight.dtype, self.weight.device) != before:
            self._load_constants()
        self._cache = None
        return out

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": None}

    def expand_kernel(self) -> Tensor:
        """The dense kernel `[channels_out, channels_in, taps]` of the present weights, differentiable."""
        constants = tuple(self.get_buffer(f"basis_{i}") for i in range(len(self.plan.constants)))
        return self.plan.expand(self.weight, constants)

    def expand_bias(self) -> Tensor | None:
        """The dense bias `[channels_out]`, or None."""
        return None if self.bias is None else self.get_buffer("bias_basis") @ self.bias

    def dense(self) -> tuple[Tensor, Tensor | None]:
        """Dense kernel and bias; in eval mode without gradients, computed once per version of the weights."""
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling() or self.weight.is_inference():
            return self.expand_kernel(), self.expand_bias()
        parameters = [p for p in (self.weight, self.bias) if p is not None]
        key = [(p.data_ptr(), p._version, p.dtype, p.device) for p in parameters]
        if self._cache is None or self._cache[0] != key:
            self._cache = (key, (self.expand_kernel(), self.expand_bias()))  # type: ignore[assignment]
        assert self._cache is not None
        return self._cache[1]  # type: ignore[return-value]


@deterministic
def _invariant_vectors(representations: tuple[Representation, ...]) -> Tensor:
    """One invariant vector per trivial atom, `[channels, n]`: the channel itself, or ones on a permuted field."""
    fields = layout(representations)
    columns = []
    start = 0
    for atom, count in fields.groups:
        for _ in range(count):
            if isinstance(atom, Quotient) or (isinstance(atom, Irrep) and atom.is_trivial):
                column = torch.zeros(fields.dim, dtype=torch.float64)
                column[start : start + atom.dim] = 1.0
                columns.append(column)
            start += atom.dim
    vectors = torch.stack(columns, 1) if columns else torch.zeros(fields.dim, 0, dtype=torch.float64)
    if fields.mixing is not None:
        return fields.mixing @ vectors
    return vectors if fields.order is None else vectors[fields.order]
