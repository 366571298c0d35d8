"""Equivariant linear maps: the law for every group, the dimension by Schur's lemma."""

from __future__ import annotations

import pytest
import torch

from steer import gspaces, nn
from steer.coupling import intertwiners
from steer.group import octahedral
from tests.cases import build as group_of

CASES = [
    ("cyclic(8)", "2xregular + 1 + 0"),
    ("dihedral(4)", "regular + 1 + 2e"),
    ("so2()", "2x0 + 1 + 3"),
    ("o2()", "0e + 0o + 2x2"),
    ("icosahedral()", "regular + 1 + 2"),
    ("so3()", "2x0 + 1 + 2"),
    ("o3()", "0e + 0o + 1o + 1e"),
    ("quaternion_group()", "regular + 1"),
]


@pytest.mark.parametrize(("text", "fields"), CASES)
def test_law_and_dimension(text: str, fields: str) -> None:
    space = gspaces.no_base_space(group_of(text))
    kind = space.type(fields)
    layer = nn.Linear(kind, kind).double()
    with torch.no_grad():
        layer.bias.normal_()
    x = torch.randn(5, kind.size, dtype=torch.float64)
    for g in space.fibergroup.sample(4, torch.Generator().manual_seed(0)):
        rho = kind.representation(g)
        assert (layer(x @ rho.mT) - layer(x) @ rho.mT).abs().max() < 1e-12
    assert layer.weight.numel() == len(intertwiners(kind.representation, kind.representation))
    noise = torch.randn(kind.size, kind.size, dtype=torch.float64)
    g = space.fibergroup.sample(16, torch.Generator().manual_seed(0))
    rho = kind.representation(g)
    assert (noise @ rho - rho @ noise).abs().max() > 1e-2


def test_acts_on_pooled_features_of_a_planar_network() -> None:
    space = gspaces.rot2dOnR2(8)
    layer = nn.Linear(space.type("2xregular"), space.type("regular"))
    assert layer(torch.randn(3, 16)).shape == (3, 8)
    stock = layer.export()
    assert type(stock) is torch.nn.Linear
    x = torch.randn(3, 16)
    torch.testing.assert_close(stock(x), layer(x))


def test_errors() -> None:
    space = gspaces.rot2dOnR2(8)
    layer = nn.Linear(space.type("regular"), space.type("regular"))
    with pytest.raises(ValueError, match=r"Linear: a tensor \[batch, 8\] is required .* received \(3, 7\)"):
        layer(torch.randn(3, 7))
    for x in (torch.randn(2, 8, 8, 8), nn.GeometricTensor(torch.randn(2, 8, 8, 8), layer.in_type)):
        with pytest.raises(ValueError, match="over a grid use a convolution with kernel_size=1"):
            layer(x)
    with pytest.raises(TypeError, match="Linear: in_type, a FieldType, is required; received int 3"):
        nn.Linear(3, 4)
    with pytest.raises(ValueError, match="types over one gspace are required"):
        nn.Linear(space.type("regular"), gspaces.rot2dOnR2(4).type("regular"))


def test_positions_of_a_set_are_mapped_alike() -> None:
    kind = gspaces.no_base_space(octahedral()).type("regular + 1")
    layer = nn.Linear(kind, kind)
    x = torch.randn(2, kind.size, 4, 3)
    torch.testing.assert_close(layer(x)[..., 1, 2], layer(x[..., 1, 2]))
    stock = layer.export()
    assert type(stock.linear) is torch.nn.Linear
    for part in (x, x[..., 0], x[..., 0, 0]):
        torch.testing.assert_close(stock(part), layer(part))
    assert layer(nn.GeometricTensor(x, kind)).type == kind
    with pytest.raises(ValueError, match="Linear: a tensor"):
        over_a_grid = gspaces.rot2dOnR2(4).type("0")
        nn.Linear(over_a_grid, over_a_grid)(torch.zeros(1, 1, 3))
