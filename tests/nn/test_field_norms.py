"""Instance, group, layer and root mean square norms: the law on grids, agreement with torch, statistics, precision, errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from steer import gspaces, nn
from tests.cases import TOLERANCE, assert_close, assert_far, randn

PLANE = gspaces.flipRot2dOnR2(4)
ROTATIONS = gspaces.rot3dOnR3()
MIXED = ROTATIONS.type("0 + 2x1 + 2x0 + 2")
MODES: dict[str, Callable[[nn.FieldType], nn.EquivariantModule]] = {
    "instance": nn.FieldInstanceNorm,
    "group": lambda kind: nn.FieldGroupNorm(kind, 2),
    "layer": nn.FieldLayerNorm,
    "layer over space": lambda kind: nn.FieldLayerNorm(kind, space=True),
    "rms": nn.FieldRMSNorm,
    "rms over space": lambda kind: nn.FieldRMSNorm(kind, space=True),
}


def offset(x: torch.Tensor) -> torch.Tensor:
    """Away from zero mean and unit variance, differently in every channel."""
    shape = (1, -1, *(1,) * (x.ndim - 2))
    return x * (1 + torch.rand(x.shape[1]).double()).view(shape) + randn(x.shape[1], seed=7).view(shape)


def trained(layer: nn.EquivariantModule) -> nn.EquivariantModule:
    with torch.no_grad():
        for value in layer.double().parameters():
            value.add_(0.3 * randn(*value.shape))
    return layer


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "kind",
    [
        MIXED,
        gspaces.octaOnR3().type("regular + 0 + 1 + 2"),
        PLANE.type("2xregular"),
        gspaces.flipRot2dOnR2(-1).type("0e + 0o + 2x1"),
    ],
    ids=str,
)
@torch.no_grad()
def test_law_on_the_grid_and_in_the_fibre(mode: str, kind: nn.FieldType) -> None:
    layer = trained(MODES[mode](kind))
    x = offset(randn(2, kind.size, *(4,) * kind.gspace.dimensionality))
    for g in kind.gspace.exact_group.elements[1:5]:
        assert_close(layer(kind.transform(x, g)), kind.transform(layer(x), g))
    for g in kind.fibergroup.sample(3, torch.Generator().manual_seed(1)):
        assert_close(layer(kind.transform_fibers(x, g)), kind.transform_fibers(layer(x), g))


@pytest.mark.parametrize("mode", [mode for mode in MODES if "rms" not in mode])
@torch.no_grad()
def test_stock_norms_would_break_the_law(mode: str) -> None:
    x = offset(randn(2, MIXED.size, 4, 4, 4))
    g = MIXED.fibergroup.sample(1, torch.Generator().manual_seed(1))[0]
    stock = torch.nn.GroupNorm({"instance": MIXED.size, "group": 2}.get(mode, 1), MIXED.size).double()
    assert_far(stock(MIXED.transform_fibers(x, g)), MIXED.transform_fibers(stock(x), g))


@pytest.mark.parametrize("shape", [(7,), (5, 4), (3, 4, 5)])
def test_on_trivial_fields_they_are_those_of_torch(shape: tuple[int, ...]) -> None:
    space = {1: gspaces.flipOnR1(), 2: PLANE, 3: ROTATIONS}[len(shape)]
    kind = nn.FieldType(space, [space.trivial_repr] * 6)
    x = offset(randn(3, 6, *shape))
    stock = {1: torch.nn.InstanceNorm1d, 2: torch.nn.InstanceNorm2d, 3: torch.nn.InstanceNorm3d}[len(shape)]
    assert_close(nn.FieldInstanceNorm(kind).double()(x).detach(), stock(6).double()(x))
    group, theirs = trained(nn.FieldGroupNorm(kind, 3)), torch.nn.GroupNorm(3, 6).double()
    theirs.load_state_dict(group.state_dict())
    assert_close(group(x).detach(), theirs(x).detach())
    assert type(group.export()) is torch.nn.GroupNorm
    layer, sites = trained(nn.FieldLayerNorm(kind)), torch.nn.LayerNorm(6).double()
    sites.load_state_dict(layer.state_dict())
    assert_close(layer(x).detach(), sites(x.movedim(1, -1)).movedim(-1, 1).detach())
    rms = trained(nn.FieldRMSNorm(kind, eps=1e-3))
    power = x.square().mean(1, keepdim=True)
    assert_close(rms(x).detach(), (x / (power + 1e-3).sqrt() * rms.weight.view(-1, *(1,) * len(shape))).detach())


@torch.no_grad()
def test_the_stock_path_and_the_plain_one_agree() -> None:
    kind = PLANE.type("4xregular")
    for layer in (nn.FieldInstanceNorm(kind), nn.FieldGroupNorm(kind, 2), nn.FieldLayerNorm(kind, space=True)):
        trained(layer)
        x = offset(randn(2, kind.size, 5, 5))
        y = layer(x)
        assert type(layer.export()) is torch.nn.GroupNorm
        layer._is_stock = False
        assert_close(layer(x), y)
        assert_close(layer.export()(x), y)


@torch.no_grad()
def test_what_is_centred_and_what_becomes_one() -> None:
    x = offset(randn(2, MIXED.size, 3, 3, 3))
    y = nn.FieldInstanceNorm(MIXED, eps=1e-200).double()(x)
    spans = [span for _, span in MIXED.channels()]
    assert_close(y.mean((2, 3, 4))[:, [0, 7, 8]], torch.zeros(2, 3).double())
    assert float(y.mean((2, 3, 4))[:, 1:7].abs().min()) > 1e-3  # a vector has no invariant part
    assert_close(torch.stack([y[:, s].square().mean((1, 2, 3, 4)) for s in spans], 1), torch.ones(2, 6).double())
    y = nn.FieldLayerNorm(MIXED, eps=1e-200).double()(x)
    assert_close(y[:, [0, 7, 8]].mean(1), torch.zeros(2, 3, 3, 3).double())
    assert_close(y.square().mean(1), torch.ones(2, 3, 3, 3).double())
    y = nn.FieldGroupNorm(MIXED, 2, eps=1e-200).double()(x)
    assert_close(torch.stack([y[:, :7], y[:, 7:]], 0)[0].square().mean((1, 2, 3, 4)), torch.ones(2).double())
    assert_close(y[:, 7:9].mean((1, 2, 3, 4)), torch.zeros(2).double())


@torch.no_grad()
def test_every_invariant_of_a_sum_has_its_own_mean() -> None:
    kind = nn.FieldType(ROTATIONS, [ROTATIONS.type("2x0 + 1").representation])
    y = nn.FieldInstanceNorm(kind).double()(offset(randn(2, 5, 3, 3, 3)))
    assert_close(y.mean((2, 3, 4))[:, :2], torch.zeros(2, 2).double())


@pytest.mark.parametrize("mode", MODES)
def test_derivatives(mode: str) -> None:
    layer = trained(MODES[mode](MIXED))
    x = offset(randn(2, MIXED.size, 2, 1, 1)).requires_grad_()
    torch.autograd.gradcheck(layer, (x,))
    torch.autograd.gradgradcheck(layer, (x,))
    zero = torch.zeros(2, MIXED.size, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    layer(zero).square().sum().backward()
    assert zero.grad is not None
    assert bool(zero.grad.isfinite().all())


@pytest.mark.parametrize("mode", MODES)
@torch.no_grad()
def test_statistics_of_half_precision_do_not_overflow(mode: str) -> None:
    layer = MODES[mode](PLANE.type("2xregular")).half()
    x = (1000 * torch.randn(2, 16, 8, 8)).half()
    y = layer(x)
    assert y.dtype == torch.float16
    assert bool(y.isfinite().all())
    assert 0.5 < float(y.float().square().mean()) < 1.5
    with torch.autocast("cpu", torch.bfloat16):
        assert_close(layer.float()(x.float()).float(), layer(x.float()), 1e-5)


@pytest.mark.parametrize("mode", MODES)
@torch.no_grad()
def test_statistics_of_exports_do_not_overflow_under_autocast(mode: str) -> None:
    layer = trained(MODES[mode](MIXED).float())
    stock = layer.export()
    x = 1e5 * torch.randn(2, MIXED.size, 4, 4, 4)  # beyond what half precision holds
    expected = layer(x)
    assert_close(stock(x), expected, 1e-4)
    with torch.autocast("cpu", torch.float16):
        assert_close(stock(x), expected, 1e-2)


def test_parameters_and_arguments() -> None:
    for mode, count in (("instance", 3), ("group", 3), ("layer", 3), ("rms", None)):
        layer = MODES[mode](MIXED)
        assert layer.weight.shape == (6,)
        assert (layer.bias is None) if count is None else layer.bias.shape == (count,)
    assert not nn.FieldInstanceNorm(MIXED, affine=False).state_dict()
    assert not nn.FieldLayerNorm(ROTATIONS.type("2x1")).state_dict().get("bias", torch.zeros(0)).numel()
    assert float(TOLERANCE) < 1e-11


def test_errors() -> None:
    scalars = PLANE.type(PLANE.trivial_repr)
    with pytest.raises(ValueError, match="num_groups, a divisor of the number of fields \\(6\\), is required; received 4"):
        nn.FieldGroupNorm(MIXED, 4)
    with pytest.raises(ValueError, match="more than one value per mean is required"):
        nn.FieldInstanceNorm(scalars)(torch.zeros(2, 1, 1, 1))
    with pytest.raises(ValueError, match="use FieldRMSNorm, which subtracts none"):
        nn.FieldLayerNorm(scalars)(torch.zeros(2, 1, 5, 5))
    with pytest.raises(TypeError, match="FieldLayerNorm: in_type, a FieldType, is required"):
        nn.FieldLayerNorm(6)
