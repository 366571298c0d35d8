"""Whole networks in float64: exact for every symmetry of the grid, with a negative control for each."""

from __future__ import annotations

import pytest
import torch

from steer import check_equivariance, group, gspaces, nn
from steer.expansion import transform
from steer.field import GSpace

CONVS = {1: nn.R1Conv, 2: nn.R2Conv, 3: nn.R3Conv}


class BrokenConv(nn.R2Conv):
    """A convolution whose kernel is disturbed, for negative controls."""

    def shared_dense(self):
        kernel, bias = super().shared_dense()
        noise = torch.randn(kernel.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        return kernel + kernel.abs().max() * noise.to(kernel), bias


class BrokenConv1(BrokenConv):
    d = 1


class BrokenConv3(BrokenConv):
    d = 3


BROKEN = {1: BrokenConv1, 2: BrokenConv, 3: BrokenConv3}


def randomise(module: torch.nn.Module) -> torch.nn.Module:
    """Non-zero biases and running statistics: a zero hides what they break."""
    stream = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "bias" in name:
                parameter.copy_(0.5 * torch.randn(parameter.shape, generator=stream))
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(0.3 * torch.randn(buffer.shape, generator=stream))
            if name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=stream))
    return module


def pointwise_network(space: GSpace, fields: str, size: int, broken: bool = False) -> nn.Sequential:
    """Convolutions, field batch norm, ReLU, a strided convolution on symmetric sites, pooling, an invariant head."""
    conv = CONVS[space.dimensionality]
    second = BROKEN[space.dimensionality] if broken else conv
    hidden = space.type(fields)
    centred = space.lattice.kind == "hexagonal"  # the sizes of the others fit
    layers = [
        conv(space.type("trivial"), hidden, size, padding=size // 2),
        nn.InnerBatchNorm(hidden),
        nn.ReLU(hidden),
        second(hidden, hidden, 3, padding=1, stride=2, centred=centred),
        nn.ELU(hidden),
        nn.PointwiseMaxPool(hidden, 3, stride=2, padding=1, centred=centred),
        conv(hidden, space.type("trivial", "regular"), 1),
    ]
    return randomise(nn.Sequential(*layers))


def gated_network(space: GSpace, fields: str, size: int, broken: bool = False, extra: str = "trivial") -> nn.Sequential:
    """Convolutions to irreps with gates and norm nonlinearities."""
    conv = CONVS[space.dimensionality]
    second = BROKEN[space.dimensionality] if broken else conv
    hidden = space.type(fields)
    gate, norm = nn.GatedNonLinearity(hidden), nn.NormNonLinearity(hidden)
    return randomise(
        nn.Sequential(
            conv(space.type("trivial"), gate.in_type, size, padding=size // 2),
            gate,
            nn.NormBatchNorm(hidden),
            second(hidden, hidden, 3, padding=1, stride=2),
            norm,
            nn.PointwiseAvgPool(hidden, 3, stride=2, padding=1),
            conv(hidden, space.type("trivial") + space.type(fields) + space.type(extra), 3),
        )
    )


CASES = {
    "C4": (pointwise_network, lambda: gspaces.rot2dOnR2(4), "2xregular", 5, 4),
    "D4": (pointwise_network, lambda: gspaces.flipRot2dOnR2(4), "2xregular", 5, 8),
    "C8": (pointwise_network, lambda: gspaces.rot2dOnR2(8), "2xregular", 5, 4),
    "D8": (pointwise_network, lambda: gspaces.flipRot2dOnR2(8), "2xregular", 5, 8),
    "flip": (pointwise_network, lambda: gspaces.flip2dOnR2(), "3xregular", 3, 2),
    "line": (pointwise_network, lambda: gspaces.flipOnR1(), "3xregular", 5, 2),
    "D6 hexagonal": (pointwise_network, lambda: gspaces.on(group.dihedral(6), "hexagonal"), "2xregular", 5, 12),
    "SO(2)": (gated_network, lambda: gspaces.rot2dOnR2(-1), "2x0 + 2x1 + 2", 5, 4),
    "O(2)": (gated_network, lambda: gspaces.flipRot2dOnR2(-1), "2x0e + 2x1 + 2", 5, 8),
    "octahedral": (pointwise_network, lambda: gspaces.octaOnR3(), "regular", 3, 24),
    "full octahedral": (pointwise_network, lambda: gspaces.fullOctaOnR3(), "regular", 3, 48),
    "D4 in space": (pointwise_network, lambda: gspaces.dihedralOnR3(4), "regular", 3, 8),
    "tetrahedral": (pointwise_network, lambda: gspaces.tetraOnR3(), "regular", 3, 12),
    "SO(3)": (gated_network, lambda: gspaces.rot3dOnR3(), "2x0 + 2x1 + 2", 3, 24),
    "O(3)": (gated_network, lambda: gspaces.flipRot3dOnR3(), "2x0e + 2x1o + 2e", 3, 48),
    "cylinder": (gated_network, lambda: gspaces.fullCylindricalOnR3(), "2x0e+ + 1+ + 0e- + 1-", 3, 16),
}


SIZES = {1: 33, 2: 29, 3: 9}


def few(space: GSpace) -> list[torch.Tensor]:
    """Elements that generate the exact symmetries."""
    exact = space.exact_group
    assert group.from_generators(exact.generators).order == exact.order
    return list(exact.generators)


@pytest.mark.parametrize("name", CASES)
def test_exact_for_every_symmetry_of_the_grid(name: str) -> None:
    torch.manual_seed(0)
    make, space, fields, size, count = CASES[name]
    network = make(space(), fields, size)
    elements = network.in_type.gspace.exact_group.elements
    assert len(elements) == count
    check_equivariance(network, elements=elements, size=SIZES[elements.shape[-1]], batch=1).assert_exact(1e-12)


# In training mode the statistics of a hexagonal array include the corners beyond the hexagon, which do not turn along.
@pytest.mark.parametrize("name", [name for name in CASES if "hexagonal" not in name])
def test_exact_in_training_mode(name: str) -> None:
    torch.manual_seed(0)
    make, space, fields, size, _ = CASES[name]
    network = make(space(), fields, size)
    elements = few(network.in_type.gspace)
    check_equivariance(network, elements=elements, size=SIZES[elements[0].shape[-1]], train=True).assert_exact(1e-12)


@pytest.mark.parametrize(("name", "extra"), [("O(2)", "0o + 3"), ("O(3)", "1e + 2o + 3o"), ("SO(2)", "4 + 3")])
def test_fields_that_only_later_layers_reach(name: str, extra: str) -> None:
    torch.manual_seed(0)
    _, space, fields, size, _ = CASES[name]
    network = gated_network(space(), fields, size, extra=extra)
    elements = network.in_type.gspace.exact_group.elements
    check_equivariance(network, elements=elements, size=SIZES[elements.shape[-1]], batch=1).assert_exact(1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_disturbed_kernel_is_found(name: str) -> None:
    torch.manual_seed(0)
    make, space, fields, size, _ = CASES[name]
    network = make(space(), fields, size, broken=True)
    elements = few(network.in_type.gspace)
    report = check_equivariance(network, elements=elements, size=SIZES[elements[0].shape[-1]], batch=1)
    assert report.error() > 1e-2
    assert report.first_at_fault(1e-12) == "3"
    with pytest.raises(AssertionError, match="3 breaks equivariance"):
        report.assert_exact()


def test_d4_in_space_fails_for_a_quarter_turn_about_x() -> None:
    torch.manual_seed(0)
    space = gspaces.dihedralOnR3(4)
    hidden = space.type("2xregular")
    network = nn.Sequential(
        nn.R3Conv(space.type("trivial"), hidden, 3, padding=1),
        nn.ReLU(hidden),
        nn.R3Conv(hidden, space.type("trivial"), 3, padding=1),
    ).double()
    x = torch.randn(1, 1, 9, 9, 9, dtype=torch.float64)
    errors = {}
    for axis in ([0, 0, 1], [1, 0, 0]):
        g = group.rotation(axis, torch.pi / 2)
        y = network(x)
        error = (network(transform(x, space.lattice, g)) - transform(y, space.lattice, g)).abs().max() / y.abs().max()
        errors[tuple(axis)] = float(error.detach())
    assert errors[0, 0, 1] < 1e-12
    assert errors[1, 0, 0] > 1e-3


def test_getting_started_lines() -> None:
    torch.manual_seed(0)
    r2_act = gspaces.Rot2dOnR2(N=8)
    feat_type_in = nn.FieldType(r2_act, 3 * [r2_act.trivial_repr])
    feat_type_out = nn.FieldType(r2_act, 10 * [r2_act.regular_repr])
    conv = nn.R2Conv(feat_type_in, feat_type_out, kernel_size=5).double()
    relu = nn.ReLU(feat_type_out)
    image = torch.randn(16, 3, 32, 32, dtype=torch.float64)
    x = nn.GeometricTensor(image, feat_type_in)
    y = relu(conv(x))
    z = relu(conv(x.tensor))
    assert torch.equal(y.tensor, z)
    turned = relu(conv(torch.rot90(image, 1, (-2, -1))))
    rolled = torch.rot90(z, 1, (-2, -1)).unflatten(1, (10, 8)).roll(2, dims=2).flatten(1, 2)
    assert (turned - rolled).abs().max() < 1e-12
    assert (y.transform(r2_act.fibergroup.elements[2]).tensor - turned).abs().max() < 1e-12
    opposite = torch.rot90(z, 1, (-2, -1)).unflatten(1, (10, 8)).roll(-2, dims=2).flatten(1, 2)
    assert (turned - opposite).abs().max() > 1e-2


INITIALISED = {
    "C8 3x3": (lambda: gspaces.rot2dOnR2(8), "12xregular", 3, 24),
    "C8 5x5": (lambda: gspaces.rot2dOnR2(8), "12xregular", 5, 24),
    "D4 7x7": (lambda: gspaces.flipRot2dOnR2(4), "12xregular", 7, 24),
    "SO(2) 5x5": (lambda: gspaces.rot2dOnR2(-1), "24x0 + 24x1 + 24x2", 5, 24),
    "O(2) 3x3": (lambda: gspaces.flipRot2dOnR2(-1), "24x0e + 12x0o + 24x1 + 24x2", 3, 24),
    "scalars 5x5": (lambda: gspaces.rot2dOnR2(-1), "64x0", 5, 24),
    "SO(3) 3^3": (lambda: gspaces.rot3dOnR3(), "16x0 + 16x1 + 16x2", 3, 8),
    "octahedral 3^3": (lambda: gspaces.octaOnR3(), "6xregular", 3, 8),
}


@pytest.mark.parametrize("name", INITIALISED)
def test_six_convolutions_keep_the_variance(name: str) -> None:
    space_of, fields, k, n = INITIALISED[name]
    space = space_of()
    kind = space.type(fields)
    ratios = []
    for seed in range(3):
        torch.manual_seed(seed)
        x = torch.randn(1, kind.size, *(n,) * space.dimensionality)
        start = x.var()
        with torch.no_grad():
            for _ in range(6):
                x = CONVS[space.dimensionality](kind, kind, k, padding=k // 2, padding_mode="circular")(x)
        ratios.append(x.var() / start)
    assert 0.7 < torch.stack(ratios).mean() < 1.4


def test_a_network_compiles_exports_and_copies() -> None:
    torch.manual_seed(0)
    network = pointwise_network(gspaces.rot2dOnR2(8), "2xregular", 5)
    x = torch.randn(2, 1, 29, 29)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), network(x))
    network.eval()
    exported = torch.export.export(network, (x,)).module()
    torch.testing.assert_close(exported(x), network(x))
    stock = network.export()
    assert all(type(layer).__module__.startswith("torch.nn") for layer in stock)
    torch.testing.assert_close(stock(x), network(x))
