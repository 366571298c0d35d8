"""Any dense kernel projects onto the steerable space."""

from __future__ import annotations

import pytest
import torch

from steer import check_equivariance, gspaces, nn
from tests.cases import assert_close, randn

CASES = {
    "regular": (gspaces.rot2dOnR2(8), "2xregular + 0", "regular + 2x0 + regular"),
    "irreps": (gspaces.rot2dOnR2(-1), "2x0 + 2x1 + 2", "0 + 3x1 + 2"),
    "mixed": (gspaces.flipRot2dOnR2(4), "standard + regular + 0o", "regular + standard + 0e"),
    "octahedral": (gspaces.octaOnR3(), "regular + 0", "regular"),
    "SO(3)": (gspaces.rot3dOnR3(), "2x0 + 1 + 2", "0 + 2x1 + 2"),
}


def layer(name: str, size: int = 3) -> nn.SteerableConv:
    space, into, out = CASES[name]
    conv = nn.R2Conv if space.dimensionality == 2 else nn.R3Conv
    return conv(space.type(into), space.type(out), size).double()


@pytest.mark.parametrize("name", CASES)
def test_a_steerable_kernel_is_found_again(name: str) -> None:
    source, target = layer(name), layer(name)
    with torch.no_grad():
        source.bias.normal_()
    kernel, bias = (t.detach() for t in source.dense())
    assert target.from_dense(kernel, bias) < 1e-12
    assert_close(target.dense()[0].detach(), kernel)
    assert_close(target.dense()[1].detach(), bias)


@pytest.mark.parametrize("name", CASES)
def test_the_projection_is_the_closest_and_idempotent(name: str) -> None:
    conv = layer(name)
    kernel = randn(*conv.dense()[0].shape)
    residual = conv.from_dense(kernel)
    assert 0.1 < residual < 1
    taken = conv.dense()[0].detach()
    # Orthogonal to the steerable space: no other kernel of the layer is closer.
    other = layer(name).dense()[0].detach()
    assert abs(float(((kernel - taken) * other).sum())) < 1e-9
    assert conv.from_dense(taken) < 1e-12
    check_equivariance(conv, size=7).assert_exact()


def test_large_bases_are_applied_and_not_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    conv, twin = layer("octahedral"), layer("octahedral")
    kernel = randn(*conv.dense()[0].shape)
    conv.from_dense(kernel)
    monkeypatch.setattr("steer.expansion._fit._MOST_ENTRIES", 0)
    twin.from_dense(kernel)
    assert_close(twin.dense()[0].detach(), conv.dense()[0].detach(), 1e-8)


def test_linear_and_grouped_layers() -> None:
    kind = gspaces.no_base_space(gspaces.rot2dOnR2(8).fibergroup).type("2xregular + 1")
    linear, twin = nn.Linear(kind, kind).double(), nn.Linear(kind, kind).double()
    assert twin.from_dense(*linear.dense()) < 1e-12
    plane = gspaces.rot2dOnR2(4).type("4xregular")
    conv, other = (nn.R2Conv(plane, plane, 3, groups=2).double() for _ in range(2))
    assert other.from_dense(*conv.dense()) < 1e-12


def test_errors() -> None:
    conv = layer("regular")
    with pytest.raises(ValueError, match=r"a kernel \[18, 17, 3, 3\] is required; received \[18, 17, 5, 5\]"):
        conv.from_dense(torch.zeros(18, 17, 5, 5))
    with pytest.raises(ValueError, match=r"a bias \[18\] is required; received \[3\]"):
        conv.from_dense(conv.dense()[0], torch.zeros(3))
    kernel, bias = conv.dense()
    before = conv.weight.clone()
    for number in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="a kernel of finite numbers is required; received NaN or infinity"):
            conv.from_dense(kernel + number)
        with pytest.raises(ValueError, match="a bias of finite numbers is required"):
            conv.from_dense(kernel, bias + number)
    assert torch.equal(conv.weight, before)
    space = gspaces.rot2dOnR2(4)
    bare = nn.R2Conv(space.type("1"), space.type("1"), 3)
    with pytest.raises(ValueError, match="no bias is required"):
        bare.from_dense(bare.dense()[0], torch.zeros(2))


def test_the_identity_is_steerable() -> None:
    """What `docs/migration` says of initialisations: `dirac_` is taken as it is, a random orthogonal matrix is not."""
    kind = gspaces.flipRot2dOnR2(4).type("2xregular + 2x1")
    conv = nn.R2Conv(kind, kind, 3, padding=1, bias=False).double()
    kernel = torch.nn.init.dirac_(torch.empty(kind.size, kind.size, 3, 3, dtype=torch.float64))
    assert conv.from_dense(kernel) < 1e-12
    x = randn(1, kind.size, 5, 5)
    assert_close(conv(x).detach(), x, 1e-12)
    kernel[:, :, 1, 1] = torch.nn.init.orthogonal_(torch.empty(kind.size, kind.size, dtype=torch.float64))
    assert conv.from_dense(kernel) > 0.5
