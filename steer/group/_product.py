"""Direct products, acting on the direct sum of the spaces."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.group._continuous import ContinuousGroup
from steer.group._deterministic import deterministic
from steer.group._finite import FiniteGroup
from steer.group._group import Group
from steer.group._matrices import block_diagonal


@deterministic
def direct_product(a: Group, b: Group) -> Group:
    """`a x b` as block-diagonal matrices in O(a.d + b.d); written `a * b`.

    `so2() * reflection(1)` is the symmetry of a cylinder, `cyclic(4) * cyclic(3)` has order 12 and acts on four
    dimensions. The first factor varies slowest in `elements`. For two groups that act on the *same* space, use
    `from_generators` with the generators of both.
    """
    if not isinstance(b, Group):
        raise TypeError(f"a * b: two groups are required; received {type(b).__name__}")
    name = f"{a.name} * {b.name}"
    if isinstance(a, FiniteGroup) and isinstance(b, FiniteGroup):
        generators = torch.cat([block_diagonal(a.generators, b.identity), block_diagonal(a.identity, b.generators)])
        return FiniteGroup(_pairs(a.elements, b.elements), generators, name)
    blocks = tuple(a.blocks if isinstance(a, ContinuousGroup) else ())
    if isinstance(b, ContinuousGroup):
        blocks += tuple((offset + a.d, size) for offset, size in b.blocks)
    return ContinuousGroup(a.d + b.d, blocks, _pairs(a.components, b.components), name)


def _pairs(a: Tensor, b: Tensor) -> Tensor:
    out = block_diagonal(a[:, None], b[None, :])
    return out.reshape(-1, *out.shape[-2:])
