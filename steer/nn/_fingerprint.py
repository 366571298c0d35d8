"""What a layer's weights are coefficients of, as a short text that is kept in checkpoints."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import torch
from torch import Tensor

from steer.expansion import Plan, Sampling
from steer.group import FiniteGroup, Group, deterministic
from steer.representation import GAUGE, Representation
from steer.store import digest


def fingerprint(plan: Plan) -> str:
    """Gauge version and digest of everything that fixes the bases of a plan: fields in order, group, grid, rings."""
    return _fingerprint(plan.recipe)


@lru_cache(maxsize=256)
@deterministic
def _fingerprint(recipe: tuple[tuple[Representation, ...], tuple[Representation, ...], Sampling]) -> str:
    fields_in, fields_out, sampling = recipe
    group = fields_in[0].group
    g = _elements(group)
    distinct = list(dict.fromkeys(fields_in + fields_out))
    lines = [
        f"gauge {GAUGE}",
        digest(g),
        *(digest(field.matrices(g)) for field in distinct),
        *(str([distinct.index(field) for field in fields]) for fields in (fields_in, fields_out)),
        f"{sampling.lattice} {sampling.kernel_size} {sampling.limits}",
        digest(sampling.functions(sampling.points(group.d))),
    ]
    return f"{GAUGE}-{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:16]}"


def _elements(group: Group) -> Tensor:
    """Elements in a fixed order, which tell representations apart: equal groups give equal ones, however they were built."""
    if isinstance(group, FiniteGroup):
        return group.elements
    return group.sample(4, torch.Generator("cpu").manual_seed(0))
