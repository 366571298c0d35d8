"""Batch normalisation whose statistics respect the fields."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.field import FieldType
from steer.nn._fields import FieldGroups, field_of_channel
from steer.nn._invariants import invariant_vectors
from steer.nn._module import EquivariantModule
from steer.nn._normalise import FieldStatistics, Normalise, normalise
from steer.nn._numbers import fraction, positive
from steer.nn._plain import hand_over
from steer.nn._pointwise import require_permutation
from steer.nn._precision import full_precision
from steer.nn._sets import over_positions
from steer.nn._synchronised import Joined, is_distributed, joint_moments
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
        ValueError: in train mode, if a mean would be that of a single number; on `export()` in train mode; if eps is not
            positive, or momentum neither None nor from 0 to 1.
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
        super().__init__(in_type)
        name = type(self).__name__
        self.eps = positive(eps, "eps", name)
        self.momentum = None if momentum is None else fraction(momentum, "momentum", name)
        self.affine, self.track_running_stats = affine, track_running_stats
        invariants = {field: self._invariants(field) for field in set(in_type.representations)}
        self._counts = [invariants[field].shape[1] for field in in_type.representations]
        # Fields of one dimension whose invariant is constant along their channels are what torch normalises.
        constant = all(v.shape[1] == 1 and bool((v == 1).all()) for v in invariants.values())
        self._is_stock = constant and len({field.dim for field in invariants}) == 1
        self._joined: Joined | None = None
        self.statistics = self._statistics()

        def numbers(n: int, value: float) -> Tensor:
            return torch.full((n,), value, device=device, dtype=dtype)

        fields, means = len(in_type), sum(self._counts)
        self.register_parameter("weight", torch.nn.Parameter(numbers(fields, 1.0)) if affine else None)
        self.register_parameter("bias", torch.nn.Parameter(numbers(means, 0.0)) if affine else None)
        self.register_buffer("running_mean", numbers(means, 0.0) if track_running_stats else None)
        self.register_buffer("running_var", numbers(fields, 1.0) if track_running_stats else None)
        tracked = torch.tensor(0, dtype=torch.long, device=device)
        self.register_buffer("num_batches_tracked", tracked if track_running_stats else None)
        if device is not None:
            self.to(device)

    def _statistics(self) -> FieldStatistics:
        kind, alone = self.in_type, self._is_stock and self._joined is None
        vectors = None if alone else torch.block_diag(*map(self._invariants, kind.representations))
        return FieldStatistics(FieldGroups(kind), field_of_channel(kind), self._counts, vectors)

    def synchronise(self, process_group: torch.distributed.ProcessGroup | None = None) -> None:
        """Take the statistics of several processes in train mode: what `nn.convert_sync_batchnorm` does to every layer."""
        self._joined = Joined(process_group)
        if self._is_stock:  # torch's own normalisation, which does without vectors, knows one process
            numbers = next((t for t in (self.running_var, self.weight) if t is not None), None)
            self.statistics = self._statistics().to(self.statistics.constants["field"].device)
            if numbers is not None:
                self.statistics.to(numbers)

    def _invariants(self, field: Representation) -> Tensor:
        """The vectors along which the mean of a field is taken and its bias acts, `[dim, n]`."""
        with torch.device("cpu"):  # whatever the default is: bases are computed here
            return invariant_vectors((field,))

    def compute(self, x: Tensor) -> Tensor:
        if self._is_stock and not self.training and x.is_contiguous() and not torch.compiler.is_compiling():
            return self._by_fields(x, False, 0.0)
        with full_precision(x):
            mean, var = self.running_mean, self.running_var
            if self.training or mean is None or var is None:
                return self._by_batch(x)
            return F.batch_norm(x, *self._of_channels(mean, var), False, 0.0, self.eps)

    def _by_fields(self, x: Tensor, batch: bool, momentum: float) -> Tensor:
        """Torch's own normalisation, with fields for channels; by the statistics of the batch or by running ones if any."""
        shape, fields, mean, var = x.shape, len(self._counts), self.running_mean, self.running_var
        wide = x.contiguous().view(shape[0], fields, math.prod(shape[1:]) // fields)
        out = F.batch_norm(wide, mean, var, self.weight, self.bias, batch or mean is None, momentum, self.eps)
        if not torch.is_grad_enabled():
            return out.view(shape)
        # No view for autograd, which would copy the gradient twice after a rectifier in place. Nothing else holds `out`.
        reshaped: Tensor = torch.ops.aten._unsafe_view(out, shape)
        return reshaped

    def _of_channels(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Mean, variance, weight and bias of every channel, from those of the fields."""
        weight = None if self.weight is None else self.statistics.of_channels(self.weight)
        bias = None if self.bias is None else self.statistics.vector(self.bias)
        return self.statistics.vector(mean), self.statistics.of_channels(var), weight, bias

    def _by_batch(self, x: Tensor) -> Tensor:
        """With the statistics of this batch, which enter the running ones in train mode."""
        momentum = self._count() if self.training else 0.0
        joined = self._joined if self.training and is_distributed() else None
        if self._is_stock and joined is None:
            return self._by_fields(x, True, momentum)
        samples: int | Tensor = x.numel() // x.shape[1]
        moments = None
        if joined is not None:
            samples, moments = joint_moments(x, self.statistics, joined.group)
        few = x.numel() < 2 * x.shape[1]  # otherwise nothing is asked of the device
        if few and not samples:  # as torch does: nothing to learn from, and still a part of the graph
            return self._of_nothing(x)
        if few and samples < 2 and any(self._counts):
            raise ValueError(
                f"{type(self).__name__}: more than one value per invariant is required in train mode; received {samples:.0f}"
            )
        weight = x.new_ones(len(self.in_type)) if self.weight is None else self.weight
        shift = x.new_zeros(x.shape[1]) if self.bias is None else self.statistics.vector(self.bias)
        given = (x, weight, shift, self.statistics, self.eps)
        # Compilers fuse the plain formula, and cannot see into functions with a derivative of their own.
        plain = torch.compiler.is_compiling() or moments is not None
        out, mean, square = normalise(*given, moments) if plain else Normalise.apply(*given)
        if momentum and self.running_mean is not None and self.running_var is not None:
            # As torch does, divide by the number of values less one for every mean that was subtracted.
            constants = self.statistics.constants
            values = constants.like("dims", square) * samples  # these overflow in half precision
            unbiased = square * (values / (values - constants["means"])).to(square)
            self.running_mean.lerp_(self.statistics.coefficients(mean).to(self.running_mean), momentum)
            self.running_var.lerp_(unbiased.to(self.running_var), momentum)
        return out

    def _of_nothing(self, x: Tensor) -> Tensor:
        out = x
        for numbers in (self.weight, self.bias):
            out = out if numbers is None else out + 0 * numbers.sum().to(x.dtype)
        return out

    def reset_parameters(self) -> None:
        """The values of a new layer: weights 1, biases 0, no batch seen."""
        self.reset_running_stats()
        with torch.no_grad():
            if self.weight is not None:
                self.weight.fill_(1)
            if self.bias is not None:
                self.bias.zero_()

    def reset_running_stats(self) -> None:
        """Forget all batches, as in `torch.nn.BatchNorm2d`."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def _count(self) -> float:
        """Count a batch; the weight of its statistics in the running ones."""
        if self.num_batches_tracked is None:
            return 0.0
        self.num_batches_tracked.add_(1)
        return 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum

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
        stock.load_state_dict({"running_mean": mean, "running_var": var}, strict=False)
        return over_positions(hand_over(stock, self, weight=weight, bias=bias), self.in_type)

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
        return torch.ones(field.dim, 1, dtype=torch.float64, device="cpu")
