"""Steerable convolutions: the arguments of torch, the law, the dense kernel, bad input."""

from __future__ import annotations

import pickle
import warnings

import pytest
import torch
import torch.nn.functional as F

from steer import check_equivariance, group, gspaces, nn
from steer.coupling import decompose
from steer.kernel import kernel_basis


def plane(n: int = 4):
    return gspaces.flipRot2dOnR2(n)


def test_is_a_cross_correlation_with_its_dense_kernel() -> None:
    kind = gspaces.flip2dOnR2().type("2xregular + 0o")
    conv = nn.R2Conv(kind, kind, (3, 5), stride=2, padding=(1, 2), dilation=(2, 1))
    x = torch.randn(2, kind.size, 17, 15)
    kernel, bias = conv.dense()
    assert torch.equal(conv(x), F.conv2d(x, kernel, bias, 2, (1, 2), (2, 1)))
    assert kernel.shape == (kind.size, kind.size, 3, 5)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_padding_modes_agree_with_torch_and_stay_exact(mode: str) -> None:
    kind = plane().type("regular")
    conv = nn.R2Conv(kind, kind, 3, padding=1, padding_mode=mode)
    stock = torch.nn.Conv2d(8, 8, 3, padding=1, padding_mode=mode)
    kernel, bias = conv.dense()
    stock.weight, stock.bias = torch.nn.Parameter(kernel.detach()), torch.nn.Parameter(bias.detach())
    x = torch.randn(2, 8, 9, 9)
    torch.testing.assert_close(conv(x), stock(x))
    check_equivariance(conv, size=9).assert_exact()


def test_same_and_valid_padding() -> None:
    kind = plane().type("regular")
    x = torch.randn(1, 8, 9, 11)
    assert nn.R2Conv(kind, kind, 5, padding="same", dilation=2)(x).shape == x.shape
    assert nn.R2Conv(kind, kind, 5, padding="valid")(x).shape == (1, 8, 5, 7)
    with pytest.raises(ValueError, match="odd kernel sizes and stride 1 are required"):
        nn.R2Conv(kind, kind, 4, padding="same")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6])
def test_odd_and_even_kernels_are_exact(size: int) -> None:
    kind = plane().type("regular")
    # An even kernel shifts sites by half a sample: n inputs, n - k + 1 outputs, both about the same centre.
    check_equivariance(nn.R2Conv(kind, kind, size), size=12).assert_exact()


def test_rectangular_kernels_are_exact_for_what_the_box_allows() -> None:
    space = gspaces.on(group.dihedral(2))
    kind = space.type("regular")
    check_equivariance(nn.R2Conv(kind, kind, (3, 5), padding=(1, 2)), size=(9, 11)).assert_exact()
    square = plane().type("regular")
    with pytest.warns(nn.BrokenSymmetryWarning, match=r"kernel_size=\(3, 5\), padding=\(1, 2\) differ along axes"):
        broken = nn.R2Conv(square, square, (3, 5), padding=(1, 2))
    assert check_equivariance(broken, size=11).error() > 1e-2


def test_anisotropic_voxels_keep_the_symmetries_of_the_grid() -> None:
    space = gspaces.on(group.so3(), spacing=(2.5, 1.0, 1.0))
    kind = space.type("2x0 + 1")
    conv = nn.R3Conv(kind, kind, (3, 5, 5), padding=(1, 2, 2))
    report = check_equivariance(conv, size=(7, 9, 9))
    assert sum(m.exact for m in report.measurements) == 8  # the rotations of a square prism
    report.assert_exact()


def test_groups_give_each_part_its_own_input() -> None:
    space = plane()
    part, kind = space.type("regular + 1"), space.type("regular", "1", "regular", "1")
    conv = nn.R2Conv(kind, kind, 3, groups=2, bias=False)
    x = torch.randn(2, kind.size, 7, 7)
    x2 = x.clone()
    x2[:, part.size :] = 0
    y, y2 = conv(x), conv(x2)
    assert torch.equal(y[:, : part.size], y2[:, : part.size])
    assert float(y2[:, part.size :].detach().abs().max()) == 0.0
    check_equivariance(conv, size=9).assert_exact()
    with pytest.raises(ValueError, match="so of 1 for regular .* is required; received 2"):
        nn.R2Conv(space.type("regular", "1"), kind, 3, groups=2)
    with pytest.raises(ValueError, match="groups: a divisor of how often every kind of field occurs, so of 2 for"):
        nn.R2Conv(kind, kind, 3, groups=3)


def test_kernel_is_in_the_span_of_the_steerable_basis() -> None:
    space = gspaces.rot2dOnR2(8)
    into, out = space.type("regular + 1"), space.type("2 + regular")
    conv = nn.R2Conv(into, out, 5).double()
    kernel, _ = conv.dense()
    sampling = conv.plan.recipe[2]
    basis = kernel_basis(into.representation, out.representation, sampling.points(2), 2, sampling.radial)
    flat = basis.flatten(1)
    coefficients = torch.linalg.lstsq(flat.mT, kernel.detach().reshape(-1, 1), driver="gelsd").solution
    assert (flat.mT @ coefficients - kernel.detach().reshape(-1, 1)).abs().max() < 1e-10


def test_bias_acts_on_invariants_alone() -> None:
    space = plane()
    kind = space.type("regular", "1", "0o", "0e") + space.type(space.standard_repr @ space.standard_repr)
    conv = nn.R2Conv(space.type("regular + 1"), kind, 3).double()
    assert conv.bias.shape == (3,)
    with torch.no_grad():
        conv.bias.normal_()
    bias = conv.expand_bias().detach()
    for g in space.fibergroup.elements:
        assert (kind.representation(g) @ bias - bias).abs().max() < 1e-12
    assert bias[8:11].abs().max() == 0  # the vector and the sign get none
    _, change = decompose(space.standard_repr @ space.standard_repr)
    assert (change.mT @ bias[12:])[0].abs() > 0


def test_unreachable_fields_are_counted_and_named() -> None:
    space = gspaces.rot2dOnR2(-1)
    with pytest.warns(nn.UnreachableIrrepsWarning, match="no kernel reaches output fields 2x5 from 0 of"):
        conv = nn.R2Conv(space.type("0"), space.type("0 + 2x5"), 3)
    with pytest.warns(nn.UnreachableIrrepsWarning, match="no kernel reads input fields 9 for 0 of .*they have no effect"):
        nn.R2Conv(space.type("0 + 9"), space.type("0"), 3)
    assert float(conv(torch.randn(1, 1, 5, 5))[:, 1:].detach().abs().max()) == 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.R2Conv(space.type("0"), space.type("0 + 2x5"), 5, band_limit=5)


def test_band_limit_counts_parameters() -> None:
    space = gspaces.rot2dOnR2(-1)
    t = space.type("0")
    limits = (1, 2, [0, 1, 1], lambda radius: 1)
    counts = [nn.R2Conv(t, space.type("1"), 5, band_limit=limit, bias=False).weight.numel() for limit in limits]
    assert counts == [4, 4, 4, 4]
    with pytest.warns(nn.UnreachableIrrepsWarning):
        assert nn.R2Conv(t, space.type("1"), 5, band_limit=0).weight.numel() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 0}, r"kernel_size: a whole number >= 1, or 2 of them"),
        ({"kernel_size": (3, 3, 3)}, "kernel_size: a whole number >= 1, or 2 of them"),
        ({"kernel_size": 3, "stride": 0}, "stride: a whole number >= 1"),
        ({"kernel_size": 3, "padding": -1}, "padding: a whole number >= 0"),
        ({"kernel_size": 3, "padding_mode": "mirror"}, "padding_mode: one of"),
        ({"kernel_size": 5, "band_limit": [1, 2]}, "one for each of 3 rings, is required; received"),
        ({"kernel_size": 5, "band_limit": -1}, "degrees >= 0 are required; received -1"),
        ({"kernel_size": 5, "rings": [0.0, 1.0], "widths": [1.0]}, "one width per radius is required"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    kind = plane().type("regular")
    with pytest.raises(ValueError, match=message):
        nn.R2Conv(kind, kind, **arguments)


def test_bad_types() -> None:
    kind, other = plane().type("regular"), gspaces.rot2dOnR2(8).type("regular")
    with pytest.raises(ValueError, match="types over one gspace are required"):
        nn.R2Conv(kind, other, 3)
    with pytest.raises(ValueError, match=r"fields over 3 dimension\(s\) are required; in_type lives over 2"):
        nn.R3Conv(kind, kind, 3)
    with pytest.raises(TypeError, match="in_type, a FieldType, is required; received int 3"):
        nn.R2Conv(3, kind, 3)
    conv = nn.R2Conv(kind, kind, 3)
    with pytest.raises(ValueError, match=r"\[batch, 8, y, x\] is required .* received shape \(2, 7, 9, 9\)"):
        conv(torch.randn(2, 7, 9, 9))
    with pytest.raises(ValueError, match=r"fields of type .* are required; received"):
        conv(nn.GeometricTensor(torch.randn(1, 8, 9, 9), other))


def test_export_is_stock_and_equal() -> None:
    for conv, shape in [
        (nn.R1Conv(*[gspaces.flipOnR1().type("2xregular")] * 2, 3, stride=2), (2, 4, 11)),
        (nn.R2Conv(*[plane().type("regular + 1")] * 2, 3, padding=1, padding_mode="circular"), (2, 10, 9, 9)),
        (nn.R3Conv(*[gspaces.octaOnR3().type("regular")] * 2, 3, dilation=2), (1, 24, 7, 7, 7)),
    ]:
        stock = conv.export()
        assert type(stock).__module__.startswith("torch.nn")
        x = torch.randn(shape)
        torch.testing.assert_close(stock(x), conv(x))
        assert all(p.untyped_storage().data_ptr() != conv.weight.untyped_storage().data_ptr() for p in stock.parameters())


def bumps(radius: torch.Tensor) -> torch.Tensor:
    """Three profiles that are not Gaussian."""
    return torch.stack([(radius == 0).double(), (2 - radius).clamp(min=0) * radius, radius.square() * (radius < 3)])


def test_radial_profiles_are_pluggable() -> None:
    kind = gspaces.flipRot2dOnR2(-1).type("2x0e + 1 + 2")
    conv = nn.R2Conv(kind, kind, 5, padding=2, radial=bumps, band_limit=2)
    check_equivariance(conv).assert_exact()
    other = nn.R2Conv(kind, kind, 5, band_limit=2)
    assert not torch.equal(conv.constants["0"], other.constants["0"])
    x = torch.randn(1, kind.size, 7, 7)
    assert torch.equal(pickle.loads(pickle.dumps(conv))(x), conv(x))
    with pytest.raises(ValueError, match="one for each of the 3 profiles of radial, is required; received None"):
        nn.R2Conv(kind, kind, 5, radial=bumps)
    with pytest.raises(ValueError, match="rings and widths belong to the Gaussian profiles"):
        nn.R2Conv(kind, kind, 5, radial=bumps, rings=[0.0, 1.0], band_limit=2)


def test_groups_are_a_number() -> None:
    kind = gspaces.rot2dOnR2(4).type("2xregular")
    with pytest.raises(ValueError, match="groups: a divisor of .* so of 2 for .* is required; received True"):
        nn.R2Conv(kind, kind, 3, groups=True)
