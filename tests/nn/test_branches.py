"""Reordered, split and merged fields: which numbers go where, types, the law, errors."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from steer import gspaces, nn
from tests.cases import assert_close, assert_far, randn

SPACE = gspaces.rot2dOnR2(-1)
KIND = SPACE.type("1 + 0 + 2 + 0")
PARTS = [SPACE.type("1 + 0"), SPACE.type("2"), SPACE.type("0")]


def test_fields_move_as_a_whole() -> None:
    layer = nn.Reshuffle(KIND, [2, 0, 0])
    x = randn(2, 6, 3, 3)
    assert layer.out_type == SPACE.type("2 + 2x1")
    assert torch.equal(layer(x), x[:, [3, 4, 0, 1, 0, 1]])
    assert nn.Reshuffle(KIND).out_type == SPACE.type("2x0 + 1 + 2")
    g = SPACE.fibergroup.sample(1, torch.Generator().manual_seed(0))[0]
    assert_close(layer(KIND.transform_fibers(x, g)), layer.out_type.transform_fibers(layer(x), g))
    assert_far(KIND.transform_fibers(x, g).flip(1), KIND.transform_fibers(x.flip(1), g))


@pytest.mark.parametrize("order", [[], [4], [-1]])
def test_positions_must_exist(order: list[int]) -> None:
    with pytest.raises(ValueError, match="order, positions of fields from 0 to 3, is required; received"):
        nn.Reshuffle(KIND, order)


def test_branch_and_merge_are_inverse() -> None:
    branch, merge = nn.Branch(PARTS), nn.Merge(PARTS)
    assert branch.in_type == merge.out_type == KIND
    x = randn(2, 6, 3, 3)
    parts = branch(x)
    assert [part.shape[1] for part in parts] == [3, 2, 1]
    assert torch.equal(merge(parts), x)
    typed = branch(nn.GeometricTensor(x, KIND))
    assert [part.type for part in typed] == PARTS
    again = merge(typed)
    assert again.type == KIND
    assert torch.equal(again.tensor, x)
    assert torch.equal(merge([typed[0], parts[1], parts[2]]), x)
    for module in (branch, merge):
        assert not module.state_dict()
        assert str(pickle.loads(pickle.dumps(copy.deepcopy(module)))) == str(module)
    stock = nn.export(torch.nn.Sequential(branch, merge))
    assert torch.equal(stock(x), x)
    assert all(isinstance(part, torch.fx.GraphModule) for part in stock)
    assert torch.equal(pickle.loads(pickle.dumps(stock))(x), x)


def test_they_compile_and_keep_the_law() -> None:
    branch, merge = nn.Branch(PARTS), nn.Merge(PARTS)
    x = randn(2, 6, 3, 3)
    torch._dynamo.reset()
    both = torch.compile(lambda x: merge(branch(x)[::1]), fullgraph=True, backend="aot_eager")
    assert torch.equal(both(x), x)
    g = SPACE.fibergroup.sample(1, torch.Generator().manual_seed(0))[0]
    for part, kind, turned in zip(branch(x), PARTS, branch(KIND.transform_fibers(x, g)), strict=True):
        assert_close(turned, kind.transform_fibers(part, g))


def test_direct_sum_of_tensors() -> None:
    x, y = (nn.GeometricTensor(randn(2, kind.size, 3, 3), kind) for kind in PARTS[:2])
    both = nn.tensor_directsum([x, y])
    assert both.type == PARTS[0] + PARTS[1]
    assert torch.equal(both.tensor, torch.cat([x.tensor, y.tensor], 1))
    with pytest.raises(ValueError, match="one batch and grid size is required"):
        nn.tensor_directsum([x, nn.GeometricTensor(randn(2, 2, 4, 4), PARTS[1])])
    with pytest.raises(TypeError, match="geometric tensors are required; received Tensor"):
        nn.tensor_directsum([x.tensor])
    with pytest.raises(ValueError, match="at least one type, is required"):
        nn.tensor_directsum([])


def test_errors() -> None:
    other = gspaces.rot2dOnR2(4).type("0")
    for layer in (nn.Branch, nn.Merge):
        with pytest.raises(ValueError, match="a list of at least one type, is required"):
            layer(KIND)
        with pytest.raises(ValueError, match="one gspace is required"):
            layer([KIND, other])
        with pytest.raises(TypeError, match="a FieldType, is required"):
            layer([3])
    x = randn(2, 6, 3, 3)
    with pytest.raises(ValueError, match="Branch: fields of type .* are required"):
        nn.Branch(PARTS)(nn.GeometricTensor(x, SPACE.type("6x0")))
    with pytest.raises(ValueError, match="3 tensors are required, one per type; received 1"):
        nn.Merge(PARTS)([x])
    with pytest.raises(ValueError, match="is required for 2 of"):
        nn.Merge([PARTS[1]])([x])
    with pytest.raises(ValueError, match="Merge: fields of type 2 of .* are required"):
        nn.Merge([PARTS[1]])([nn.GeometricTensor(x, KIND)])
