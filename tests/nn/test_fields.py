"""Grouping of fields: there and back, whatever their order."""

from __future__ import annotations

import pytest
import torch

from steer import gspaces
from steer.nn._fields import ChannelOrder, FieldGroups, field_of_channel
from tests.cases import randn

SPACE = gspaces.rot3dOnR3()


@pytest.mark.parametrize(
    ("fields", "dims", "counts", "in_order"),
    [
        ("3x1", [3], [3], True),
        ("2x0 + 3x1 + 2", [1, 3, 5], [2, 3, 1], True),
        ("0 + 1 + 0 + 2 + 1", [1, 3, 5], [2, 2, 1], False),
        ("0 + 1 + 2 + 0 + 1 + 2", [1, 3, 5], [2, 2, 2], False),
        ("2x0 + 2x1 + 2x0 + 2x1 + 2x0 + 2x1", [1, 3], [6, 6], False),
        ("0 + 1 + 0 + 0 + 1 + 0", [1, 3], [4, 2], False),
        ("0 + 1 + 0 + 1 + 0", [1, 3], [3, 2], False),
    ],
)
def test_split_and_join(fields: str, dims: list[int], counts: list[int], in_order: bool) -> None:
    kind = SPACE.type(fields)
    groups = FieldGroups(kind)
    assert (groups.dims, groups.counts, groups.in_order) == (dims, counts, in_order)
    x = randn(2, kind.size, 4, 5)
    pieces = groups.split(x)
    assert [piece.shape for piece in pieces] == [(2, n, d, 4, 5) for n, d in zip(counts, dims, strict=True)]
    assert torch.equal(groups.join(pieces), x)
    spans = [span for _, span in kind.channels()]
    positions = iter(groups.positions)
    for piece in pieces:
        for i in range(piece.shape[1]):
            assert torch.equal(piece[:, i], x[:, spans[next(positions)]])
    numbers = torch.arange(len(kind))
    assert torch.equal(groups.join_fields([*groups.split_fields(numbers)]), numbers)
    assert not groups.state_dict()
    assert [field_of_channel(kind).count(i) for i in range(len(kind))] == [field.dim for field in kind.representations]


def test_kinds_and_regrouping() -> None:
    kind = SPACE.type("0 + 1 + 0 + 1")
    groups = FieldGroups(kind, lambda field: field)
    assert groups.kinds == [SPACE.trivial_repr, SPACE.irrep(1)]
    groups = FieldGroups.of_blocks([[0, 2], [1, 3]])
    x = randn(1, 4)
    assert torch.equal(groups.split(x)[0], x[:, [0, 2, 1, 3]].unflatten(1, (2, 2)))
    assert torch.equal(groups.join(groups.split(x)), x)


def test_types_that_repeat_are_sliced_and_not_gathered() -> None:
    assert FieldGroups(SPACE.type("0 + 1 + 2 + 0 + 1 + 2")).repeats == 2
    assert FieldGroups(SPACE.type("2x0 + 1 + 2x0 + 1 + 2x0 + 1")).repeats == 3
    for fields in ("2x0 + 3x1", "0 + 1 + 0", "0 + 1 + 0 + 0 + 1 + 0", "0 + 2x1 + 0 + 1"):
        assert FieldGroups(SPACE.type(fields)).repeats == 1
    x = randn(2, 18, 3)
    first, *_ = FieldGroups(SPACE.type("0 + 1 + 2 + 0 + 1 + 2")).split(x)
    assert first.data_ptr() == x.data_ptr()


@pytest.mark.parametrize(
    "order", [[0], [2, 0, 1], [3, 4, 1, 2, 0, 5], list(range(79, -1, -1)), [*range(40, 80), *range(40)]]
)
def test_channels_in_another_order(order: list[int]) -> None:
    """Run by run or, where there are many, one by one; run by run in the layout of the input, and so is the gradient."""
    move = ChannelOrder(order)
    x = randn(2, len(order), 3, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
    inner = x * 1
    grads: list[torch.Tensor] = []
    inner.register_hook(grads.append)
    y = move.take(inner)
    assert torch.equal(y, x[:, order])
    weights = randn(*y.shape, seed=1).contiguous(memory_format=torch.channels_last)
    (y * weights).sum().backward()
    assert torch.equal(x.grad[:, order], weights)
    if move.index is None:
        assert y.is_contiguous(memory_format=torch.channels_last)
        assert grads[0].is_contiguous(memory_format=torch.channels_last)
    assert (move.index is None) == (order[:2] != [79, 78])
    assert not move.state_dict()
