"""Tensor products: the law in all modes, against products written out, the power they keep, errors."""

from __future__ import annotations

import pytest
import torch

from steer import group, gspaces, nn
from steer.coupling import clebsch_gordan
from steer.field import FieldType
from tests.cases import assert_close, assert_far, randn, seeded

CASES = {
    "so2": (group.so2(), "2x0 + 2x1 + 2", "0 + 2x1 + 3"),
    "o2": (group.o2(), "0e + 2x1 + 0o + 2", "0o + 0e + 2x1 + 3"),
    "so3": (group.so3(), "2x0 + 2x1 + 2", "0 + 2x1 + 3"),
    "o3": (group.o3(), "0e + 2x1o + 1e + 2e", "0o + 0e + 1o + 2x1e + 3o"),
    "cyclic(8)": (group.cyclic(8), "regular + 1 + 0", "regular + 2"),
    "dihedral(4)": (group.dihedral(4), "2xregular", "regular + standard"),
    "octahedral": (group.octahedral(), "standard + 1 + 2 + standard", "0 + 1 + 2 + 3"),
    "tetrahedral": (group.tetrahedral(), "2x1 + 2x2", "0 + 1 + 2"),
}


@pytest.mark.parametrize("mode", ["full", "elementwise"])
@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_law(name: str, mode: str) -> None:
    of, into, out = CASES[name]
    space = gspaces.no_base_space(of)
    layer = nn.TensorProductNonLinearity(space.type(into), space.type(out), mode).double()
    x = randn(5, layer.in_type.size)
    y = layer(x)
    assert float(y.std(0).min()) > 1e-3
    for g in of.sample(5, seeded(1)):
        assert_close(layer(layer.in_type.transform_fibers(x, g)), layer.out_type.transform_fibers(y, g), 1e-11)
        if not torch.equal(g, torch.eye(of.d).double()):
            assert_far(layer(layer.in_type.transform_fibers(x, g)), y, 1e-4)
    assert_close(layer(-3 * x), 9 * y, 1e-10)


@torch.no_grad()
def test_products_written_out() -> None:
    space = gspaces.no_base_space(group.so3())
    layer = nn.TensorProductNonLinearity(space.type("2x1"), space.type("1")).double()
    x = randn(4, 6)
    assert layer.weight.shape == (1,)  # v x v = 0, so one cross product is left
    coupling = clebsch_gordan(*[group.so3().irrep(1)] * 3)[0]
    cross = torch.einsum("zuv,bu,bv->bz", coupling, x[:, :3], x[:, 3:]) * 3**0.5
    assert_close(layer(x), layer.weight * cross)
    assert_close(cross.abs(), torch.linalg.cross(x[:, :3], x[:, 3:]).abs() / 2**0.5)
    scalars = nn.TensorProductNonLinearity(space.type("2x1"), space.type("0")).double()
    assert scalars.weight.shape == (3,)  # |v|^2, |w|^2, v . w
    squares = x.square().unflatten(1, (2, 3)).sum(2) / 15**0.5
    expected = squares @ scalars.weight[:2] + (x[:, :3] * x[:, 3:]).sum(1) / 3**0.5 * scalars.weight[2]
    assert_close(scalars(x)[:, 0].abs(), expected.abs())
    pairs = nn.TensorProductNonLinearity(space.type("2x1"), space.type("0"), "elementwise")
    assert pairs.weight.shape == (2,)


@pytest.mark.parametrize("mode", ["full", "elementwise"])
@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_power_is_kept_at_initialisation(name: str, mode: str) -> None:
    of, into, out = CASES[name]
    space = gspaces.no_base_space(of)
    wide = FieldType(space, [field for field in space.type(out).representations for _ in range(40)])
    powers = [
        nn.TensorProductNonLinearity(space.type(into), wide, mode).double()(randn(300, space.type(into).size, seed=s))
        for s in range(3)
    ]
    assert 0.6 < float(torch.stack(powers).square().mean()) < 1.6


def test_derivatives_and_weights() -> None:
    space = gspaces.rot2dOnR2(-1)
    layer = nn.TensorProductNonLinearity(space.type("0 + 2x1"), space.type("0 + 2")).double()
    torch.autograd.gradcheck(layer, (randn(2, 5, 2, 2).requires_grad_(),))
    assert list(layer.state_dict()) == ["weight"]
    x = torch.zeros(2, 5, 2, 2, dtype=torch.float64, requires_grad=True)
    layer(x).sum().backward()
    assert bool(x.grad.isfinite().all())
    before = float(layer.weight.detach().std())
    layer.reset_parameters(gain=10.0)
    assert float(layer.weight.detach().std()) > 3 * before


def test_errors() -> None:
    space = gspaces.rot2dOnR2(-1)
    kind = space.type("0 + 1")
    with pytest.raises(ValueError, match="types over one gspace are required"):
        nn.TensorProductNonLinearity(kind, gspaces.rot2dOnR2(4).type("0"))
    with pytest.raises(ValueError, match="mode, one of full, elementwise, is required; received 'all'"):
        nn.TensorProductNonLinearity(kind, kind, "all")
    with pytest.raises(ValueError, match="3 of .* does not; leave out, or add fields"):
        nn.TensorProductNonLinearity(kind, space.type("0 + 3"))
