"""Gates: fields scaled by invariant numbers that the network computes for them."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

from steer.field import FieldType
from steer.nn._activations import activation, require_pointwise
from steer.nn._field_products import packed
from steer.nn._fields import ChannelOrder, FieldGroups, consecutive
from steer.nn._module import EquivariantModule, require_fields
from steer.representation import Representation


class GatedNonLinearity(EquivariantModule):
    """Trivial fields through an activation; every other field times the activation of a gate of its own.

    Law: a gate `s` is invariant, so `sigmoid(s) f` transforms as `f` does. Exact for the whole group, on every field;
    approximate for none. `in_type` is the fields of `out_type` followed by one trivial field per field that is not
    trivial, in their order; a convolution before the layer maps to it:

        act = nn.GatedNonLinearity(out_type)
        block = nn.Sequential(nn.R2Conv(in_type, act.in_type, 5), act)

    Args:
        out_type: any fields, over any number of dimensions.
        scalar: activation of the trivial fields: a name such as "relu", or a `torch.nn` module.
        gate: activation of the gates, likewise.
    Shapes: `[batch, in_type.size, *space] -> [batch, out_type.size, *space]`.
    Raises:
        ValueError: if an activation is unknown, or lets numbers depend on each other.
    Source: Weiler et al. 2018, 3D Steerable CNNs, section 4.

    >>> from steer import gspaces, nn
    >>> act = nn.GatedNonLinearity(gspaces.rot3dOnR3().type("4x0 + 2x1"))
    >>> print(act.in_type)
    4x0 + 2x1 + 2x0 of so3() on cubic
    """

    def __init__(
        self, out_type: FieldType, scalar: str | torch.nn.Module = "relu", gate: str | torch.nn.Module = "sigmoid"
    ) -> None:
        super().__init__()
        name = type(self).__name__
        found = {field: self._blocks(field) for field in set(require_fields(out_type, name, "out_type").representations)}
        blocks = [found[field] for field in out_type.representations]
        gates = [gate for _, gate in blocks if gate is not None]
        self.in_type = out_type + FieldType(out_type.gspace, gates) if gates else out_type
        self.out_type = out_type
        self.scalar = activation(scalar, f"{name}: scalar")
        self.gate = activation(gate, f"{name}: gate")
        space = (3,) * out_type.gspace.dimensionality
        require_pointwise(self.scalar, (2, max(out_type.size - len(gates), 1), *space), f"{name}: scalar")
        require_pointwise(self.gate, (2, max(len(gates), 1), *space), f"{name}: gate")
        needs = [int(gate is not None) for sizes, gate in blocks for _ in sizes]
        self.groups = FieldGroups.of_blocks(
            consecutive(size for sizes, _ in blocks for size in sizes), [not need for need in needs]
        )
        # Gates come in the order of the fields they belong to, which is not that of the groups if kinds alternate.
        before = [0, *accumulate(needs)]
        order = [before[position] for position in self.groups.positions if needs[position]]
        self.order = ChannelOrder(order) if order != sorted(order) else None

    def _blocks(self, field: Representation) -> tuple[list[int], Representation | None]:
        """Sizes of the parts of a field that have a gate each, and the field of their gates (None if they need none)."""
        return [field.dim], None if field.is_trivial else field.group.trivial

    def compute(self, x: Tensor) -> Tensor:
        groups = self.groups
        if self.in_type.size == self.out_type.size:
            return self.scalar(x)
        *fields, gates = groups.split(x)
        gates = self.gate(packed(gates))
        if self.order is not None:
            gates = self.order.take(gates)
        # No empty parts: their gradients would lie in memory as if channels came first, and so would the sum of all.
        shares = iter(gates.split([n for trivial, n in zip(groups.kinds, groups.counts, strict=True) if not trivial], 1))
        pieces = [self.scalar(f) if trivial else f for f, trivial in zip(fields, groups.kinds, strict=True)]
        return groups.join_scaled(pieces, [None if trivial else next(shares) for trivial in groups.kinds])

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"
