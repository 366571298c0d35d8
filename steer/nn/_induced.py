"""Norms and gates on the blocks of induced fields: one block per coset."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.field import FieldType
from steer.nn._constants import Constants
from steer.nn._fields import FieldGroups, consecutive
from steer.nn._gated import GatedNonLinearity
from steer.nn._group_pooling import norms, one_each, pool_fields
from steer.nn._module import EquivariantModule
from steer.nn._norm import NormNonLinearity
from steer.representation import Induced, Quotient, Representation


def blocks_of(field: Representation) -> list[int]:
    """Sizes of the blocks that the group permutes: one per coset of an induced or quotient field, otherwise the field."""
    if isinstance(field, Induced):
        return [field.inner.dim] * (field.dim // field.inner.dim)
    return [1] * field.dim if isinstance(field, Quotient) else [field.dim]


def block_groups(kind: FieldType) -> FieldGroups:
    """The blocks of all fields, those of one size together."""
    return FieldGroups.of_blocks(consecutive(size for field in kind.representations for size in blocks_of(field)))


class InducedNormNonLinearity(NormNonLinearity):
    """Changes the length of every block of an induced field and keeps its direction, `f_c -> eta(|f_c|) f_c / |f_c|`.

    Law: a field `Ind psi` has a block per coset c, and with `g c_i = c_j h` block i moves to j and turns by the orthogonal
    `psi(h)`. One threshold per field is the same for all of its blocks. Exact for the whole group, on every field;
    approximate for none. Regular and quotient fields are induced from trivial ones, so each of their channels is a block;
    fields of other kinds are one block, as in `NormNonLinearity`.

    Args:
        in_type: any fields, such as those of `psi.induce(group)`, over any number of dimensions.
        function, bias, device, dtype: as in `NormNonLinearity`; the bias holds one number per field.
    Raises:
        ValueError: if the function is unknown.
    Source: Weiler and Cesa 2019, section 2.6.

    >>> from steer import group, gspaces, nn
    >>> space = gspaces.flipRot2dOnR2(-1)
    >>> field = group.so2().irrep(1).induce(group.o2())
    >>> nn.InducedNormNonLinearity(space.type(field, field)).bias.shape
    torch.Size([2])
    """

    def __init__(
        self,
        in_type: FieldType,
        function: str = "relu",
        bias: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_type, function, bias, device=device, dtype=dtype)
        self.index = Constants(field=[i for i, field in enumerate(in_type.representations) for _ in blocks_of(field)])
        if device is not None:
            self.to(device)

    def _groups(self) -> tuple[FieldGroups, int]:
        return block_groups(self.in_type), len(self.in_type)

    def _biases(self) -> Tensor | None:
        return None if self.bias is None else self.bias.index_select(0, self.index["field"])


class InducedGatedNonLinearity(GatedNonLinearity):
    """Trivial blocks through an activation; every other block of an induced field times the activation of its own gate.

    Law: the gates of a field `Ind_H^G psi` are a quotient field on `G / H`, so they move as the blocks do. Exact for the
    whole group, on every field; approximate for none. `in_type` is the fields of `out_type` followed by one quotient field
    per induced field (one trivial field per field of another kind that is not trivial). Fields induced from a trivial one,
    such as regular and quotient fields, go through the activation channel by channel and need no gates.

    Args:
        out_type: any fields, such as those of `psi.induce(group)`, over any number of dimensions.
        scalar, gate: as in `GatedNonLinearity`.
    Raises:
        ValueError: if an activation is unknown.
    Source: Weiler and Cesa 2019, section 2.6.

    >>> from steer import group, gspaces, nn
    >>> space = gspaces.flipRot2dOnR2(-1)
    >>> act = nn.InducedGatedNonLinearity(space.type(group.so2().irrep(1).induce(group.o2())))
    >>> act.out_type.size, act.in_type.size
    (4, 6)
    """

    def _blocks(self, field: Representation) -> tuple[list[int], Representation | None]:
        if isinstance(field, Induced) and not field.inner.is_trivial:
            return blocks_of(field), Quotient(field.group, field.inner.group)
        if isinstance(field, (Induced, Quotient)):
            return blocks_of(field), None
        return super()._blocks(field)


class InducedNormPool(EquivariantModule):
    """The largest, or the mean, norm of the blocks of every field: one invariant channel per field.

    Law: the blocks of an induced field are permuted and each turns orthogonally. Exact for the whole group, on every field;
    approximate for none. The gradient at `f = 0` is zero.

    Args:
        in_type: any fields, such as those of `psi.induce(group)`, over any number of dimensions.
        function: "max" or "mean".
    Shapes: `[batch, in_type.size, *space] -> [batch, len(in_type), *space]`.
    Raises:
        ValueError: if the function is unknown.

    >>> from steer import group, gspaces, nn
    >>> field = group.so2().irrep(1).induce(group.o2())
    >>> print(nn.InducedNormPool(gspaces.flipRot2dOnR2(-1).type(field, field)).out_type)
    2x0e of o2() on square
    """

    def __init__(self, in_type: FieldType, function: str = "max") -> None:
        super().__init__(in_type)
        if function not in ("max", "mean"):
            raise ValueError(f"InducedNormPool: function, 'max' or 'mean', is required; received {function!r}")
        self.out_type = one_each(in_type)
        self.function = function
        self.groups = block_groups(in_type)
        self.fields = FieldGroups.of_blocks(consecutive(len(blocks_of(field)) for field in in_type.representations))

    def compute(self, x: Tensor) -> Tensor:
        return pool_block_norms(x, self.groups, self.fields, self.function)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, function={self.function!r}"


def pool_block_norms(x: Tensor, groups: FieldGroups, fields: FieldGroups, function: str) -> Tensor:
    """The maximum or mean over the norms of the blocks of every field."""
    return pool_fields(norms(x, groups), fields, function)
