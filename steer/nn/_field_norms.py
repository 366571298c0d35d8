"""Normalisation of fields by the statistics of each sample: instance, group, layer and root mean square norms."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.field import FieldType
from steer.nn._constants import Constants
from steer.nn._field_products import squared_norm
from steer.nn._fields import FieldGroups, consecutive, field_of_channel
from steer.nn._invariants import invariant_vectors
from steer.nn._module import EquivariantModule, require_fields
from steer.nn._numbers import positive
from steer.nn._plain import hand_over
from steer.nn._precision import full_precision


class SampleNorm(EquivariantModule):
    """Blocks of fields, each centred along its invariants and divided by its root mean square over one sample.

    Law: with m an invariant vector, `out = weight (f - m) / sqrt(mean |f - m|^2 + eps) + bias`, the mean over the channels
    of the block (and over space). Statistics in single precision or better.

    Args:
        in_type: any fields.
        blocks: how many fields, one after another, each block has.
        space: whether statistics are taken over space as well; otherwise each site has its own.
        centred: whether a mean is subtracted, and a bias added on the invariants.
    """

    weight: torch.nn.Parameter | None
    bias: torch.nn.Parameter | None

    def __init__(
        self,
        in_type: FieldType,
        blocks: list[int],
        space: bool,
        centred: bool,
        eps: float,
        affine: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__(in_type)
        self.eps, self.affine, self.space = positive(eps, "eps", type(self).__name__), affine, space
        fields = in_type.representations
        members = consecutive(blocks)
        spans = consecutive(sum(fields[i].dim for i in block) for block in members)
        invariants = {field: invariant_vectors((field,)).to("cpu") for field in set(fields)}
        vectors = torch.block_diag(*(invariants[field] for field in fields))
        stops = consecutive(invariants[field].shape[1] for field in fields)
        columns = [[k for i in block for k in stops[i]] for block in members]
        directions = vectors
        if any(size > 1 for size in blocks):  # the mean is one number for all invariants of a block
            directions = torch.stack([vectors[:, found].sum(1) for found in columns if found] or [vectors[:, 0:0].sum(1)], 1)
            columns = [found[:1] for found in columns]
        directions = directions[:, directions.any(0)]
        self._starved = centred and any(len(span) == len(found) for span, found in zip(spans, columns, strict=True))
        self.groups = FieldGroups.of_blocks(spans)
        block_of_channel = [i for i, span in enumerate(spans) for _ in span]
        index = {"field": field_of_channel(in_type), "block": block_of_channel}
        matrices = {}
        if centred and directions.shape[1]:
            matrices = {"directions": directions, "coefficients": (directions / directions.square().sum(0)).mT}
        self.constants = Constants(**index, vectors=vectors, **matrices)
        constant = bool((vectors.sum(1) == 1).all()) and vectors.shape[1] == len(fields)
        self._is_stock = centred and space and constant and len(self.groups.dims) == 1
        biases = vectors.shape[1] if centred else 0
        weight = torch.nn.Parameter(torch.ones(len(fields), device=device, dtype=dtype)) if affine else None
        bias = torch.nn.Parameter(torch.zeros(biases, device=device, dtype=dtype)) if affine and biases else None
        self.register_parameter("weight", weight)
        self.register_parameter("bias", bias)
        if device is not None:
            self.to(device)

    def reset_parameters(self) -> None:
        """The values of a new layer: weights 1, biases 0."""
        with torch.no_grad():
            if self.weight is not None:
                self.weight.fill_(1)
            if self.bias is not None:
                self.bias.zero_()

    def compute(self, x: Tensor) -> Tensor:
        if self._starved and (not self.space or all(n == 1 for n in x.shape[2:])):
            raise ValueError(
                f"{type(self).__name__}: more than one value per mean is required; received {tuple(x.shape)} for "
                f"{self.in_type}, where a mean is that of one value; use FieldRMSNorm, which subtracts none"
            )
        with full_precision(x):
            if self._is_stock:
                wide = widen(x)
                numbers = affine_of_channels(self.constants, self.weight, self.bias)
                cast = [None if n is None else n.to(wide.dtype) for n in numbers]
                return F.group_norm(wide, len(self.groups.positions), cast[0], cast[1], self.eps).to(x.dtype)
            return normalise_sample(x, self.groups, self.constants, self.weight, self.bias, self.space, self.eps)

    def _spelled_out(self, x: Tensor) -> Tensor:
        # A graph cannot switch autocast off, which would take matrix products in half precision, where they overflow.
        given = (self.groups, self.constants, self.weight, self.bias, self.space, self.eps)
        return normalise_sample(x, *given, multiply_by_sums)

    def export(self) -> torch.nn.Module:
        if not self._is_stock:
            return super().export()
        stock = torch.nn.GroupNorm(len(self.groups.positions), self.in_type.size, self.eps, self.affine)
        weight, bias = affine_of_channels(self.constants, self.weight, self.bias)
        return hand_over(stock, self, weight=weight, bias=bias)

    @abstractmethod
    def extra_repr(self) -> str: ...


class FieldInstanceNorm(SampleNorm):
    """Every field divided by its root mean square over the space of one sample, its invariant part centred before.

    Law: with m the mean over space of the invariant part of a field, `out = weight (f - m) / sqrt(mean |f - m|^2 / dim +
    eps) + bias`, the bias on the invariants. Exact for the whole group in the fibre and for the symmetries of the grid, on
    every field, in both modes (there are no running statistics); approximate for other elements. On trivial fields it is
    `torch.nn.InstanceNorm2d`, on regular and quotient fields `torch.nn.GroupNorm` with a group per field.

    Args:
        in_type: any fields, over any number of dimensions: `[batch, channel, *space]`.
        eps: added to the mean square.
        affine: whether to learn a `weight` per field and a `bias` per invariant.
        device, dtype: of the parameters.
    Raises:
        ValueError: when called on a single site, or on `[batch, channel]`, with a trivial field, whose mean would be itself.
            Exported layers do not look at sizes, and give the bias of that field there.
    Source: Ulyanov et al. 2016; docs/theory/layers.

    >>> from steer import gspaces, nn
    >>> norm = nn.FieldInstanceNorm(gspaces.rot3dOnR3().type("4x0 + 2x1"))
    >>> norm.weight.shape, norm.bias.shape
    (torch.Size([6]), torch.Size([4]))
    """

    def __init__(
        self,
        in_type: FieldType,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_type, [1] * fields_of(in_type, "FieldInstanceNorm"), True, True, eps, affine, device, dtype)

    def extra_repr(self) -> str:
        return f"{self.in_type}, eps={self.eps}, affine={self.affine}"


class FieldGroupNorm(SampleNorm):
    """Groups of fields, each divided by one root mean square over its fields and the space of one sample.

    Law: the mean square over the fields of a group is invariant; what is subtracted before is one mean over all invariant
    channels of the group (of no other part). Exact for the whole group of symmetries in the fibre and for the symmetries of
    the grid, on every field; approximate for other elements. On trivial, regular and quotient fields of as many channels in
    every group it is `torch.nn.GroupNorm`.

    Args:
        in_type: any fields, over any number of dimensions: `[batch, channel, *space]`.
        num_groups: number of groups of consecutive fields, as many in each; divides the number of fields.
        eps, affine, device, dtype: as in `FieldInstanceNorm`.
    Raises:
        ValueError: if `num_groups` does not divide the number of fields; when called on a single site, with groups of a
            single trivial field (exported layers do not look, as those of `FieldInstanceNorm`).
    Source: Wu and He 2018; docs/theory/layers.

    >>> from steer import gspaces, nn
    >>> stock = nn.FieldGroupNorm(gspaces.rot2dOnR2(4).type("6xregular"), 2).export()
    >>> type(stock).__name__, stock.num_groups, stock.num_channels
    ('GroupNorm', 2, 24)
    """

    def __init__(
        self,
        in_type: FieldType,
        num_groups: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        count = fields_of(in_type, "FieldGroupNorm")
        if not isinstance(num_groups, int) or isinstance(num_groups, bool) or num_groups < 1 or count % num_groups:
            raise ValueError(
                f"FieldGroupNorm: num_groups, a divisor of the number of fields ({count}), is required; "
                f"received {num_groups!r}"
            )
        self.num_groups = num_groups
        super().__init__(in_type, [count // num_groups] * num_groups, True, True, eps, affine, device, dtype)

    def extra_repr(self) -> str:
        return f"{self.in_type}, num_groups={self.num_groups}, eps={self.eps}, affine={self.affine}"


class FieldLayerNorm(SampleNorm):
    """All fields divided by one root mean square of the sample, at each site or over space as well.

    Law: as in `FieldGroupNorm` with a single group. Statistics of a site commute with everything that moves sites. Exact for
    the whole group, on every field; approximate for none. With `space=True` exact for the whole group in the fibre and for
    the symmetries of the grid; approximate for other elements.

    Args:
        in_type: any fields, over any number of dimensions: `[batch, channel, *space]`.
        eps, affine, device, dtype: as in `FieldInstanceNorm`.
        space: whether statistics are taken over all fields and sites of a sample; otherwise over all fields of each site.
    Raises:
        ValueError: when called with a single trivial field, if each site has its own mean.
    Source: Ba, Kiros and Hinton 2016; docs/theory/layers.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> norm = nn.FieldLayerNorm(gspaces.rot3dOnR3().type("4x0 + 2x1"))
    >>> y = norm(5 * torch.randn(1, 10, 3, 3, 3)).detach()
    >>> round(y.square().mean().item(), 3)
    1.0
    """

    def __init__(
        self,
        in_type: FieldType,
        eps: float = 1e-5,
        affine: bool = True,
        space: bool = False,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_type, [fields_of(in_type, "FieldLayerNorm")], space, True, eps, affine, device, dtype)

    def extra_repr(self) -> str:
        return f"{self.in_type}, eps={self.eps}, affine={self.affine}, space={self.space}"


class FieldRMSNorm(SampleNorm):
    """All fields divided by one root mean square of the sample, without a mean or a bias.

    Law: `out = weight f / sqrt(mean |f|^2 + eps)`: norms are invariant. Exact for the whole group, on every field;
    approximate for none (with `space=True`: exact in the fibre and for the symmetries of the grid).

    Args:
        in_type, eps, affine, space, device, dtype: as in `FieldLayerNorm`; there is a `weight` per field.
    Source: Zhang and Sennrich 2019.

    >>> from steer import gspaces, nn
    >>> list(nn.FieldRMSNorm(gspaces.rot3dOnR3().type("4x0 + 2x1")).state_dict())
    ['weight']
    """

    def __init__(
        self,
        in_type: FieldType,
        eps: float = 1e-5,
        affine: bool = True,
        space: bool = False,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_type, [fields_of(in_type, "FieldRMSNorm")], space, False, eps, affine, device, dtype)

    def extra_repr(self) -> str:
        return f"{self.in_type}, eps={self.eps}, affine={self.affine}, space={self.space}"


def fields_of(in_type: FieldType, layer: str) -> int:
    """The number of fields of a type, once it is known to be one."""
    return len(require_fields(in_type, layer))


def widen(x: Tensor) -> Tensor:
    """In single precision or better."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def multiply_by_sums(matrix: Tensor, x: Tensor) -> Tensor:
    """`matrix @ x` without a matrix product, `[batch, columns, site] -> [batch, rows, site]`."""
    return (matrix.unsqueeze(-1) * x.unsqueeze(1)).sum(2)


def affine_of_channels(
    constants: Constants, weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """Weight and bias of every channel, from those of the fields and of the invariants."""
    gain = None if weight is None else weight.index_select(0, constants["field"])
    return gain, None if bias is None else constants.like("vectors", bias) @ bias


def normalise_sample(
    x: Tensor,
    groups: FieldGroups,
    constants: Constants,
    weight: Tensor | None,
    bias: Tensor | None,
    space: bool,
    eps: float,
    multiply: Callable[[Tensor, Tensor], Tensor] = torch.matmul,
) -> Tensor:
    """Every block centred along its invariants and divided by its root mean square; then weight and bias of its fields."""
    rows = widen(x.flatten(2) if x.ndim > 2 else x.unsqueeze(2))
    if "directions" in constants.sources:
        mean = rows.mean(2, keepdim=True) if space else rows
        rows = rows - multiply(constants.like("directions", rows), multiply(constants.like("coefficients", rows), mean))
    gain, shift = affine_of_channels(constants, weight, bias)
    if space:
        powers = torch.linalg.vecdot(rows, rows) / rows.shape[2]
        square = groups.join_fields([piece.mean(2) for piece in groups.split(powers)], 1)
        factor = (square + eps).rsqrt().index_select(1, constants["block"])
        rows = rows * (factor if gain is None else factor * gain.to(factor)).unsqueeze(2)
    else:
        pieces = groups.split(rows)
        rows = groups.join_scaled(pieces, [(squared_norm(f) / f.shape[2] + eps).rsqrt() for f in pieces])
        rows = rows if gain is None else rows * gain.to(rows)[:, None]
    rows = rows if shift is None else rows + shift.to(rows)[:, None]
    return rows.reshape(x.shape).to(x.dtype)
