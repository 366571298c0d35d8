"""Pooling over space: exact on symmetric sites, like torch, hexagons, warnings and errors."""

from __future__ import annotations

import pytest
import torch

from steer import check_equivariance, group, gspaces, nn
from tests.cases import assert_close, randn

PLANE = gspaces.flipRot2dOnR2(4).type("regular + 0e")
VOLUME = gspaces.octaOnR3().type("regular")
LINE = gspaces.flipOnR1().type("regular")
HEXAGONAL = gspaces.on(group.dihedral(6), "hexagonal").type("regular")
VECTORS = gspaces.flipRot2dOnR2(-1).type("2x1 + 0o + 2")


@pytest.mark.parametrize("kind", [PLANE, VOLUME, LINE], ids=["plane", "volume", "line"])
@pytest.mark.parametrize("arguments", [(3, 2, 1), (2, 2), (3,), (2, 1)])
def test_exact_on_symmetric_sites(kind: nn.FieldType, arguments: tuple[int, ...]) -> None:
    k = arguments[0]
    step = arguments[1] if len(arguments) > 1 else k
    size = k + 2 * step - 2 * (arguments[2] if len(arguments) > 2 else 0)
    for layer in (nn.PointwiseMaxPool, nn.PointwiseAvgPool, nn.NormMaxPool):
        check_equivariance(layer(kind, *arguments), size=size).assert_exact()


def test_sites_that_are_not_symmetric_break_the_law() -> None:
    with pytest.raises(AssertionError):
        check_equivariance(nn.PointwiseMaxPool(PLANE, 3, 2, 1), size=8).assert_exact()


@pytest.mark.parametrize("layer", [nn.PointwiseAvgPool, nn.NormMaxPool])
def test_any_field_pools_linearly_or_by_its_norm(layer: type) -> None:
    check_equivariance(layer(VECTORS, 3, 2, 1), size=9).assert_exact()


def test_the_maximum_of_vectors_would_break_the_law() -> None:
    class Wrong(nn.EquivariantModule):
        in_type = out_type = VECTORS

        def compute(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.max_pool2d(x, 3, 2, 1)

    with pytest.raises(AssertionError):
        check_equivariance(Wrong(), size=9).assert_exact()
    with pytest.raises(ValueError, match="PointwiseMaxPool: fields whose channels .* use NormMaxPool or PointwiseAvgPool"):
        nn.PointwiseMaxPool(VECTORS, 3)
    with pytest.raises(ValueError, match="PointwiseAdaptiveMaxPool: .* use PointwiseAdaptiveAvgPool"):
        nn.PointwiseAdaptiveMaxPool(VECTORS, 3)


@pytest.mark.filterwarnings("ignore:.* are not symmetric about the centre:steer.nn.BrokenSymmetryWarning")
def test_numbers_are_those_of_torch() -> None:
    x = randn(2, 9, 12, 12)
    pairs = [
        (nn.PointwiseMaxPool(PLANE, 3, 2, 1, 2, True), torch.nn.MaxPool2d(3, 2, 1, 2, ceil_mode=True)),
        (nn.PointwiseAvgPool(PLANE, 3, 2, 1, True, False), torch.nn.AvgPool2d(3, 2, 1, True, False)),
        (nn.PointwiseAdaptiveAvgPool(PLANE, 5), torch.nn.AdaptiveAvgPool2d(5)),
        (nn.PointwiseAdaptiveMaxPool(PLANE, 5), torch.nn.AdaptiveMaxPool2d(5)),
    ]
    for ours, theirs in pairs:
        assert torch.equal(ours(x), theirs(x))
        assert type(ours.export()) is type(theirs)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_adaptive_windows_are_symmetric(size: int) -> None:
    for layer in (nn.PointwiseAdaptiveAvgPool, nn.PointwiseAdaptiveMaxPool):
        check_equivariance(layer(PLANE, size), size=9).assert_exact()


def test_norm_max_pool_takes_whole_fields() -> None:
    space = gspaces.rot3dOnR3()
    kind = space.type("1 + 0 + 1")
    x = randn(2, 7, 4, 4, 4)
    y = nn.NormMaxPool(kind, 2)(x)
    windows = x.unfold(2, 2, 2).unfold(3, 2, 2).unfold(4, 2, 2).flatten(5)
    for _, span in kind.channels():
        best = windows[:, span].norm(dim=1, keepdim=True).argmax(-1, keepdim=True)
        expected = windows[:, span].gather(-1, best.expand(-1, span.stop - span.start, -1, -1, -1, -1))[..., 0]
        assert_close(y[:, span], expected)
    scalars = space.type("3x0")
    x = torch.rand(2, 3, 5, 5, 5)
    assert torch.equal(nn.NormMaxPool(scalars, 3, 1, 1)(x), nn.PointwiseMaxPool(scalars, 3, 1, 1)(x))


def test_norm_max_pool_takes_whole_fields_of_a_hexagon() -> None:
    kind = HEXAGONAL.gspace.type("2x1 + 0e")
    x = randn(2, 5, 7, 7)
    y = nn.NormMaxPool(kind, 3, 2)(x)
    windows = x.unfold(2, 3, 2).unfold(3, 3, 2).flatten(4)[..., [1, 2, 3, 4, 5, 6, 7]]  # the box without two corners
    for _, span in kind.channels():
        best = windows[:, span].norm(dim=1, keepdim=True).argmax(-1, keepdim=True)
        assert_close(y[:, span], windows[:, span].gather(-1, best.expand(-1, span.stop - span.start, -1, -1, -1))[..., 0])


@pytest.mark.parametrize("layer", [nn.PointwiseMaxPool, nn.PointwiseAvgPool, nn.NormMaxPool])
@pytest.mark.parametrize("size", [3, 5])
def test_hexagonal_windows_are_exact_for_sixth_turns(layer: type, size: int) -> None:
    check_equivariance(layer(HEXAGONAL, size, 1, size // 2), size=13).assert_exact()


def test_a_parallelogram_would_not_be() -> None:
    class Box(nn.EquivariantModule):
        in_type = out_type = HEXAGONAL

        def compute(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.max_pool2d(x, 3, 1, 1)

    with pytest.raises(AssertionError):
        check_equivariance(Box(), size=13).assert_exact()
    with pytest.warns(nn.BrokenSymmetryWarning, match="on a hexagonal grid its windows are parallelograms"):
        nn.PointwiseAdaptiveAvgPool(HEXAGONAL, 3)
    nn.PointwiseAdaptiveAvgPool(HEXAGONAL, 1)


def test_hexagons_agree_with_boxes_where_both_hold_one_sample_and_skip_sites_alike() -> None:
    x = randn(1, 12, 9, 9)
    assert torch.equal(nn.PointwiseMaxPool(HEXAGONAL, 1, 2)(x), x[:, :, ::2, ::2])
    every = nn.PointwiseMaxPool(HEXAGONAL, 3, 1, 1)(x)
    assert torch.equal(nn.PointwiseMaxPool(HEXAGONAL, 3, 2, 1)(x), every[:, :, ::2, ::2])
    wide = nn.PointwiseMaxPool(HEXAGONAL, 3, 1, 2, dilation=2)(x)
    assert wide.shape == x.shape
    assert bool((wide >= x).all())


def test_uneven_sizes_warn_where_the_group_exchanges_the_axes() -> None:
    with pytest.warns(
        nn.BrokenSymmetryWarning, match=r"PointwiseMaxPool: kernel_size=\(3, 5\), stride=.* differ along axes"
    ):
        nn.PointwiseMaxPool(PLANE, (3, 5))
    with pytest.warns(nn.BrokenSymmetryWarning, match=r"output_size=\(3, 5\) differ"):
        nn.PointwiseAdaptiveAvgPool(PLANE, (3, 5))
    nn.PointwiseMaxPool(gspaces.flip2dOnR2().type("regular"), (3, 5))


def test_errors() -> None:
    point = gspaces.no_base_space(group.cyclic(4)).type("regular")
    for layer in (nn.PointwiseMaxPool, nn.PointwiseAvgPool, nn.NormMaxPool, nn.PointwiseAdaptiveAvgPool):
        with pytest.raises(ValueError, match=f"{layer.__name__}: fields over a grid are required"):
            layer(point, 2)
    with pytest.raises(ValueError, match=r"kernel_size: a whole number >= 1, or 2 of them .* received 0"):
        nn.PointwiseMaxPool(PLANE, 0)
    with pytest.raises(ValueError, match=r"padding of at most half the window \(3, 3\) is required; received \(2, 2\)"):
        nn.PointwiseAvgPool(PLANE, 3, 1, 2)
    with pytest.raises(ValueError, match="ceil_mode=False and count_include_pad=True are required on a hexagonal grid"):
        nn.PointwiseMaxPool(HEXAGONAL, 3, ceil_mode=True)
    with pytest.raises(ValueError, match="hexagonal kernels: one odd size is required"):
        nn.PointwiseMaxPool(HEXAGONAL, 2)
