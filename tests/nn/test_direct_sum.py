"""Layers side by side: which numbers each sees, a depthwise convolution of mixed types, export, errors."""

from __future__ import annotations

import pytest
import torch

from steer import check_equivariance, gspaces, nn
from tests.cases import assert_close, randn

SPACE = gspaces.flipRot2dOnR2(4)
NUMBERS, FUNCTIONS = SPACE.type("4x0e"), SPACE.type("3xregular")


def depthwise(**arguments: int) -> nn.DirectSum:
    torch.manual_seed(0)
    return nn.DirectSum(
        *(nn.R2Conv(kind, kind, 3, padding=1, groups=len(kind), **arguments) for kind in (NUMBERS, FUNCTIONS))
    ).double()


@torch.no_grad()
def test_each_layer_sees_its_own() -> None:
    layer = depthwise()
    x = randn(2, 28, 7, 7)
    assert layer.in_type == layer.out_type == NUMBERS + FUNCTIONS
    numbers, functions = layer.children()
    assert torch.equal(layer(x), torch.cat([numbers(x[:, :4]), functions(x[:, 4:])], 1))
    assert layer(nn.GeometricTensor(x, layer.in_type)).type == layer.out_type
    assert set(layer.state_dict()) == {f"{i}.{name}" for i in (0, 1) for name in ("weight", "bias")}


def test_depthwise_fields_keep_to_themselves() -> None:
    layer = depthwise()
    x = randn(1, 28, 7, 7).requires_grad_()
    spans = [span for _, span in layer.in_type.channels()]
    for i, span in enumerate(spans):
        (grad,) = torch.autograd.grad(layer(x)[:, span].square().sum(), x)
        assert [j for j, other in enumerate(spans) if bool(grad[:, other].any())] == [i]
    check_equivariance(layer, size=7).assert_exact(1e-12)
    check_equivariance(depthwise(stride=2), size=7).assert_exact(1e-12)
    broken = depthwise()
    broken.sizes = [8, 20]
    with pytest.raises(ValueError, match="is required for 4x0e"):
        broken(x)


@torch.no_grad()
def test_export_is_torch_alone_and_a_network_inside_is_one_layer() -> None:
    inner = nn.Sequential(nn.R2Conv(FUNCTIONS, NUMBERS, 3), nn.ReLU(NUMBERS))
    layer = nn.Sequential(nn.DirectSum(inner, nn.R2Conv(NUMBERS, FUNCTIONS, 3)), nn.ReLU(NUMBERS + FUNCTIONS)).eval()
    x = torch.randn(2, 28, 7, 7)
    stock = layer.export()
    torch.testing.assert_close(stock(x), layer(x))
    assert not any(isinstance(module, nn.EquivariantModule) for module in stock.modules())
    assert nn.summary(layer).splitlines()[2].split() == ["0", "DirectSum", "4x0e", "+", "3xregular", "28", "0", "0"]


def test_costs_add_up() -> None:
    layer = depthwise()
    parts = list(layer.children())
    assert nn.dense_weights(layer) == sum(map(nn.dense_weights, parts)) == 4 * 9 + 4 + 24 * 8 * 9 + 24
    assert nn.summary(layer).splitlines()[-1].split() == ["total", str(sum(p.numel() for p in layer.parameters())), "1792"]

    def wide(n: int) -> nn.DirectSum:
        kinds = (SPACE.type(f"{n}x0e"), SPACE.type(f"{n}xregular"))
        return nn.DirectSum(*(nn.R2Conv(kind, kind, 3, groups=n) for kind in kinds))

    for by in ("cost", "parameters"):
        assert nn.match_width(wide, wide(5), by=by) == 5


def test_errors() -> None:
    with pytest.raises(ValueError, match="DirectSum: the in_type of every layer, a list of at least one type, is required"):
        nn.DirectSum()
    with pytest.raises(
        TypeError, match="DirectSum: the in_type of every layer, a FieldType, is required; received NoneType"
    ):
        nn.DirectSum(torch.nn.ReLU())
    with pytest.raises(ValueError, match="one gspace is required"):
        nn.DirectSum(nn.ReLU(NUMBERS), nn.ReLU(gspaces.rot2dOnR2(4).type("regular")))
    layer = nn.DirectSum(nn.R2Conv(NUMBERS, NUMBERS, 3), nn.ReLU(FUNCTIONS))
    with pytest.raises(ValueError, match="DirectSum: outputs of one size are required; its layers gave"):
        layer(torch.zeros(1, 28, 7, 7))


@torch.no_grad()
def test_one_layer_at_two_places() -> None:
    kind = gspaces.rot2dOnR2(4).type("regular")
    conv = nn.R2Conv(kind, kind, 3).double()
    both = nn.DirectSum(conv, conv)
    x = randn(2, 8, 5, 5)
    expected = torch.cat([conv(x[:, :4]), conv(x[:, 4:])], 1)
    assert_close(both(x), expected)
    assert_close(both.export()(x), expected)
    assert len(list(both.parameters())) == len(list(conv.parameters()))
