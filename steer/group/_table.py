"""The multiplication table of a stack of matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.group._deterministic import deterministic


@deterministic
def multiplication_table(elements: Tensor) -> Tensor:
    """The index of `elements[i] @ elements[j]`, `[order, d, d] -> [order, order]`, the identity first.

    Only products with a few generators are looked up among the elements; the rest follows from
    `h (x s) = (h x) s`, column by column. For a stack that is no group the table is that of no group either.
    """
    n = len(elements)
    flat = elements.reshape(n, -1)
    table = torch.arange(n)[:, None].repeat(1, n)  # column 0 is right
    reached, times = [0], []
    done = {0}
    for new in range(n):
        if new in done:
            continue
        times.append(((elements @ elements[new]).reshape(n, -1) @ flat.mT).argmax(-1))
        maps = [t.tolist() for t in times]
        frontier = list(reached)  # all of it: what was reached before has not been multiplied by the new generator
        while frontier:
            x = frontier.pop()
            for lookup, product in zip(times, maps, strict=True):
                target = product[x]
                if target not in done:
                    done.add(target)
                    reached.append(target)
                    frontier.append(target)
                    table[:, target] = lookup[table[:, x]]
        if new not in done:  # no group: its product with the identity is nearer to another element
            done.add(new)
            table[:, new] = times[-1]
    return table
