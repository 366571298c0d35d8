"""Components in another order for every coset, with a derivative that is as cheap."""

from __future__ import annotations

import torch
from torch import Tensor


def permuted(values: Tensor, index: Tensor) -> Tensor:
    """`out[..., c, q, x] = values[..., index[c, q], q, x]`, where every column of `index` is a permutation.

    Where a gradient will be asked for, each entry is written to its place, whose derivative reads it from there. That of
    reading would add up what it writes, as it cannot know that no two entries are the same, one after the other.
    """
    rows, columns = torch.arange(index.shape[0], device=index.device), torch.arange(index.shape[1], device=index.device)
    flat = values.flatten(-3, -2)
    traced = torch.jit.is_tracing()  # type: ignore[attr-defined]  # into one graph, differentiated or not
    if values.requires_grad and not traced:
        inverse = torch.zeros_like(index).scatter(0, index, rows[:, None].expand_as(index))
        flat = torch.zeros_like(flat).index_copy(-2, (inverse * len(columns) + columns).flatten(), flat)
    else:
        flat = flat.index_select(-2, (index * len(columns) + columns).flatten())
    return flat.unflatten(-2, index.shape)
