"""The positive and the negative part of every channel, as fields that the group permutes."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.field import FieldType
from steer.group import FiniteGroup, deterministic, from_generators
from steer.nn._constants import Constants
from steer.nn._module import EquivariantModule, require_fields
from steer.representation import Quotient, Representation, table


class ConcatenatedReLU(EquivariantModule):
    """The positive and the negative part of every channel, `f -> (relu(f), relu(-f))`, twice as many channels.

    Law: where `rho(g)` permutes the channels and changes signs, it permutes the parts of both signs. Every orbit of parts is
    the set of cosets of the elements that keep one of them, so the parts are quotient fields: those of a sign are two
    exchanged channels, those of a regular field two regular fields. Exact for the whole group, on signed permutations;
    approximate for none. Nothing is lost: `f` is the difference of its parts.

    Args:
        in_type: trivial fields of any group; over a finite group also regular and quotient fields, irreps of one dimension,
            and others whose matrices hold 0, 1 and -1 only, such as the standard representation of `dihedral(4)`.
    Attributes:
        out_type: the quotient fields, those of one field of `in_type` after another, each with the cosets in its order.
    Shapes: `[batch, in_type.size, *space] -> [batch, 2 in_type.size, *space]`.
    Raises:
        ValueError: if a field is no signed permutation.
    Source: Shang et al. 2016; Weiler and Cesa 2019, section 2.6.

    >>> from steer import gspaces, nn
    >>> layer = nn.ConcatenatedReLU(gspaces.rot2dOnR2(4).type("2 + 0"))  # frequency 2 is a sign
    >>> layer.out_type.is_permutation, [field.dim for field in layer.out_type.representations]
    (True, [2, 1, 1])
    """

    def __init__(self, in_type: FieldType) -> None:
        orbits = {field: parts(field) for field in set(require_fields(in_type, "ConcatenatedReLU").representations)}
        fields = [orbit for field in in_type.representations for orbit, _ in orbits[field]]
        super().__init__(in_type, FieldType(in_type.gspace, fields))
        # Channel i of the positive parts is number i, of the negative ones number i + size.
        order = []
        for field, span in in_type.channels():
            for _, members in orbits[field]:
                order += [span.start + i % field.dim + in_type.size * (i // field.dim) for i in members]
        self.index = Constants(order=order)

    def compute(self, x: Tensor) -> Tensor:
        return both_parts(x, self.index)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


CReLU = ConcatenatedReLU


@deterministic
def parts(field: Representation) -> list[tuple[Representation, list[int]]]:
    """The orbits of the positive and negative parts of a field, as fields; part i of each is `i` or, negative, `i + dim`.

    Raises:
        ValueError: if the field is no signed permutation.
    """
    if field.is_trivial:
        return [(field, [0]), (field, [1])]
    group = field.group
    values = table(field) if isinstance(group, FiniteGroup) else None
    if values is None or bool(((values - values.round()).abs() > 1e-9).any()) or not isinstance(group, FiniteGroup):
        raise ValueError(
            "ConcatenatedReLU: trivial fields, or over a finite group fields whose channels it permutes up to signs, are "
            f"required; received {field} of {group}; use NormNonLinearity or GatedNonLinearity"
        )
    moved = torch.cat([values, -values], 1).round().argmax(1)  # part that each element makes of each positive part
    moved = torch.cat([moved, (moved + field.dim) % (2 * field.dim)], 1)
    out: list[tuple[Representation, list[int]]] = []
    seen: set[int] = set()
    for part in range(2 * field.dim):
        if part not in seen:
            stabiliser = from_generators(list(group.elements[moved[:, part] == part]))
            orbit = Quotient(group, stabiliser)
            members = moved[group.index(orbit.representatives), part].tolist()
            seen.update(members)
            out.append((orbit if orbit.dim > 1 else group.trivial, members))
    return out


def both_parts(x: Tensor, index: Constants) -> Tensor:
    """Positive and negative parts of all channels, in the order of the output fields."""
    return torch.cat([x, -x], 1).index_select(1, index["order"]).relu()
