"""Networks that go down and up again: exact under every symmetry of the grid, at every size."""

from __future__ import annotations

import pytest
import torch

from steer import gspaces, nn
from steer.field import FieldType, GSpace
from tests.cases import assert_close, randn, seeded

CONVS = {2: nn.R2Conv, 3: nn.R3Conv}
UPS = {2: nn.R2Upsampling, 3: nn.R3Upsampling}
SPACES = {
    "C4": lambda: gspaces.rot2dOnR2(4),
    "D4": lambda: gspaces.flipRot2dOnR2(4),
    "octahedral": lambda: gspaces.octaOnR3(),
}


def small(space: GSpace) -> FieldType:
    """Permutation fields of few channels: regular ones, and in space functions on the four diagonals of the cube."""
    if space.dimensionality == 2:
        return space.type("regular")
    diagonal = torch.ones(3, dtype=torch.float64)
    group = space.fibergroup
    fixing = [g for g in group.elements if float((g @ diagonal).cross(diagonal, 0).norm()) < 1e-9]
    return FieldType(space, [group.quotient(group.subgroup(torch.stack(fixing)))])


class Down(torch.nn.Module):
    """Residual blocks, each at half the size of the one before, as in a ResNet."""

    def __init__(self, space: GSpace, plain: bool = False) -> None:
        super().__init__()
        hidden = small(space)
        conv = CONVS[space.dimensionality]
        self.in_type, self.out_type = space.type("trivial"), hidden
        self.stem = nn.Sequential(conv(self.in_type, hidden, 3, padding=1), nn.ReLU(hidden))
        self.blocks = torch.nn.ModuleList(
            nn.Sequential(
                conv(hidden, hidden, 3, stride=2, padding=1, centred=not plain),
                nn.ELU(hidden),
                conv(hidden, hidden, 3, padding=1),
            )
            for _ in range(2)
        )
        self.shortcuts = torch.nn.ModuleList(nn.PointwiseMaxPool(hidden, 3, 2, 1, centred=not plain) for _ in range(2))

    def forward(self, x: nn.GeometricTensor) -> nn.GeometricTensor:
        x = self.stem(x)
        for block, shortcut in zip(self.blocks, self.shortcuts, strict=True):
            x = block(x) + shortcut(x)
        return x


class UNet(torch.nn.Module):
    """Down twice, up twice to the size of what was there before, which is laid beside it."""

    def __init__(self, space: GSpace, mode: str = "linear", plain: bool = False) -> None:
        super().__init__()
        hidden = small(space)
        conv = CONVS[space.dimensionality]
        self.in_type, self.out_type = space.type("trivial"), space.type("trivial") + space.type("standard")
        self.enter = nn.Sequential(conv(self.in_type, hidden, 3, padding=1), nn.ELU(hidden))
        self.middle = nn.Sequential(conv(hidden, hidden, 3, padding=1), nn.ELU(hidden))
        self.first = nn.PointwiseMaxPool(hidden, 2, 2) if plain else nn.PointwiseAvgPoolAntialiased(hidden, 0.66, 2)
        self.second = nn.PointwiseMaxPool(hidden, 2, 2, centred=not plain)
        self.up = UPS[space.dimensionality](hidden, mode=mode)
        self.joined = nn.Sequential(conv(hidden + hidden, hidden, 1), nn.ELU(hidden))
        self.leave = conv(hidden + hidden, self.out_type, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        high = self.enter(x)
        middle = self.middle(self.first(high))
        low = self.second(middle)
        y = self.joined(torch.cat([self.up(low, size=middle.shape[2:]), middle], 1))
        return self.leave(torch.cat([self.up(y, size=high.shape[2:]), high], 1))


def general(network: torch.nn.Module) -> torch.nn.Module:
    """Double precision, and biases that are not zero."""
    stream = seeded(1)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=stream))
    return network.double()


@torch.no_grad()
def error(network: torch.nn.Module, shape: tuple[int, ...], elements: torch.Tensor) -> float:
    """The largest difference between the moved output and the output of the moved input."""
    typed = isinstance(network, Down)
    x = randn(1, 1, *shape)

    def run(f: torch.Tensor) -> torch.Tensor:
        return network(nn.GeometricTensor(f, network.in_type)).tensor if typed else network(f)

    y = run(x)
    assert float(y.std()) > 1e-3
    differences = []
    for g in elements:
        moved, expected = run(network.in_type.transform(x, g)), network.out_type.transform(y, g)
        differences.append(float((moved - expected).abs().max()) if moved.shape == expected.shape else float("inf"))
    return max(differences)


@pytest.mark.parametrize("name", ["C4", "D4"])
@pytest.mark.parametrize("network", [Down, UNet])
def test_exact_in_the_plane_at_every_size(name: str, network: type) -> None:
    torch.manual_seed(0)
    space = SPACES[name]()
    net = general(network(space))
    for n in range(29, 65):
        assert error(net, (n, n), space.fibergroup.elements[1:]) < 1e-12, n
    for n in range(29, 37):
        assert error(net, (n, 65 - n), space.fibergroup.generators) < 1e-12, n


@pytest.mark.parametrize("network", [Down, UNet])
def test_exact_in_space_at_every_size(network: type) -> None:
    torch.manual_seed(0)
    space = SPACES["octahedral"]()
    net = general(network(space))
    for n in range(9, 17):
        assert error(net, (n, n, n), space.fibergroup.elements[1:]) < 1e-12, n
    assert error(net, (9, 10, 12), space.fibergroup.elements[1:]) < 1e-12


@pytest.mark.parametrize("mode", ["nearest", "bicubic"])
def test_other_interpolations_are_exact_too(mode: str) -> None:
    torch.manual_seed(0)
    space = SPACES["D4"]()
    net = general(UNet(space, mode))
    for n in range(29, 38):
        assert error(net, (n, n), space.fibergroup.generators) < 1e-12, n


@pytest.mark.filterwarnings("ignore:.* are not symmetric about the centre:steer.nn.BrokenSymmetryWarning")
@pytest.mark.parametrize("network", [Down, UNet])
def test_the_sites_of_torch_are_exact_at_few_sizes_only(network: type) -> None:
    """The negative control."""
    torch.manual_seed(0)
    space = SPACES["D4"]()
    net = general(network(space, plain=True))
    errors = {n: error(net, (n, n), space.fibergroup.elements[1:2]) for n in range(29, 37)}
    fitting = {33, 29} if network is Down else {32, 36}
    assert {n for n, e in errors.items() if e < 1e-12} == fitting
    assert min(e for n, e in errors.items() if n not in fitting) > 1e-3


def test_a_u_net_with_transposed_convolutions_is_exact() -> None:
    torch.manual_seed(0)
    space = SPACES["D4"]()
    kind = space.type("trivial + 1")
    gate = nn.GatedNonLinearity(kind)
    net = nn.Sequential(
        nn.R2Conv(space.type("trivial"), gate.in_type, 3, 2, 1, centred=True),
        gate,
        nn.R2ConvTransposed(kind, space.type("trivial + 1"), 4, 2, 1),
    )
    general(net)
    for n in range(9, 14):
        assert error(net, (n, n), space.fibergroup.elements[1:]) < 1e-12, n


def test_compiled_networks_give_the_same_numbers() -> None:
    net = UNet(SPACES["C4"]())
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    x = randn(1, 1, 18, 17).float()
    assert_close(compiled(x).detach(), net(x).detach(), 1e-5)
