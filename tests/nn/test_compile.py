"""Compiled training of whole networks: one graph, the numbers of eager training, and compiled as often as stock layers.

On the CPU torch itself compiles a convolution anew when the batch grows to 16: its choice of a backend (oneDNN, NNPACK)
asks whether there are 16 samples, and the answer becomes a guard, `2 <= batch <= 15`; and Inductor splits a reduction of
more than 4096 numbers, as in the statistics of a batch norm, which is a guard too. No layer around them can take that back,
so every count here is compared with that of stock layers of the same sizes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torch._dynamo.testing

from steer import gspaces, nn
from steer.field import GSpace
from tests.cases import assert_close, randn

BATCHES = (3, 8, 15, 16, 32, 5, 3, 8, 16)


def regular(space: GSpace) -> nn.Sequential:
    grey, hidden = space.type("trivial"), space.type("2xregular")
    return nn.Sequential(
        nn.R2Conv(grey, hidden, 5, padding=2),
        nn.InnerBatchNorm(hidden),
        nn.ReLU(hidden),
        nn.R2Conv(hidden, hidden, 5, padding=2),
        nn.InnerBatchNorm(hidden),
        nn.ReLU(hidden),
        nn.GroupPooling(hidden),
    )


def gated(conv: type[nn.SteerableConv], space: GSpace, fields: str) -> nn.Sequential:
    hidden = space.type(fields)
    act = nn.GatedNonLinearity(hidden)
    return nn.Sequential(
        conv(space.type("0"), act.in_type, 3, padding=1),
        act,
        nn.NormBatchNorm(hidden),
        conv(hidden, hidden, 3, padding=1),
        nn.NormPool(hidden),
    )


NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {
    "C8 regular": lambda: regular(gspaces.rot2dOnR2(8)),
    "SO(2) gated": lambda: gated(nn.R2Conv, gspaces.rot2dOnR2(-1), "4x0 + 2x1 + 2x2"),
    "SE(3) gated": lambda: gated(nn.R3Conv, gspaces.rot3dOnR3(), "4x0 + 2x1 + 2"),
}


def stock(conv: type[torch.nn.Module], *norm: torch.nn.Module) -> torch.nn.Module:
    return torch.nn.Sequential(conv(1, 16, 3, padding=1), torch.nn.ReLU(), conv(16, 16, 3, padding=1), *norm)


CONTROLS: dict[str, Callable[[], torch.nn.Module]] = {
    # Statistics of 8 channels at once, as those of a regular field.
    "C8 regular": lambda: stock(
        torch.nn.Conv2d, torch.nn.Unflatten(1, (2, 8)), torch.nn.Flatten(2), torch.nn.BatchNorm1d(2)
    ),
    "SO(2) gated": lambda: stock(torch.nn.Conv2d, torch.nn.BatchNorm2d(16)),
    "SE(3) gated": lambda: stock(torch.nn.Conv3d, torch.nn.BatchNorm3d(16)),
}


def train(network: torch.nn.Module, d: int, backend: str, batches: tuple[int, ...], tolerance: float = 1e-4) -> list[int]:
    """Train a compiled network beside itself in eager mode; the number of compilations after every step."""
    torch._dynamo.reset()
    twin = copy.deepcopy(network)
    counted = torch._dynamo.testing.CompileCounterWithBackend(backend)
    compiled = torch.compile(network, fullgraph=True, backend=counted)  # raises where a graph would break
    optimizers = [torch.optim.SGD(module.parameters(), 0.01, momentum=0.9) for module in (network, twin)]
    frames = []
    for step, batch in enumerate(batches):
        x = randn(batch, 1, *(7,) * d, seed=step).float()
        found = []
        for module, optimizer in zip((compiled, twin), optimizers, strict=True):
            optimizer.zero_grad()
            y = module(x)
            y.square().mean().backward()
            optimizer.step()
            found.append(y.detach())
        assert_close(*found, tolerance)
        frames.append(counted.frame_count)
    for (key, value), other in zip(network.state_dict().items(), twin.state_dict().values(), strict=True):
        assert_close(value, other, tolerance, key)
    return frames


CASES = [
    pytest.param(name, backend, marks=[] if (name, backend) == ("C8 regular", "aot_eager") else [pytest.mark.slow])
    for name in NETWORKS
    for backend in ("aot_eager", "inductor")
]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # of importing the compiler
@pytest.mark.parametrize(("name", "backend"), CASES)
def test_training(name: str, backend: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]()
    d = network.in_type.gspace.dimensionality
    frames = train(network, d, backend, BATCHES)
    control = train(CONTROLS[name](), d, backend, BATCHES)
    assert all(ours <= theirs for ours, theirs in zip(frames, control, strict=True)), f"{frames}, stock: {control}"
    if backend == "aot_eager":  # once for the first size, once for all sizes, and once more from 16 samples on
        assert frames == [1, 2, 2] + [3] * (len(BATCHES) - 3)


def test_evaluation() -> None:
    """Sizes in any order make as many graphs as those of stock layers: three for 3, 8 and 16."""

    def graphs(network: torch.nn.Module, batches: tuple[int, ...]) -> int:
        torch._dynamo.reset()
        counted = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
        compiled = torch.compile(network.eval(), fullgraph=True, backend=counted)
        with torch.no_grad():
            for batch in batches:
                x = randn(batch, 1, 7, 7).float()
                assert_close(compiled(x), network(x), 1e-5)
        return counted.frame_count

    for batches, expected in (((3, 8, 16), 3), ((32, 16, 8, 3), 3), ((3, 8, 15, 5), 2)):
        assert graphs(CONTROLS["C8 regular"](), batches) == expected
        assert graphs(NETWORKS["C8 regular"](), batches) == expected


@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # of setting the flags back
def test_two_compilations_serve_all_sizes_where_torch_does_not_ask() -> None:
    """The reason given above, put to the test: without the two backends no size is special."""
    torch.manual_seed(0)
    with torch.backends.nnpack.flags(enabled=False), torch.backends.mkldnn.flags(enabled=False):
        assert train(regular(gspaces.rot2dOnR2(4)), 2, "aot_eager", BATCHES) == [1] + [2] * (len(BATCHES) - 1)


def test_a_declared_range_of_batches_is_compiled_once() -> None:
    """With `mark_dynamic` the first size is no special case; the range ends where torch's convolutions change."""
    torch._dynamo.reset()
    network = regular(gspaces.rot2dOnR2(4)).eval()
    counted = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(network, fullgraph=True, backend=counted)
    for batches, (least, most) in (((3, 8, 15, 2), (2, 15)), ((32, 16, 64), (16, 64))):
        torch._dynamo.reset()
        counted.frame_count = 0
        for batch in batches:
            x = randn(batch, 1, 7, 7).float()
            torch._dynamo.mark_dynamic(x, 0, min=least, max=most)
            assert_close(compiled(x).detach(), network(x).detach(), 1e-5)
        assert counted.frame_count == 1


class Typed(torch.nn.Module):
    """A network that makes its own geometric tensors, of a type that equals that of its layers and is another object."""

    def __init__(self, copier: Callable[[nn.FieldType], nn.FieldType]) -> None:
        super().__init__()
        kind = gspaces.rot2dOnR2(8).type("2xregular + 1")
        self.kind, self.wrong = copier(kind), copier(gspaces.rot2dOnR2(8).type("1 + 2xregular"))
        self.layers = torch.nn.Sequential(nn.R2Conv(kind, kind, 3), nn.NormNonLinearity(copier(kind)))

    def forward(self, x: torch.Tensor, right: bool = True) -> torch.Tensor:
        return self.layers(nn.GeometricTensor(x, self.kind if right else self.wrong)).tensor


@pytest.mark.parametrize(
    "copier", [copy.deepcopy, lambda kind: nn.FieldType(kind.gspace, kind.representations)], ids=["deepcopy", "rebuilt"]
)
def test_types_that_are_equal_and_not_the_same(copier: Callable[[nn.FieldType], nn.FieldType]) -> None:
    model = Typed(copier)
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    x = randn(2, model.kind.size, 7, 7).float()
    assert_close(compiled(x).detach(), model(x).detach(), 1e-5)
    with pytest.raises(Exception, match="is required|are required"):
        compiled(x, right=False)
