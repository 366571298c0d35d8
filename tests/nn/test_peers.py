"""Names of escnn and e2cnn: the same classes, whose arguments mean what they mean there."""

from __future__ import annotations

import inspect

import pytest
import torch

from steer import group, gspaces, nn
from steer.nn import _peers
from tests.cases import assert_close, randn

ALIASES = {name: value for name, value in vars(_peers).items() if isinstance(value, type) and value.__name__ != name}


def test_every_alias_is_public() -> None:
    assert len(ALIASES) == 6 + 12
    for name, layer in ALIASES.items():
        assert getattr(nn, name) is layer
        assert name in nn.__all__


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("IIDBatchNorm2d", "in_type eps momentum affine track_running_stats"),
        ("PointwiseMaxPool2D", "in_type kernel_size stride padding dilation ceil_mode"),
        ("PointwiseAvgPool3D", "in_type kernel_size stride padding ceil_mode"),
        ("PointwiseMaxPoolAntialiased2D", "in_type kernel_size stride padding dilation"),
        ("PointwiseAvgPoolAntialiased3D", "in_type sigma stride padding"),
        ("PointwiseAdaptiveAvgPool2D", "in_type output_size"),
        ("DisentangleModule", "in_type"),
        ("IdentityModule", "in_type"),
    ],
)
def test_arguments_come_in_the_order_of_the_peers(name: str, peer: str) -> None:
    """As in escnn 1.0.11; `ceil_mode` of antialiased pooling is no argument here, and `sigma` is named in both."""
    assert list(inspect.signature(getattr(nn, name)).parameters)[: len(peer.split())] == peer.split()


def test_the_law_of_iid_batch_norm() -> None:
    """One variance per field over channels, batch and space; means of invariant parts alone."""
    kind = gspaces.rot2dOnR2(4).type("0 + 1 + regular")
    x = randn(5, kind.size, 3, 3) + 2
    y = nn.IIDBatchNorm2d(kind, affine=False).double()(x)
    for field, span in kind.channels():
        part = x[:, span]
        mean = torch.zeros(1) if str(field) == "1" else part.mean()
        expected = (part - mean) / ((part - mean).square().mean() + 1e-5).sqrt()
        assert_close(y[:, span], expected, 1e-10)


def test_a_subgroup_by_its_number_of_turns_is_that_subgroup() -> None:
    layer = nn.RestrictionModule(gspaces.rot2dOnR2(4).type("0"), 2)
    assert layer.out_type.fibergroup == group.cyclic(2)
    with pytest.raises((TypeError, ValueError), match="subgroup"):
        nn.RestrictionModule(gspaces.rot2dOnR2(4).type("0"), 3)
