"""Identity and restriction."""

from __future__ import annotations

import pytest
import torch

from steer import group, gspaces, nn
from tests.cases import assert_close, randn

SPACE = gspaces.flipRot2dOnR2(4)
KIND = SPACE.type("regular + 1")


def test_numbers_stay() -> None:
    x = randn(1, 10, 3, 3)
    for layer in (nn.Identity(KIND), nn.Restriction(KIND, group.cyclic(4))):
        assert torch.equal(layer(x), x)
        assert type(layer.export()) is torch.nn.Identity


def test_restricted_fields_transform_alike_under_the_subgroup() -> None:
    layer = nn.Restriction(KIND, group.cyclic(4))
    assert layer.out_type.fibergroup == group.cyclic(4)
    x = randn(1, 10, 3, 3)
    for g in group.cyclic(4).elements:
        assert_close(layer.out_type.transform_fibers(x, g), KIND.transform_fibers(x, g))


def test_a_network_goes_on_with_less_symmetry() -> None:
    small = nn.Restriction(KIND, group.cyclic(4))
    hidden = small.out_type.gspace.type("2xregular")
    net = nn.Sequential(nn.R2Conv(KIND, KIND, 3), small, nn.R2Conv(small.out_type, hidden, 3), nn.ReLU(hidden))
    assert net(nn.GeometricTensor(torch.randn(1, 10, 7, 7), KIND)).type == hidden


def test_error() -> None:
    with pytest.raises(ValueError, match=r"cyclic\(8\) is not contained in it"):
        nn.Restriction(KIND, group.cyclic(8))
