"""Upsampling: exact for every size, mode and dimension, like torch where torch is symmetric, sizes of skips, errors."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

from steer import check_equivariance, group, gspaces, nn
from tests.cases import assert_close, assert_far, randn

LINE = gspaces.flipOnR1().type("regular + 1")
PLANE = gspaces.flipRot2dOnR2(4).type("regular + 1")
VOLUME = gspaces.octaOnR3().type("1")
HEXAGONAL = gspaces.on(group.dihedral(6), "hexagonal").type("regular")
MODES = [("nearest", False), ("linear", False), ("linear", True), ("bicubic", False), ("bicubic", True)]


def build(kind: nn.FieldType, **arguments) -> nn.SteerableUpsampling:
    return {1: nn.R1Upsampling, 2: nn.R2Upsampling, 3: nn.R3Upsampling}[kind.gspace.dimensionality](kind, **arguments)


@pytest.mark.parametrize(("mode", "corners"), MODES)
def test_symmetric_for_every_pair_of_sizes(mode: str, corners: bool) -> None:
    """Mirrors and exchange of the axes generate all symmetries of the grid that move samples."""
    up = build(gspaces.flipRot2dOnR2(4).type("trivial"), mode=mode, align_corners=corners)
    for n in range(1, 14):
        x = randn(1, 1, n, 5, seed=n)
        for m in range(2, 30):
            y = up(x, (m, 7))
            assert y.shape == (1, 1, m, 7)
            assert_close(up(x.flip(2), (m, 7)), y.flip(2), 1e-13, f"{n} -> {m}")
            assert_close(up(x.mT, (7, m)), y.mT, 1e-13, f"{n} -> {m}")


def test_torch_alone_would_not_be_symmetric() -> None:
    x = randn(1, 1, 5)
    for arguments in (
        {"size": 7, "mode": "nearest"},
        {"scale_factor": 1.7, "mode": "linear"},
        {"scale_factor": 1.7, "mode": "nearest-exact"},
    ):
        corners = {"align_corners": False} if arguments["mode"] == "linear" else {}
        y = F.interpolate(x, **arguments, **corners, recompute_scale_factor=False if "scale_factor" in arguments else None)
        assert_far(F.interpolate(x.flip(2), **arguments, **corners), y.flip(2))
    tie = randn(1, 1, 2)  # the centre of three samples lies between two
    assert_far(F.interpolate(tie.flip(2), 3, mode="nearest-exact"), F.interpolate(tie, 3, mode="nearest-exact").flip(2))
    up = build(gspaces.flipOnR1().type("0"), mode="nearest", size=3)
    assert_close(up(tie)[0, 0], torch.stack([tie[0, 0, 0], tie.mean(), tie[0, 0, 1]]))


@pytest.mark.parametrize("kind", [LINE, PLANE, VOLUME], ids=["line", "plane", "volume"])
@pytest.mark.parametrize(
    "arguments",
    [
        {"scale_factor": 2},
        {"scale_factor": 1.7, "mode": "nearest"},
        {"scale_factor": 1.5},
        {"size": 9, "align_corners": True},
    ],
)
def test_exact_for_the_symmetries_of_the_grid(kind: nn.FieldType, arguments: dict) -> None:
    for size in (5, 6):
        check_equivariance(build(kind, **arguments), size=size, batch=1).assert_exact()


def test_numbers_are_those_of_torch() -> None:
    x = randn(2, 10, 5, 7)
    for mode, corners in MODES:
        stock = {"linear": "bilinear"}.get(mode, mode)
        extra = {} if mode == "nearest" else {"align_corners": corners}
        up = build(PLANE, scale_factor=3, mode=mode, align_corners=corners)
        assert torch.equal(up(x), F.interpolate(x, scale_factor=3, mode=stock, **extra))
        assert type(up.export()) is torch.nn.Upsample
        assert torch.equal(up.export()(x), up(x))
    assert torch.equal(build(PLANE, mode="bilinear", size=(9, 9))(x), F.interpolate(x, (9, 9), mode="bilinear"))
    assert build(PLANE, scale_factor=1.5)(x).shape == (2, 10, 7, 10)


def test_the_size_of_a_skip_wins() -> None:
    up = build(PLANE, scale_factor=2)
    x, skip = nn.GeometricTensor(torch.randn(1, 10, 5, 7), PLANE), torch.zeros(1, 3, 9, 13)
    y = up(x, size=skip.shape[2:])
    assert y.type == PLANE
    assert y.shape == (1, 10, 9, 13)
    assert torch.equal(up(x.tensor, skip.shape[2:]), y.tensor)


@pytest.mark.parametrize(
    "arguments",
    [{"scale_factor": 2, "mode": "nearest"}, {"scale_factor": 1.6, "mode": "nearest"}, {"scale_factor": 1.6}, {"size": 9}],
)
@pytest.mark.parametrize("kind", [LINE, PLANE, VOLUME], ids=["line", "plane", "volume"])
def test_copies_exports_and_compilers_agree(kind: nn.FieldType, arguments: dict) -> None:
    up = build(kind, **arguments)
    assert not up.state_dict()
    x = torch.randn(2, kind.size, *(5,) * kind.gspace.dimensionality)
    y = up(x)
    assert torch.equal(up(nn.GeometricTensor(x, kind)).tensor, y)
    assert torch.equal(copy.deepcopy(up)(x), y)
    assert torch.equal(pickle.loads(pickle.dumps(up))(x), y)
    torch.testing.assert_close(up.export()(x), y)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(up, fullgraph=True, backend="aot_eager")(x), y)
    torch.testing.assert_close(torch.export.export(up, (x,)).module()(x), y)


def test_one_compiled_graph_serves_many_sizes() -> None:
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    up = build(PLANE, scale_factor=2)
    compiled = torch.compile(up, fullgraph=True, backend=counter, dynamic=True)
    for n in (5, 6, 9, 12):
        x = torch.randn(1, 10, n, n + 2)
        torch.testing.assert_close(compiled(x), up(x))
    assert counter.frame_count == 1


def test_errors() -> None:
    with pytest.raises(ValueError, match="a square grid is required .* use R2ConvTransposed"):
        build(HEXAGONAL, scale_factor=2)
    half = gspaces.on(group.cyclic(2), "hexagonal").type("regular")
    check_equivariance(build(half, scale_factor=2), size=9).assert_exact()
    with pytest.raises(
        ValueError, match=r"mode, one of \['nearest', 'linear', 'trilinear'\], is required; received 'bicubic'"
    ):
        build(VOLUME, scale_factor=2, mode="bicubic")
    with pytest.raises(ValueError, match="align_corners=True belongs to linear and bicubic"):
        build(PLANE, scale_factor=2, mode="nearest", align_corners=True)
    for wrong in (0.5, (2, 2, 2), float("inf")):
        with pytest.raises(ValueError, match="scale_factor, a number >= 1 or 2 of them, is required"):
            build(PLANE, scale_factor=wrong)
    with pytest.raises(ValueError, match="scale_factor or size is required; received both"):
        build(PLANE, scale_factor=2, size=4)
    with pytest.raises(ValueError, match="a size is required, as it was built without"):
        build(PLANE)(torch.zeros(1, 10, 4, 4))
    with pytest.raises(ValueError, match=r"size, one number for each of 2 axes, is required; received \(4,\)"):
        build(PLANE)(torch.zeros(1, 10, 4, 4), (4,))
    with pytest.raises(ValueError, match="a single one has no corners"):
        build(LINE, size=1, align_corners=True)(torch.zeros(1, 3, 4))
    with pytest.raises(ValueError, match=r"fields over 2 dimension\(s\) are required; in_type lives over 3"):
        nn.R2Upsampling(VOLUME, 2)
    with pytest.warns(nn.BrokenSymmetryWarning, match=r"scale_factor=\(2, 3\) differ along axes"):
        build(PLANE, scale_factor=(2, 3))


def test_a_network_that_gives_sizes_can_be_checked() -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.in_type = self.out_type = PLANE
            self.down = nn.PointwiseAvgPoolAntialiased(PLANE, 0.66, 2)
            self.up = nn.R2Upsampling(PLANE)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.up(self.down(x), size=x.shape[2:]) + x

    for size in (8, 9, (8, 11)):
        check_equivariance(Net(), size=size).assert_exact()
