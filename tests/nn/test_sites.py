"""Sites symmetric about the centre: strided layers that are exact at every size, torch's numbers where torch is symmetric."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch

from steer import check_equivariance, group, gspaces, nn
from steer.nn._sites import centre_sites
from tests.cases import assert_close, randn

LINE = gspaces.flipOnR1().type("regular + 1")
PLANE = gspaces.flipRot2dOnR2(4).type("regular")
VOLUME = gspaces.octaOnR3().type("1 + 0")
HEXAGONAL = gspaces.on(group.dihedral(6), "hexagonal").type("regular")
CONVS = {1: nn.R1Conv, 2: nn.R2Conv, 3: nn.R3Conv}

LAYERS: dict[str, Callable[[nn.FieldType, int, int], nn.EquivariantModule]] = {
    "max": lambda kind, k, s: nn.PointwiseMaxPool(kind, k, s, k // 2, centred=True),
    "dilated max": lambda kind, k, s: nn.PointwiseMaxPool(kind, k, s, 0, 2, centred=True),
    "mean": lambda kind, k, s: nn.PointwiseAvgPool(kind, k, s, k // 2, centred=True),
    "norm": lambda kind, k, s: nn.NormMaxPool(kind, k, s, k // 2, centred=True),
    "low-pass": lambda kind, k, s: nn.PointwiseAvgPoolAntialiased(kind, 0.66, s),
    "low-pass of max": lambda kind, k, s: nn.PointwiseMaxPoolAntialiased(kind, k, s, k // 2),
    "convolution": lambda kind, k, s: CONVS[kind.gspace.dimensionality](kind, kind, k, s, k // 2, centred=True),
    "mirrored convolution": lambda kind, k, s: CONVS[kind.gspace.dimensionality](
        kind, kind, k, s, k // 2, padding_mode="reflect", centred=True
    ),
    "dilated convolution": lambda kind, k, s: CONVS[kind.gspace.dimensionality](kind, kind, k, s, 0, 2, centred=True),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("k", "stride"), [(3, 2), (2, 2), (3, 3), (4, 3), (2, 4), (1, 5)])
def test_exact_in_the_plane_at_every_size(layer: str, k: int, stride: int) -> None:
    module = LAYERS[layer](PLANE, k, stride)
    for size in (9, 10, 11, (12, 13)):
        check_equivariance(module, size=size, batch=1).assert_exact()


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("stride", [2, 3])
def test_exact_on_a_line_and_in_space(layer: str, stride: int) -> None:
    kinds = [LINE, VOLUME] if "max" not in layer else [gspaces.flipOnR1().type("regular"), gspaces.octaOnR3().type("2x0")]
    for kind, sizes in zip(kinds, ((12, 13, 14), (7, 8)), strict=True):
        module = LAYERS[layer](kind, 3, stride).double()
        for size in sizes:
            d = kind.gspace.dimensionality
            x = randn(1, kind.size, *range(size, size + d))
            y = module(x)
            assert float(y.detach().std()) > 1e-3
            for g in kind.gspace.exact_group.elements[1:8]:
                assert_close(module(kind.transform(x, g)).detach(), module.out_type.transform(y, g).detach())


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("k", "stride"), [(3, 2), (3, 3), (5, 2), (1, 4)])
def test_exact_on_hexagons_at_every_odd_size(layer: str, k: int, stride: int) -> None:
    module = LAYERS[layer](HEXAGONAL, k, stride)
    sizes = (19, 21, 23, 25, 27)  # the remainders of n + 2p - k by twice the stride, all but a few
    for size in sizes:
        report = check_equivariance(module, size=size, batch=1)
        assert len(report.measurements) >= 12
        report.assert_exact()
        assert module(torch.zeros(1, 12, size, size)).shape[2] % 2 == 1


@pytest.mark.parametrize("layer", LAYERS)
def test_exact_on_hexagons_at_every_size_for_what_an_even_array_has(layer: str) -> None:
    """Half turns; the exchange of its two axes too, which is a mirror line through two corners of the array."""
    swap = torch.tensor([[0.5, -(0.75**0.5)], [-(0.75**0.5), -0.5]], dtype=torch.float64)
    space = gspaces.on(group.from_generators([swap, -torch.eye(2, dtype=torch.float64)]), "hexagonal")
    assert space.exact_group.order == 4
    module = LAYERS[layer](space.type("regular"), 3, 2).double()
    for size in (14, 15, 16, (13, 14)):
        x = randn(1, 4, *((size, size) if isinstance(size, int) else size))
        y = module(x).detach()
        for g in space.fibergroup.elements[1:]:
            assert_close(module(module.in_type.transform(x, g)).detach(), module.out_type.transform(y, g))


@pytest.mark.parametrize("layer", ["max", "mean", "norm", "convolution"])
def test_on_hexagons_the_sites_of_torch_are_exact_at_every_second_odd_size_only(layer: str) -> None:
    """The negative control: they are symmetric under half turns, but the centre is none of them."""
    layers = {
        **{"max": nn.PointwiseMaxPool, "mean": nn.PointwiseAvgPool, "norm": nn.NormMaxPool},
        "convolution": lambda kind, *arguments: nn.R2Conv(kind, kind, *arguments),
    }
    module = layers[layer](HEXAGONAL, 3, 2, 1)
    check_equivariance(module, size=21).assert_exact()
    assert check_equivariance(module, size=23).error() > 1e-2
    with pytest.raises(AssertionError, match="size 21x21 would be, as 2s divides n"):
        check_equivariance(nn.Sequential(module), size=23).assert_exact()
    with pytest.warns(
        nn.BrokenSymmetryWarning, match="not a multiple of twice the stride .* centred=True fits every odd size"
    ):
        module(torch.zeros(1, 12, 23, 23))


@pytest.mark.parametrize("layer", LAYERS)
def test_even_sizes_of_a_hexagonal_grid_warn(layer: str) -> None:
    module = LAYERS[layer](HEXAGONAL, 3, 2)
    module(torch.zeros(1, 12, 21, 21))
    with pytest.warns(
        nn.BrokenSymmetryWarning, match="the centre of an even size is no sample, so not all symmetries of a hex"
    ):
        module(torch.zeros(1, 12, 22, 22))
    assert check_equivariance(module, size=22).error() > 1e-3


def test_as_many_sites_as_torch_and_its_numbers_where_it_is_symmetric() -> None:
    for n in (9, 10, 11, 12):
        x = randn(1, 8, n, n)
        for k, s, padding in ((3, 2, 1), (2, 2, 0), (3, 3, 0), (5, 3, 2)):
            for ours, theirs in (
                (nn.PointwiseMaxPool, torch.nn.MaxPool2d(k, s, padding)),
                (nn.PointwiseAvgPool, torch.nn.AvgPool2d(k, s, padding)),
            ):
                y = ours(PLANE, k, s, padding, centred=True)(x)
                assert y.shape == theirs(x).shape
                if (n + 2 * padding - k) % s == 0:
                    assert_close(y, theirs(x))
        assert nn.PointwiseAvgPoolAntialiased(PLANE, 0.66, 3)(x).shape[2] == -(-n // 3)


def test_sites_are_where_the_formula_says() -> None:
    """The mean of positions over a window is its site, wherever the window ends."""
    for n in range(6, 14):
        for k, s in ((1, 2), (2, 2), (3, 2), (3, 3), (4, 3), (1, 4)):
            position = torch.arange(n, dtype=torch.float64)[None, None]
            m = (n - k) // s + 1
            expected = (n - 1) / 2 + s * (torch.arange(m).double() - (m - 1) / 2)
            read = centre_sites(position, (k,), (s,), (0,)).unfold(2, k, s).mean(-1)[0, 0]
            assert_close(read, expected)
    for n, k, s in ((9, 3, 2), (11, 3, 2), (13, 5, 3), (7, 1, 4)):
        position = torch.arange(n, dtype=torch.float64).expand(1, 1, n, n)
        m = 2 * ((n - k) // (2 * s)) + 1
        expected = (n - 1) / 2 + s * (torch.arange(m).double() - (m - 1) / 2)
        read = centre_sites(position, (k, k), (s, s), (0, 0), through=True).unfold(3, k, s).mean(-1)[0, 0, 0]
        assert_close(read, expected)
        assert (n - 1) / 2 in expected


def test_windows_are_one_wider_between_sites() -> None:
    x = randn(1, 8, 6, 6)
    y = nn.PointwiseMaxPool(PLANE, 3, 2, 1, centred=True)(x)
    assert torch.equal(y, torch.nn.functional.max_pool2d(x, 4, 2, 1))
    even = nn.PointwiseMaxPool(PLANE, 2, 2, centred=True)(randn(1, 8, 7, 7))
    assert torch.equal(even, torch.nn.functional.max_pool2d(randn(1, 8, 7, 7), 3, 2, 0)[..., :, :])


CORNERED = {
    "max": nn.PointwiseMaxPool(PLANE, 3, 2, 1),
    "mean": nn.PointwiseAvgPool(PLANE, 3, 2, 1),
    "norm": nn.NormMaxPool(PLANE, 3, 2, 1),
    "convolution": nn.R2Conv(PLANE, PLANE, 3, 2, 1),
}


@pytest.mark.parametrize("layer", CORNERED)
def test_the_sites_of_torch_break_the_law(layer: str) -> None:
    check_equivariance(CORNERED[layer], size=11).assert_exact()
    assert check_equivariance(CORNERED[layer], size=10).error() > 1e-2


def test_every_second_sample_of_a_low_pass_breaks_the_law() -> None:
    class Cornered(nn.PointwiseAvgPoolAntialiased):
        def compute(self, x: torch.Tensor) -> torch.Tensor:
            return super().compute(x)[..., ::2, ::2]

    assert check_equivariance(Cornered(PLANE, 0.66, 1), size=10).error() > 1e-2


@pytest.mark.parametrize("layer", LAYERS)
def test_copies_exports_and_compilers_agree(layer: str) -> None:
    module = LAYERS[layer](PLANE, 3, 2).eval()
    x = torch.randn(2, 8, 10, 11)
    with torch.no_grad():
        y = module(x)
        assert torch.equal(module(nn.GeometricTensor(x, PLANE)).tensor, y)
        assert torch.equal(copy.deepcopy(module)(x), y)
        assert torch.equal(pickle.loads(pickle.dumps(module))(x), y)
        stock = module.export()
        assert not any(isinstance(value, nn.FieldType) for part in stock.modules() for value in vars(part).values())
        torch.testing.assert_close(stock(x), y)
        torch.testing.assert_close(torch.export.export(module, (x,)).module()(x), y)
    assert set(module.state_dict()) <= {"weight", "bias"}
    for train in (False, True):
        torch._dynamo.reset()
        compiled = torch.compile(module.train(train), fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x), module(x))


@pytest.mark.parametrize("layer", ["max", "mean", "low-pass", "convolution"])
def test_few_graphs_serve_all_sizes(layer: str) -> None:
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    module = LAYERS[layer](PLANE, 3, 2)
    compiled = torch.compile(module, fullgraph=True, backend=counter, dynamic=True)
    for n in range(9, 19):
        x = torch.randn(1, 8, n, n)
        torch.testing.assert_close(compiled(x), module(x))
    assert counter.frame_count <= 3


def test_errors() -> None:
    for arguments in ({"ceil_mode": True}, {"count_include_pad": False}):
        with pytest.raises(ValueError, match="centred=True requires ceil_mode=False and count_include_pad=True; received"):
            nn.PointwiseAvgPool(PLANE, 2, centred=True, **arguments)


@pytest.mark.parametrize("layer", CORNERED)
def test_sites_that_are_not_symmetric_warn_once(layer: str) -> None:
    module = copy.deepcopy(CORNERED[layer])
    module(torch.zeros(1, 8, 11, 13))
    with pytest.warns(
        nn.BrokenSymmetryWarning, match=r"on the size \(11, 10\), sites with stride .* centred=True fits every size"
    ):
        module(torch.zeros(1, 8, 11, 10))
    module(torch.zeros(1, 8, 11, 10))
    mirrored = gspaces.flip2dOnR2().type("regular")  # top and bottom are not exchanged
    nn.PointwiseMaxPool(mirrored, 3, 2, 1)(torch.zeros(1, 2, 10, 11))
    torch._dynamo.reset()
    torch.compile(copy.deepcopy(CORNERED[layer]), fullgraph=True, backend="aot_eager")(torch.zeros(1, 8, 10, 10))


def test_layers_that_are_always_exact_do_not_warn() -> None:
    for layer in LAYERS:
        LAYERS[layer](PLANE, 3, 2)(torch.zeros(1, 8, 10, 10))
    nn.PointwiseAdaptiveAvgPool(PLANE, 4)(torch.zeros(1, 8, 10, 10))
