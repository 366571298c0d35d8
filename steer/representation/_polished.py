"""Values on all elements of a finite group, made multiplicative to the last places."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.group import FiniteGroup, deterministic

BOUND = 5e-14  # what products may miss; values that keep it are left alone, to the last bit
_PROBES = 16


@deterministic
def polished(group: FiniteGroup, values: Tensor) -> Tensor:
    """The representation nearest to values with `rho(g h) = rho(g) rho(h)` to rounding, `[order, dim, dim]`.

    `rho(g)` is replaced by the orthogonal matrix nearest to the sum over h of `rho(h)^T rho(h g)`, which squares the
    violation of the law. Only where the products with a few elements miss by more than `BOUND`: rounding adds up along
    powers of the standard representation, so that this happens in large groups. Source: Grove, Karcher and Ruh (1974).
    """
    probes = torch.arange(0, group.order, max(1, group.order // _PROBES))
    rows = group.left_products(probes)
    for _ in range(3):
        if float((values[probes][:, None] @ values - values[rows]).abs().max()) < BOUND:
            break
        total = torch.zeros_like(values)
        for h, row in enumerate(group.table):
            total += values[h].mT @ values[row]
        u, _s, vh = torch.linalg.svd(total)
        values = u @ vh
        values[0] = torch.eye(values.shape[-1], dtype=torch.float64)
    return values
