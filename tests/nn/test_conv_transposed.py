"""Transposed convolutions: the arguments of torch, the law at every size, the adjoint, the variance, bad input."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

from steer import check_equivariance, group, gspaces, nn
from tests.cases import assert_close, assert_far, assert_kernel_law, randn

PLANE = gspaces.flipRot2dOnR2(4)
SPACES = {
    "line": (nn.R1ConvTransposed, gspaces.flipOnR1(), "2xregular + 1"),
    "plane": (nn.R2ConvTransposed, PLANE, "regular + 1 + 0o"),
    "circle": (nn.R2ConvTransposed, gspaces.flipRot2dOnR2(-1), "0e + 1 + 2 + 0o"),
    "volume": (nn.R3ConvTransposed, gspaces.flipRot3dOnR3(), "0e + 1o + 1e"),
}


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(
    ("k", "stride", "padding", "dilation"), [(3, 2, 1, 1), (4, 2, 1, 1), (3, 1, 0, 1), (2, 3, 0, 2), (3, 3, 2, 2)]
)
def test_exact_for_every_size(name: str, k: int, stride: int, padding: int, dilation: int) -> None:
    layer, space, fields = SPACES[name]
    kind = space.type(fields)
    conv = layer(kind, kind, k, stride, padding, dilation=dilation)
    for size in (4, 5):
        check_equivariance(conv, size=size, batch=1).assert_exact()
        x = torch.randn(1, kind.size, *(size,) * conv.d)
        assert conv(x).shape[2] == (size - 1) * stride - 2 * padding + dilation * (k - 1) + 1


def test_exact_on_a_hexagonal_grid() -> None:
    kind = gspaces.on(group.dihedral(6), "hexagonal").type("regular")
    for stride in (1, 2):
        check_equivariance(nn.R2ConvTransposed(kind, kind, 5, stride, 2), size=13).assert_exact()


def test_its_kernel_has_the_law_at_mirrored_positions() -> None:
    into, out = PLANE.type("regular + 1"), PLANE.type("1 + 0o + regular")
    conv = nn.R2ConvTransposed(into, out, 5).double()
    kernel, _ = conv.dense()
    spread = kernel.detach().transpose(0, 1).flatten(2)  # [out, in, tap]: what a sample in the centre gives at each tap
    points = PLANE.lattice.positions((5, 5))
    for g in PLANE.fibergroup.elements:
        assert_kernel_law(spread, into.representation, out.representation, points, g)
    x = randn(1, into.size, 9, 9)
    as_correlation = F.conv2d(x, kernel.transpose(0, 1).flip(2, 3), padding=4)
    assert_close(conv(x).detach(), (as_correlation + conv.expand_bias()[:, None, None]).detach())


def test_it_is_the_adjoint_of_a_convolution() -> None:
    into, out = PLANE.type("2x1"), PLANE.type("regular")
    down = nn.R2Conv(into, out, 3, stride=2, padding=1, bias=False).double()
    adjoint = F.conv_transpose2d(randn(1, 8, 5, 5), down.dense()[0], stride=2, padding=1)
    up = nn.R2ConvTransposed(out, into, 3, stride=2, padding=1, bias=False).double()
    x = randn(1, 8, 5, 5)
    columns = []  # the adjoint lies in the space that the weights of the transposed layer span
    for i in range(up.weight.numel()):
        with torch.no_grad():
            up.weight.zero_()[i] = 1.0
        columns.append(up(x).detach().flatten())
    basis = torch.stack(columns, 1)
    fitted = basis @ torch.linalg.lstsq(basis, adjoint.detach().reshape(-1, 1), driver="gelsd").solution
    assert_close(fitted, adjoint.detach().reshape(-1, 1), 1e-10)


def test_groups_give_each_part_its_own_input() -> None:
    part, kind = PLANE.type("regular + 1"), PLANE.type("regular", "1", "regular", "1")
    conv = nn.R2ConvTransposed(kind, kind, 3, 2, groups=2, bias=False)
    x = torch.randn(2, kind.size, 7, 7)
    x2 = x.clone()
    x2[:, part.size :] = 0
    assert torch.equal(conv(x)[:, : part.size], conv(x2)[:, : part.size])
    assert float(conv(x2)[:, part.size :].detach().abs().max()) == 0.0
    assert conv.dense()[0].shape == (kind.size, part.size, 3, 3)
    check_equivariance(conv, size=7).assert_exact()
    with pytest.raises(ValueError, match="a divisor of how often every kind of field occurs"):
        nn.R2ConvTransposed(kind, kind, 3, groups=3)


def test_output_padding_breaks_the_law_and_warns() -> None:
    kind = PLANE.type("regular")
    with pytest.warns(nn.BrokenSymmetryWarning, match=r"output_padding=\(1, 1\) adds samples on one side of axes"):
        conv = nn.R2ConvTransposed(kind, kind, 3, 2, 1, output_padding=1)
    assert check_equivariance(conv, size=7).error() > 1e-2
    with pytest.raises(AssertionError, match="output_padding .* adds samples on one side only"):
        check_equivariance(nn.Sequential(conv), size=7).assert_exact()
    assert conv(torch.randn(1, 8, 7, 7)).shape == (1, 8, 14, 14)
    mirrored = gspaces.flip2dOnR2().type("regular")  # left and right are exchanged, top and bottom are not
    harmless = nn.R2ConvTransposed(mirrored, mirrored, 3, 2, 1, output_padding=(1, 0))
    check_equivariance(harmless, size=7).assert_exact()


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(("k", "stride"), [(3, 1), (3, 2), (4, 2), (5, 3)])
def test_variance_is_kept(name: str, k: int, stride: int) -> None:
    layer, space, _ = SPACES[name]
    kind = space.type(
        {1: "24xregular", 2: "8xregular" if name == "plane" else "16x0e + 16x1 + 8x2", 3: "8x0e + 8x1o"}[layer.d]
    )
    ratios, phases = [], []
    for seed in range(4):
        torch.manual_seed(seed)
        n = {1: 80, 2: 16, 3: 7}[layer.d]
        with torch.no_grad():
            y = layer(kind, kind, k, stride)(torch.randn(1, kind.size, *(n,) * layer.d))
        m = stride * (y.shape[2] // stride // 2)
        inner = (
            y[(..., *(slice(stride * 2, m + stride * 2),) * layer.d)]
            if n > 10
            else y[(..., *(slice(stride, -stride),) * layer.d)]
        )
        ratios.append(inner.var())
        phases.append(torch.stack([inner[(..., *(slice(i, None, stride),) * layer.d)].var() for i in range(stride)]))
    assert 0.7 < float(torch.stack(ratios).mean()) < 1.4
    assert float(torch.stack(phases).mean(0).min()) > 0.1


@torch.no_grad()
def test_typed_plain_copied_compiled_and_exported_agree() -> None:
    for name, (layer, space, fields) in SPACES.items():
        kind = space.type(fields)
        conv = layer(kind, kind, 3, 2, 1, dilation=2)
        assert list(conv.state_dict()) == list(conv.eval().state_dict()) == ["weight", "bias"]
        x = torch.randn(2, kind.size, *(5,) * conv.d)
        y = conv(x)
        typed = conv(nn.GeometricTensor(x, kind))
        assert torch.equal(typed.tensor, y)
        assert torch.equal(copy.deepcopy(conv)(x), y)
        assert torch.equal(pickle.loads(pickle.dumps(conv))(x), y)
        stock = conv.export()
        assert type(stock) is {1: torch.nn.ConvTranspose1d, 2: torch.nn.ConvTranspose2d, 3: torch.nn.ConvTranspose3d}[conv.d]
        torch.testing.assert_close(stock(x), y)
        assert f"stride={(2,) * conv.d}" in repr(conv), name
    assert_far(nn.R2ConvTransposed(kind := PLANE.type("regular"), kind, 3)(torch.randn(1, 8, 4, 4)), torch.zeros(()))


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
def test_compiles_and_exports(train: bool) -> None:
    kind = PLANE.type("regular + 1")
    conv = nn.R2ConvTransposed(kind, kind, 4, 2, 1).train(train)
    x = torch.randn(2, kind.size, 6, 7)
    compiled = torch.compile(conv, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), conv(x))
    if not train:
        torch.testing.assert_close(torch.export.export(conv, (x,)).module()(x), conv(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 0}, r"kernel_size: a whole number >= 1, or 2 of them"),
        ({"kernel_size": 3, "stride": 0}, "stride: a whole number >= 1"),
        ({"kernel_size": 3, "padding": "same"}, "padding: a whole number >= 0"),
        ({"kernel_size": 3, "output_padding": 1}, r"output_padding smaller than stride or dilation, at most \(0, 0\)"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    kind = PLANE.type("regular")
    with pytest.raises(ValueError, match=message):
        nn.R2ConvTransposed(kind, kind, **arguments)
    with pytest.raises(ValueError, match=r"fields over 3 dimension\(s\) are required; in_type lives over 2"):
        nn.R3ConvTransposed(kind, kind, 3)
