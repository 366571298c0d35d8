"""Convolutions with one tap and linear layers, irrep by irrep and dense: the same layer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from steer import gspaces, nn
from steer.group import octahedral
from steer.nn import _irrep_products as irrep_products
from tests.cases import assert_close, randn
from tests.nn.layers import CIRCLE, CUBE, FIBRE, MIRRORED, PLANE, POINT, VOLUME, by_irreps

LAYERS: dict[str, Callable[[], Any]] = {
    "plane": lambda: nn.R2Conv(PLANE, PLANE, 1),
    "mirrored": lambda: nn.R2Conv(MIRRORED, MIRRORED, 1),
    "circle": lambda: nn.R2Conv(CIRCLE, CIRCLE, 1),
    "volume": lambda: nn.R3Conv(VOLUME, VOLUME, 1),
    "cube": lambda: nn.R3Conv(CUBE, CUBE, 1),
    "stride": lambda: nn.R2Conv(PLANE, PLANE, 1, stride=2),
    "point": lambda: nn.Linear(POINT, POINT),
    "fibre": lambda: nn.Linear(FIBRE, FIBRE, bias=False),
}


def pair(name: str) -> tuple[Any, Any]:
    """The layer by irreps, and the same one dense."""
    layer = by_irreps(LAYERS[name]().double())
    layer.products.double()
    if layer.bias is not None:
        torch.nn.init.normal_(layer.bias)
    dense = copy.deepcopy(layer)
    dense.products = None
    return layer, dense


def fields(layer: Any, batch: int = 3) -> torch.Tensor:
    return randn(batch, layer.in_type.size, *(5, 7, 3)[: layer.in_type.gspace.dimensionality])


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("channels_last", [False, True])
def test_values_and_derivatives_are_those_of_the_dense_kernel(name: str, channels_last: bool) -> None:
    layer, dense = pair(name)
    x = fields(layer)
    if channels_last:
        x = x.movedim(1, -1).contiguous().movedim(-1, 1)
    found = []
    for each in (layer, dense):
        own = x.clone().requires_grad_()
        y = each(own)
        gradients = torch.autograd.grad(y.square().sum(), [own, *each.parameters()])
        found.append((y.detach(), y.stride(), *gradients))
    assert layer.products.pays(x, layer.weight)
    if x.ndim < 5:  # torch forgets the order of the channels in three dimensions
        assert found[0][1] == found[1][1]
    for ours, theirs in zip(found[0][2:], found[1][2:], strict=True):
        assert_close(ours, theirs, 1e-12 * max(1.0, float(theirs.abs().max())))
    assert_close(found[0][0], found[1][0])


@pytest.mark.parametrize("name", LAYERS)
def test_no_checkpoint_knows(name: str) -> None:
    layer, dense = pair(name)
    assert list(layer.state_dict()) == list(dense.state_dict())
    assert layer.fingerprint == dense.fingerprint
    assert repr(layer) == repr(dense)
    with torch.no_grad():
        layer.weight.add_(1.0)  # nothing of the old weights is kept
        dense.load_state_dict(layer.state_dict())
        x = fields(layer)
        assert_close(layer(x), dense(x), 1e-11)
        assert_close(layer(x), layer.export()(x), 1e-11)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("part", [1, 200, 1000])
def test_in_parts_where_nothing_is_differentiated(name: str, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(irrep_products, "PART", part)
    layer, dense = pair(name)
    x = fields(layer)
    with torch.no_grad():
        for own in (x, x.movedim(1, -1).contiguous().movedim(-1, 1), x[:0]):
            assert_close(layer(own), dense(own))


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch compiles its own formulas
@pytest.mark.parametrize("name", ["plane", "point"])
def test_forward_derivatives(name: str) -> None:
    layer, dense = pair(name)
    x = fields(layer)
    direction = randn(*x.shape, seed=3)
    with torch.no_grad(), torch.autograd.forward_ad.dual_level():
        dual = layer(torch.autograd.forward_ad.make_dual(x, direction))
        tangent = torch.autograd.forward_ad.unpack_dual(dual).tangent
        assert_close(tangent, dense(direction) - dense(0 * direction))


@pytest.mark.parametrize("name", ["plane", "point"])
def test_weights_of_another_precision_for_one_call(name: str) -> None:
    layer, dense = pair(name)
    single, weights, x = copy.deepcopy(layer).float(), dict(layer.named_parameters()), fields(layer)
    assert_close(torch.func.functional_call(single, weights, (x,)).detach(), dense(x).detach())


def test_a_wide_layer_chooses_by_work(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = gspaces.rot2dOnR2(8).type("32xregular")
    layer = nn.R2Conv(wide, wide, 1)
    taken = []
    forward = irrep_products.IrrepProducts.forward
    monkeypatch.setattr(irrep_products.IrrepProducts, "forward", lambda *a: taken.append(1) or forward(*a))
    many, few = torch.randn(1, 256, 48, 48), torch.randn(1, 256, 4, 4)
    assert_close(layer(many).detach(), torch.nn.functional.conv2d(many, *layer.dense()).detach(), 1e-4)
    assert taken == [1]
    for x in (few, many.to("meta")):
        (layer if x.device.type == "cpu" else nn.R2Conv(wide, wide, 1, device="meta"))(x)
    with torch.autocast("cpu", torch.bfloat16):
        layer(many)
    layer.bfloat16()(many.bfloat16())
    assert taken == [1]


def test_layers_that_never_gain_hold_nothing() -> None:
    narrow, wide = (gspaces.rot2dOnR2(8).type(f"{n}xregular") for n in (4, 32))
    assert nn.R2Conv(narrow, narrow, 1).products is None
    assert nn.R2Conv(wide, wide, 3).products is None
    assert nn.R2Conv(wide, wide, 1, padding=1).products is None
    assert nn.R2Conv(wide, wide, 1, groups=2).products is None
    assert nn.R2Conv(wide, wide, 1, stride=2, centred=True).products is None
    space = gspaces.no_base_space(octahedral())
    assert nn.Linear(space.type("2xregular"), space.type("2xregular")).products is None
    assert nn.Linear(space.type("12xregular"), space.type("12xregular")).products is not None
