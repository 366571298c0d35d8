"""The directions of a fibre that the group leaves alone: where biases act and means are taken."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.expansion import layout
from steer.group import deterministic
from steer.representation import Irrep, Quotient, Representation


@deterministic
def invariant_vectors(representations: tuple[Representation, ...]) -> Tensor:
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
