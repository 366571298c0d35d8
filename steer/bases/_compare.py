"""How two packs differ."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from steer.store import Entry, Pack, same_bits

TINY = 5e-324
"""The size of a difference that is none of values, but of bits: the smallest number above zero."""


@dataclass(frozen=True)
class Difference:
    """An entry that is not the same in two packs.

    Attributes:
        entry: its name; "gauge" for the version of the gauge, which is the pack's as a whole.
        what: "only in the old one", "only in the new one", "other shapes", "other labels" or "other values"; or both gauges.
        size: the largest difference of values, `TINY` if only bits differ; infinite where they cannot be compared.
    """

    entry: str
    what: str
    size: float = math.inf


def compare(old: Pack, new: Pack) -> list[Difference]:
    """A difference of gauge, then all entries that differ, in the order of their names; bits count."""
    out = []
    gauges = [pack.manifest.get("gauge") for pack in (old, new)]
    if gauges[0] != gauges[1]:
        # The numbers may still agree, but weights over one basis are refused by a reader of the other.
        out.append(Difference("gauge", f"{gauges[0]} in the old one, {gauges[1]} in the new one"))
    for name in sorted({*old.entries, *new.entries}):
        if name not in new:
            out.append(Difference(name, "only in the old one"))
        elif name not in old:
            out.append(Difference(name, "only in the new one"))
        else:
            what, size = compare_entries(old.read(name), new.read(name))
            if what:
                out.append(Difference(name, what, size))
    return out


def compare_entries(old: Entry, new: Entry) -> tuple[str, float]:
    """What differs, empty if nothing does, and by how much."""
    shapes = [{name: (value.shape, value.dtype) for name, value in e.tensors.items()} for e in (old, new)]
    if shapes[0] != shapes[1]:
        return "other shapes", math.inf
    # As text, for 1, 1.0 and true are equal values and different labels.
    facts = [json.dumps({k: v for k, v in e.info.items() if k != "residual"}, sort_keys=True) for e in (old, new)]
    if facts[0] != facts[1]:
        return "other labels", math.inf
    size = 0.0
    for name, value in old.tensors.items():
        if not same_bits(value, new.tensors[name]):
            gap = (value.double() - new.tensors[name].double()).abs().max()
            size = max(size, float(gap) if gap == gap else math.inf, TINY)  # NaNs, signs of zero
    return ("other values", size) if size else ("", 0.0)
