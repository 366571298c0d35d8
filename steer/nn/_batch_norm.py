"""Batch normalisation whose statistics respect the fields."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.field import FieldType
from steer.nn._constants import Constants
from steer.nn._fields import FieldGroups, field_of_channel
from steer.nn._module import EquivariantModule
from steer.nn._pointwise import require_permutation
from steer.nn._steerable import _invariant_vectors
from steer.representation import Representation

_STOCK = (torch.nn.BatchNorm1d, torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)


class NormBatchNorm(EquivariantModule):
    """Batch normalisation for any field: its invariant part is centred, then all of it divided by one root mean square.

    Law: with m the mean over batch and space of the invariant part of a field (of no other part: only an invariant vector
    may be taken away), `out = weight (f - m) / sqrt(mean |f - m|^2 / dim + eps) + bias`, with the bias on the invariants.
    Exact for the whole group in train and in eval mode, on every field; approximate for none. On trivial fields it is
    `torch.nn.BatchNorm2d`, on regular and quotient fields `InnerBatchNorm`.

    Args:
        in_type: any fields, over any number of dimensions: `[batch, channel, *space]`.
        eps, momentum, affine, track_running_stats: as in `torch.nn.BatchNorm2d`. `running_var` and `weight` hold one number
            per field, `running_mean` and `bias` one per invariant: one for a trivial, regular or quotient field, none for
            another irrep.
    Raises:
        ValueError: in train mode, if a mean would be that of a single number; on `export()` in train mode.
    Source: Weiler et al. 2018, 3D Steerable CNNs; docs/theory/layers.

    >>> from steer import gspaces, nn
    >>> norm = nn.NormBatchNorm(gspaces.rot3dOnR3().type("4x0 + 2x1"))
    >>> norm.weight.shape, norm.bias.shape
    (torch.Size([6]), torch.Size([4]))
    """

    weight: torch.nn.Parameter | None
    bias: torch.nn.Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        in_type: FieldType,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_type = self.out_type = in_type
        self.eps, self.momentum, self.affine, self.track_running_stats = eps, momentum, affine, track_running_stats
        with torch.device("cpu"):  # whatever the default is: bases are computed here
            vectors = {field: self._invariants(field) for field in set(in_type.representations)}
        # Fields whose one invariant is constant along their channels are what stock batch normalisation handles.
        stock = {field: v.shape[1] == 1 and bool((v == 1).all()) for field, v in vectors.items()}
        self.groups = FieldGroups(in_type, lambda field: None if stock[field] else field)
        self._is_stock = [kind is None for kind in self.groups.kinds]
        each = [
            torch.ones(dim, 1, device="cpu") if kind is None else vectors[kind]  # type: ignore[index]
            for kind, dim in zip(self.groups.kinds, self.groups.dims, strict=True)
        ]
        self.vectors = Constants(**{f"invariants_{i}": v for i, v in enumerate(each)})
        self._invariant_counts = [v.shape[1] * n for v, n in zip(each, self.groups.counts, strict=True)]
        counts = [vectors[field].shape[1] for field in in_type.representations]
        starts = [0, *accumulate(counts)]
        order = [starts[p] + i for p in self.groups.positions for i in range(counts[p])]
        back = sorted(range(len(order)), key=order.__getitem__)
        self.index = Constants(field=field_of_channel(in_type), order=order, back=back)

        def numbers(n: int, value: float) -> Tensor:
            return torch.full((n,), value, device=device, dtype=dtype)

        fields, invariants = len(in_type), starts[-1]
        self.register_parameter("weight", torch.nn.Parameter(numbers(fields, 1.0)) if affine else None)
        self.register_parameter("bias", torch.nn.Parameter(numbers(invariants, 0.0)) if affine else None)
        self.register_buffer("running_mean", numbers(invariants, 0.0) if track_running_stats else None)
        self.register_buffer("running_var", numbers(fields, 1.0) if track_running_stats else None)
        tracked = torch.tensor(0, dtype=torch.long, device=device)
        self.register_buffer("num_batches_tracked", tracked if track_running_stats else None)
        if device is not None:
            self.to(device)

    def _invariants(self, field: Representation) -> Tensor:
        """The vectors along which the mean of a field is taken and its bias acts, `[dim, n]`."""
        return _invariant_vectors((field,))

    def compute(self, x: Tensor) -> Tensor:
        if self.training or self.running_mean is None or self.running_var is None:
            return self._by_batch(x)
        return F.batch_norm(x, *self._of_channels(self.running_mean, self.running_var), False, 0.0, self.eps)

    def _of_channels(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Mean, variance, weight and bias of every channel, from those of the fields."""
        field = self.index["field"]
        weight = None if self.weight is None else self.weight[field]
        bias = None if self.bias is None else self._on_channels(self.bias)
        return self._on_channels(mean), var[field], weight, bias

    def _by_batch(self, x: Tensor) -> Tensor:
        """With the statistics of this batch, which enter the running ones in train mode."""
        out: list[Tensor] = []
        means, biases = self._split_invariants(self.running_mean), self._split_invariants(self.bias)
        variances, weights = self._split_fields(self.running_var), self._split_fields(self.weight)
        several = len(self.groups.dims) > 1 or not self.groups.in_order
        if several:  # autograd keeps what batch normalisation updates, so slices of one buffer would invalidate each other
            means = [None if part is None else part.clone() for part in means]
            variances = [None if part is None else part.clone() for part in variances]
        momentum = self._count() if self.training else 0.0
        for i, f in enumerate(self.groups.split(x)):
            numbers = (means[i], variances[i], weights[i], biases[i])
            if self._is_stock[i]:
                y = F.batch_norm(f.flatten(2), *numbers, True, momentum, self.eps).reshape(f.shape)
            else:
                y = _normalise(f, self.vectors.like(f"invariants_{i}", f), *numbers, momentum, self.eps)
            out.append(y)
        if several and self.training and self.running_mean is not None and self.running_var is not None:
            mean = torch.cat([part for part in means if part is not None])
            self.running_mean.copy_(mean if self.groups.in_order else mean[self.index["back"]])
            self.running_var.copy_(self.groups.join_fields([part for part in variances if part is not None]))
        return self.groups.join(out)

    def _count(self) -> float:
        """Count a batch; the weight of its statistics in the running ones."""
        if self.num_batches_tracked is None:
            return 0.0
        self.num_batches_tracked.add_(1)
        return 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum

    def _split_fields(self, numbers: Tensor | None) -> list[Tensor | None]:
        return [None] * len(self.groups.dims) if numbers is None else [*self.groups.split_fields(numbers)]

    def _split_invariants(self, numbers: Tensor | None) -> list[Tensor | None]:
        if numbers is None:
            return [None] * len(self.groups.dims)
        return [*(numbers if self.groups.in_order else numbers[self.index["order"]]).split(self._invariant_counts)]

    def _on_channels(self, numbers: Tensor) -> Tensor:
        """From one number per invariant to the vector they stand for, `[channels]`."""
        pieces = []
        for i, part in enumerate(self._split_invariants(numbers)):
            assert part is not None
            vectors = self.vectors.like(f"invariants_{i}", numbers)
            pieces.append((part.reshape(self.groups.counts[i], -1) @ vectors.mT)[None])
        return self.groups.join(pieces)[0]

    def export(self) -> torch.nn.Module:
        """Stock batch normalisation, with the statistics of every field repeated for its channels.

        Raises:
            ValueError: in train mode, or without running statistics.
        """
        if self.training or self.running_mean is None or self.running_var is None:
            raise ValueError(
                f"{type(self).__name__}.export: eval mode and running statistics are required, as stock batch normalisation "
                "would take those of single channels; call .eval() first"
            )
        mean, var, weight, bias = self._of_channels(self.running_mean, self.running_var)
        kind = _STOCK[self.in_type.gspace.dimensionality]
        stock = kind(self.in_type.size, self.eps, self.momentum, self.affine, device=mean.device, dtype=mean.dtype)
        state = {"running_mean": mean, "running_var": var, "weight": weight, "bias": bias}
        stock.load_state_dict({name: value for name, value in state.items() if value is not None}, strict=False)
        return stock.eval()

    def extra_repr(self) -> str:
        return f"{self.in_type}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}"


class InnerBatchNorm(NormBatchNorm):
    """Batch normalisation with one mean and variance per field, shared by the channels that the group permutes.

    Law: a permutation of the channels of a field changes neither its mean nor its variance. Exact for the whole group in
    train and in eval mode, on permutation fields; approximate for none.

    Args:
        in_type: trivial, regular and quotient fields, over any number of dimensions: `[batch, channel, *space]`.
        eps, momentum, affine, track_running_stats: as in `torch.nn.BatchNorm2d`; statistics, weight and bias hold one number
            per field.
    Raises:
        ValueError: if a field is not a permutation representation; in train mode, if a mean would be that of a single
            number; on `export()` in train mode.
    Source: Cohen and Welling 2016, section 6.3.
    """

    def __init__(
        self,
        in_type: FieldType,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_permutation(in_type, "InnerBatchNorm", "NormBatchNorm")
        super().__init__(in_type, eps, momentum, affine, track_running_stats, device=device, dtype=dtype)

    def _invariants(self, field: Representation) -> Tensor:
        return torch.ones(field.dim, 1, dtype=torch.float64)


def _normalise(
    fields: Tensor,
    vectors: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
) -> Tensor:
    """Batch normalisation of equal fields, `[batch, field, component, *space]`, with invariants `[component, n]`.

    Updates the running statistics in place.
    """
    dim, invariants = vectors.shape
    samples = fields.numel() // (fields.shape[1] * dim)
    if invariants:
        if samples < 2:
            raise ValueError(
                f"NormBatchNorm: more than one value per invariant is required in train mode; received {samples}"
            )
        mean = fields.mean([0, *range(3, fields.ndim)]) @ (vectors / vectors.square().sum(0))  # [field, n]
        fields = fields - _fit(mean @ vectors.mT, fields)
        _update(running_mean, mean.flatten(), momentum)
    gain = fields.new_ones(len(fields[0])) if weight is None else weight
    # Compilers fuse the plain formula, and cannot see into functions with a derivative of their own.
    divide = divide_by_root_mean_square if torch.compiler.is_compiling() else _DivideByRootMeanSquare.apply
    out, square = divide(fields, gain, eps)
    _update(running_var, square * (samples * dim / (samples * dim - invariants)), momentum)
    if bias is not None and invariants:
        out = out + _fit(bias.reshape(-1, invariants) @ vectors.mT, fields)
    return out


def divide_by_root_mean_square(fields: Tensor, gain: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """`gain f / sqrt(mean f^2 + eps)`, means over batch, components and space; and the mean squares, `[field]`."""
    wide = torch.float32 if fields.dtype in (torch.float16, torch.bfloat16) else fields.dtype
    # Over contiguous memory first: several times faster than over all axes at once.
    square = torch.linalg.vector_norm(fields.flatten(2), dim=2, dtype=wide).square().mean(0) / fields[0, 0].numel()
    return fields * _per_field(gain * (square + eps).rsqrt(), fields), square


class _DivideByRootMeanSquare(torch.autograd.Function):
    """`divide_by_root_mean_square` with a derivative of its own; none through the mean squares.

    With r the reciprocal root and `a = mean f^2 + eps`, `d out = gain r (df - f mean(f df) / a) + r f d gain`, and its
    transpose, in half the memory passes that the chain rule would take step by step.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(fields: Tensor, gain: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        return divide_by_root_mean_square(fields, gain, eps)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float], output: tuple[Tensor, Tensor]) -> None:
        fields, gain, ctx.eps = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(fields, gain, output[1] + ctx.eps)
        ctx.save_for_forward(fields, gain, output[1] + ctx.eps)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor, Tensor, None]:
        fields, gain, a = ctx.saved_tensors
        if torch.is_grad_enabled():  # for second derivatives the mean square depends on the fields
            a = _mean_product(fields, fields) + ctx.eps
        root = a.rsqrt()
        mean = _mean_product(grad, fields)
        size = fields.numel() / fields.shape[1]
        inner = torch.addcmul(grad * _per_field(gain * root, fields), fields, _per_field(-gain * root / a * mean, fields))
        return inner, (size * root * mean).to(gain.dtype), None

    @staticmethod
    def jvp(ctx: Any, change: Tensor | None, gain_change: Tensor | None, _: Any) -> tuple[Tensor, None]:
        fields, gain, a = ctx.saved_tensors
        root = a.rsqrt()
        factor = torch.zeros_like(gain) if gain_change is None else gain_change * root
        if change is None:
            return fields * _per_field(factor, fields), None
        factor = factor - gain * root / a * _mean_product(change, fields)
        return torch.addcmul(change * _per_field(gain * root, fields), fields, _per_field(factor, fields)), None


def _mean_product(a: Tensor, b: Tensor) -> Tensor:
    """`mean(a b)` of every field."""
    return torch.linalg.vecdot(a.reshape(*a.shape[:2], -1), b.reshape(*b.shape[:2], -1)).mean(0) / a[0, 0].numel()


def _per_field(numbers: Tensor, fields: Tensor) -> Tensor:
    """`[field]` as a factor of `[batch, field, component, *space]`."""
    return numbers.to(fields.dtype).reshape(-1, *(1,) * (fields.ndim - 2))


def _fit(numbers: Tensor, fields: Tensor) -> Tensor:
    """`[field, component]` as a factor of `[batch, field, component, *space]`."""
    return numbers.reshape(*numbers.shape, *(1,) * (fields.ndim - 3))


def _update(running: Tensor | None, value: Tensor, momentum: float) -> None:
    if running is not None and momentum:
        running.lerp_(value.detach().to(running.dtype), momentum)
