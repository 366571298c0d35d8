"""Probes: equal for tensors that differ by rounding, and for no others."""

from __future__ import annotations

import pytest
import torch

from steer.store import probe, same_probe
from tests.cases import seeded

TENSORS = [torch.randn(40, 30, generator=seeded(0), dtype=torch.float64), torch.arange(12).reshape(3, 4), torch.zeros(0, 2)]


def test_rounding_is_no_difference():
    rounded = TENSORS[0] + 1e-12 * torch.randn(40, 30, generator=seeded(1), dtype=torch.float64)
    assert probe(*TENSORS) != probe(rounded, *TENSORS[1:])
    assert same_probe(probe(*TENSORS), probe(rounded, *TENSORS[1:]))


def test_every_sign_entry_and_place_counts():
    first = TENSORS[0]
    flipped = [torch.where(torch.arange(40)[:, None] == row, -first, first) for row in range(40)]
    moved = [first.roll(1, 0), first.roll(1, 1), first.flip(0), first + 1e-3]
    for other in flipped + moved:
        assert not same_probe(probe(*TENSORS), probe(other, *TENSORS[1:]))
    assert not same_probe(probe(first, first[:2]), probe(first[:2], first))


@pytest.mark.parametrize("other", [None, "text", [], [0.0], [0.0, float("nan")], {"a": 0.0}])
def test_what_is_no_probe_is_that_of_none(other):
    assert not same_probe(other, [0.0, 0.0])
    assert not same_probe([0.0, 0.0], other)


def test_probes_do_not_change():
    """They are in checkpoints."""
    assert same_probe(probe(torch.tensor([1.0, -2.0]), torch.tensor([[3]])), [2.309019528, 2.942019995])
