"""Pooling over the group: invariance, numbers, stock export, errors."""

from __future__ import annotations

import pytest
import torch

from steer import group, gspaces, nn
from tests.cases import assert_close, assert_far, randn


@pytest.mark.parametrize("function", ["max", "mean"])
@torch.no_grad()
def test_numbers_with_fields_of_several_sizes(function: str) -> None:
    space = gspaces.rot2dOnR2(4)
    kind = space.type("regular", "0", space.quotient_repr(2), "regular")
    layer = nn.GroupPooling(kind, function)
    x = randn(2, kind.size, 3, 3)
    y = layer(x)
    assert layer.out_type == space.type("4x0")
    for i, (_, span) in enumerate(kind.channels()):
        assert_close(y[:, i], x[:, span].amax(1) if function == "max" else x[:, span].mean(1))
    for g in group.cyclic(4).elements:
        assert_close(layer(kind.transform_fibers(x, g)), y)
    g = group.cyclic(4).elements[1]
    assert_far(layer(kind.transform_fibers(x, g).roll(1, 1)), layer(x.roll(1, 1)))  # the control: fields misplaced


def test_tied_channels_share_the_gradient() -> None:
    kind = gspaces.rot2dOnR2(4).type("regular")
    x = torch.zeros(1, 4, 1, 1, requires_grad=True)
    nn.GroupPooling(kind)(x).sum().backward()
    assert torch.equal(x.grad.flatten(), torch.full((4,), 0.25))


@pytest.mark.parametrize("function", ["max", "mean"])
@pytest.mark.parametrize("d", [0, 1, 2, 3])
def test_export_is_stock_in_one_and_two_dimensions(d: int, function: str) -> None:
    spaces = [gspaces.no_base_space(group.cyclic(4)), gspaces.flipOnR1(), gspaces.rot2dOnR2(4), gspaces.octaOnR3()]
    kind = spaces[d].type("3xregular")
    layer = nn.GroupPooling(kind, function)
    stock = layer.export()
    x = randn(2, kind.size, *(4,) * d)
    assert_close(stock(x), layer(x))
    if d in (1, 2):
        assert all(type(module).__module__.startswith("torch.nn") for module in stock.modules())
    assert type(nn.GroupPooling(spaces[d].type("trivial")).export()) is torch.nn.Identity


@torch.no_grad()
def test_norm_pool() -> None:
    space = gspaces.rot3dOnR3()
    kind = space.type("1 + 0 + 2 + 1")
    layer = nn.NormPool(kind)
    x = randn(2, kind.size, 2, 2, 2)
    for i, (_, span) in enumerate(kind.channels()):
        assert_close(layer(x)[:, i], x[:, span].norm(dim=1))
    g = space.fibergroup.sample(1)[0]
    assert_close(layer(kind.transform_fibers(x, g)), layer(x))
    assert_far(x.sum(1), kind.transform_fibers(x, g).sum(1))


def test_errors() -> None:
    with pytest.raises(ValueError, match="GroupPooling: fields whose channels .* use NormPool"):
        nn.GroupPooling(gspaces.rot3dOnR3().type("1"))
    with pytest.raises(ValueError, match="function, 'max' or 'mean', is required; received 'sum'"):
        nn.GroupPooling(gspaces.rot2dOnR2(4).type("regular"), "sum")
