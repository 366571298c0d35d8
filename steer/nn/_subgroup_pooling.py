"""Pooling of regular and quotient fields over the cosets of a larger subgroup."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.field import FieldType
from steer.group import Group
from steer.nn._constants import Constants
from steer.nn._module import EquivariantModule, require_fields
from steer.representation import Quotient, Representation


class SubgroupPooling(EquivariantModule):
    """The maximum, or the mean, of a field on `G / K` over each coset of a subgroup H: a field on `G / H`.

    Law: with `out(g H) = max over h in H of f(g h K)`, a turn moves the cosets of K inside one of H together, so `out` moves
    as a quotient field does. Exact for the whole group; approximate for none. H = G is `GroupPooling`. Trivial fields pass
    unchanged. Where channels tie, the gradient of the maximum is shared equally.

    Args:
        in_type: regular fields, quotient fields by subgroups K of H, and trivial fields, over any number of dimensions.
        subgroup: H, as in `Group.subgroup`: a group, generator matrices, or a number of turns.
        function: "max" or "mean".
    Shapes: `[batch, in_type.size, *space] -> [batch, out_type.size, *space]`.
    Raises:
        ValueError: if a field is of another kind, K is not contained in H, or the function is unknown.
    Source: Cohen and Welling 2016, section 6.3, with H between K and G.

    >>> from steer import gspaces, nn
    >>> pool = nn.SubgroupPooling(gspaces.rot2dOnR2(8).type("2xregular"), 2)
    >>> pool.in_type.size, pool.out_type.size
    (16, 8)
    """

    def __init__(self, in_type: FieldType, subgroup: Group | int | Tensor, function: str = "max") -> None:
        space = require_fields(in_type, "SubgroupPooling").gspace
        if function not in ("max", "mean"):
            raise ValueError(f"SubgroupPooling: function, 'max' or 'mean', is required; received {function!r}")
        target = space.quotient_repr(subgroup)
        pooled = target if target.dim > 1 else space.trivial_repr
        cosets = {field: coset_members(field, target) for field in set(in_type.representations)}
        fields = [field if field.is_trivial else pooled for field in in_type.representations]
        super().__init__(in_type, FieldType(space, fields))
        self.subgroup, self.function = target.subgroup, function
        members = [[span.start + i for i in coset] for field, span in in_type.channels() for coset in cosets[field]]
        sizes = [len(coset) for coset in members]
        # Output channels with as many members each are pooled at once.
        self.sizes = sorted(set(sizes))
        positions = [i for size in self.sizes for i in range(len(members)) if sizes[i] == size]
        self.counts = [size * sizes.count(size) for size in self.sizes]
        back = sorted(range(len(members)), key=positions.__getitem__)
        self.index = Constants(order=[channel for i in positions for channel in members[i]], back=back)

    def compute(self, x: Tensor) -> Tensor:
        return pool_cosets(x, index=self.index, sizes=self.sizes, counts=self.counts, function=self.function)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, function={self.function!r}"


def coset_members(field: Representation, target: Quotient) -> list[list[int]]:
    """The channels of a field that fall into each coset of the target; a trivial field stays one channel.

    Raises:
        ValueError: if it is neither trivial nor a quotient by a part of the target's subgroup.
    """
    if field.is_trivial:
        return [[0]]
    if not isinstance(field, Quotient) or not field.subgroup <= target.subgroup:
        raise ValueError(
            f"SubgroupPooling: regular fields, or quotient fields by subgroups of {target.subgroup}, are required; received "
            f"{field} of {field.group}; pool over a larger subgroup, or take norms with NormPool"
        )
    found = target.permutation(field.representatives)[:, 0].tolist()
    return [[i for i, coset in enumerate(found) if coset == j] for j in range(target.dim)]


def pool_cosets(x: Tensor, index: Constants, sizes: list[int], counts: list[int], function: str) -> Tensor:
    """The maximum or mean over the members of every output channel."""
    pieces = x.index_select(1, index["order"]).split(counts, 1)
    stacks = [piece.unflatten(1, (-1, size)) for piece, size in zip(pieces, sizes, strict=True)]
    return torch.cat([s.amax(2) if function == "max" else s.mean(2) for s in stacks], 1).index_select(1, index["back"])
