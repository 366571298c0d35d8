"""The fields of a grouped convolution as equal parts, one after another in the channels, as torch wants them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import torch
from torch import Tensor

from steer.field import FieldType
from steer.nn._branches import Reshuffle
from steer.nn._constants import Constants
from steer.representation import Representation


class Parts(torch.nn.Module):
    """Fields of two types as n equal parts each; channels move only where they do not come in parts already.

    Of every kind of field, part h has the h-th of n equal shares of those that occur. Inside of a part fields have the order
    of the first part, so types that repeat n times, such as `0 + 1 + 0 + 1` for n = 2, stay as they are.

    Args:
        in_type, out_type: field types.
        groups: n.
    Attributes:
        fields_in: the input fields of one part.
        fields_out: the output fields, part by part.
        moved: the positions of the input and of the output fields, part by part; None where neither move.
    Raises:
        ValueError: if n is no number, or does not divide how often every kind of field occurs.
    """

    is_machinery = True

    def __init__(self, in_type: FieldType, out_type: FieldType, groups: int) -> None:
        super().__init__()
        _require_shares(in_type, out_type, groups)
        into, out = (part_by_part(kind.representations, groups) for kind in (in_type, out_type))
        sorted_out = FieldType(out_type.gspace, [out_type.representations[i] for i in out])
        self.fields_in = tuple(in_type.representations[i] for i in into[: len(into) // groups])
        self.fields_out = sorted_out.representations
        moves = {"entering": (in_type, into), "leaving": (sorted_out, sorted(range(len(out)), key=out.__getitem__))}
        self._moves = {name: move for name, move in moves.items() if move[1] != list(range(len(move[1])))}
        self.moved = (tuple(into), tuple(out)) if self._moves else None
        self.index = Constants(**{name: kind.channels_of(order) for name, (kind, order) in self._moves.items()})

    def enter(self, x: Tensor) -> Tensor:
        """The input channels part by part."""
        return x.index_select(1, self.index["entering"]) if "entering" in self._moves else x

    def leave(self, y: Tensor) -> Tensor:
        """The output channels in the order of the type, from those of the parts."""
        return y.index_select(1, self.index["leaving"]) if "leaving" in self._moves else y

    def around(self, stock: torch.nn.Module) -> torch.nn.Module:
        """A layer of torch, of channels part by part, with the moves before and after it."""
        device = next(stock.parameters()).device
        moves = {name: Reshuffle(*move).to(device).export() for name, move in self._moves.items()}
        layers = [moves.get("entering"), stock, moves.get("leaving")]
        chain = [layer for layer in layers if layer is not None]
        return stock if len(chain) == 1 else torch.nn.Sequential(*chain).train(stock.training)


def part_by_part(fields: tuple[Representation, ...], groups: int) -> list[int]:
    """The positions of fields, those of the first part before those of the second, and so on."""
    if groups == 1:
        return list(range(len(fields)))
    where: dict[Representation, list[int]] = defaultdict(list)
    for position, field in enumerate(fields):
        where[field].append(position)
    share = {field: len(found) // groups for field, found in where.items()}
    rank = {i: n for field, found in where.items() for n, i in enumerate(found[: share[field]])}
    return [where[fields[i]][h * share[fields[i]] + rank[i]] for h in range(groups) for i in sorted(rank)]


def _require_shares(in_type: FieldType, out_type: FieldType, groups: int) -> None:
    counts = [Counter(kind.representations) for kind in (in_type, out_type)]
    most = math.gcd(*(count for found in counts for count in found.values()))
    whole = isinstance(groups, int) and not isinstance(groups, bool) and groups >= 1
    if not whole or most % groups:
        raise ValueError(
            f"groups: a divisor of how often every kind of field occurs, so of {most} for {in_type} -> {out_type}, is "
            f"required; received {groups!r}; convolve kinds with other numbers apart from each other, side by side in an "
            "nn.DirectSum"
        )
