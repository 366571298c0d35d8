"""What a snapshot takes for the same numbers."""

import pytest
import torch

from steer.nn._snapshot import Snapshot

ROW = torch.tensor([1.0, -2.0, 0.0, float("nan")])


@pytest.mark.parametrize(
    ("now", "same"),
    [
        (ROW, True),
        (ROW.clone(), True),
        (ROW.double(), False),
        (ROW.view(torch.int32), False),
        (ROW[None], False),
        (ROW[:3].clone(), False),
        (ROW * torch.tensor([1, 1, -1, 1]), False),
        (ROW.flip(0), False),
        (ROW.repeat_interleave(2)[::2], False),
        (torch.nextafter(ROW, torch.tensor(9.0)), False),
        (ROW.to("meta"), False),
        (ROW.clone()._neg_view(), False),
        (torch._efficientzerotensor(ROW.shape), False),
    ],
    ids=[
        "itself",
        "a copy",
        "dtype",
        "bits of integers",
        "shape",
        "fewer",
        "sign of zero",
        "order",
        "strided",
        "next number",
        "without memory",
        "negated when read",
        "zeros without memory",
    ],
)
def test_a_snapshot_knows_its_numbers_bit_by_bit(now: torch.Tensor, same: bool) -> None:
    assert Snapshot(ROW).is_of(now) is same


def test_a_snapshot_is_a_copy() -> None:
    row = ROW.clone()
    snapshot = Snapshot(row)
    row.data[0] = 5.0  # which makes no new version
    assert not snapshot.is_of(row)
    row.data[0] = 1.0
    assert snapshot.is_of(row)


def test_freed_numbers_are_not_those_of_then() -> None:
    whole = ROW.repeat(2)
    halves = whole[:4], whole[4:]  # the address of the second one is not zero afterwards
    snapshots = [Snapshot(half) for half in halves]
    whole.untyped_storage().resize_(0)  # as sharded training frees gathered weights
    assert not any(snapshot.is_of(half) for snapshot, half in zip(snapshots, halves, strict=True))


def test_nothing_is_nothing() -> None:
    assert Snapshot(torch.empty(0)).is_of(torch.empty(0))
