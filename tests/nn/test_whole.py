"""Whole networks: export of mixed ones, the table, the width."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
import torch

from steer import gspaces, nn
from steer.nn._typed import Typed

SPACE = gspaces.rot2dOnR2(8)
GREY, HIDDEN = SPACE.type("trivial"), SPACE.type("3xregular")


class Mixed(torch.nn.Module):
    """Stock and steerable layers, functional calls, a layer that is used twice, a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.R2Conv(GREY, HIDDEN, 5, padding=2)
        self.block = torch.nn.ModuleList([nn.R2Conv(HIDDEN, HIDDEN, 3, padding=1), nn.InnerBatchNorm(HIDDEN)])
        self.relu = nn.ELU(HIDDEN)
        self.again = self.relu
        self.act = nn.NormNonLinearity(HIDDEN)
        self.pool = nn.GroupPooling(HIDDEN)
        self.head = torch.nn.Linear(3, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.first(x))
        y = self.act(self.relu(self.block[1](self.block[0](x))))
        return self.head(self.pool(x + y).mean((2, 3)))


@torch.no_grad()
def test_a_mixed_network_exports_to_torch_alone() -> None:
    model = Mixed().eval()
    stock = nn.export(model)
    x = torch.randn(2, 1, 12, 13)
    torch.testing.assert_close(stock(x), model(x), rtol=1e-5, atol=1e-5)
    assert stock.again is stock.relu
    assert isinstance(stock.first, torch.nn.Conv2d)
    assert not any(isinstance(module, nn.EquivariantModule) for module in stock.modules())
    before = model.head.weight.clone()
    stock.head.weight.zero_()
    assert torch.equal(model.head.weight, before)


class UNet(torch.nn.Module):
    """Code that works with geometric tensors: makes them, asks for a size, splits, adds, and takes the numbers out."""

    def __init__(self, mode: str, **size: float) -> None:
        super().__init__()
        self.first = nn.R2Conv(GREY, HIDDEN, 3, padding=1)
        self.act = nn.NormNonLinearity(HIDDEN)  # a graph of operations once it is exported
        self.down = nn.PointwiseAvgPool(HIDDEN, 2, centred=True)
        self.up = nn.R2Upsampling(HIDDEN, mode=mode, **size)
        self.split, self.merge = nn.Branch([HIDDEN, HIDDEN]), nn.Merge([HIDDEN, HIDDEN])
        self.pool = nn.GroupPooling(HIDDEN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = self.act(self.first(nn.GeometricTensor(x, GREY)))
        y = self.up(self.down(skip), size=skip.shape[2:])
        left, right = self.split(self.merge([skip, y]))
        return self.pool(left + 0.5 * right).tensor


@torch.no_grad()
@pytest.mark.parametrize("size", [{}, {"scale_factor": 2}])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_networks_that_work_with_geometric_tensors_do_after_export(mode: str, size: dict) -> None:
    model = UNet(mode, **size).eval()
    x = torch.randn(2, 1, 7, 9)
    stock = nn.export(model)
    assert not any(isinstance(module, nn.EquivariantModule) for module in stock.modules())
    torch.testing.assert_close(stock(x), model(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(stock.pool(torch.ones(1, 24, 2, 2)), torch.ones(1, 3, 2, 2))


class Reader(torch.nn.Module):
    """Code for typed inputs that names no type: it takes the numbers out."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.pool = nn.R2Conv(GREY, HIDDEN, 3), nn.GroupPooling(HIDDEN)

    def forward(self, x: nn.GeometricTensor) -> torch.Tensor:
        (out,) = [self.pool(self.first(y)).tensor.mean((2, 3)) for y in (x,)]
        return out


class Plainly(Reader):
    """No geometric tensor anywhere; `torch.tensor` is none."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(self.first(x)).mean((2, 3)) * torch.tensor(2.0)


@torch.no_grad()
def test_code_that_reads_the_tensor_of_its_input() -> None:
    """Exported, compiled, and as a program of torch with a dynamic batch."""
    model = Reader().eval()
    x, five = (nn.GeometricTensor(torch.randn(n, 1, 7, 9), GREY) for n in (2, 5))
    torch.testing.assert_close(nn.export(model)(x), model(x))
    assert any(isinstance(module, Typed) for module in nn.export(model).modules())
    plain = nn.export(Plainly().eval())  # loads without steer, but for the class of the network
    assert not any(isinstance(module, Typed) for module in plain.modules())
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(model, fullgraph=True, backend="aot_eager")(x), model(x))
    dynamic = ([{0: torch.export.Dim("batch", min=1, max=64)}],)
    program = torch.export.export(model, (x,), dynamic_shapes=dynamic).module()
    torch.testing.assert_close(program(five), model(five))
    with pytest.raises(ValueError, match="tree spec"):  # the type is a part of the program
        program(nn.GeometricTensor(five.tensor, gspaces.rot2dOnR2(4).type("0")))


@torch.no_grad()
def test_a_layer_that_is_called_with_a_size_is_after_export() -> None:
    class Skip(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = nn.R2Upsampling(HIDDEN, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.up(x, size=(9, 11)).sum() + self.up(x).sum() + self.up(x, size=None).sum()

    x = torch.randn(1, 24, 5, 6)
    torch.testing.assert_close(nn.export(Skip())(x), Skip()(x))
    assert type(nn.export(torch.nn.Sequential(nn.R2Upsampling(HIDDEN, 2)))[0]) is torch.nn.Upsample
    free = nn.R2Upsampling(HIDDEN)
    assert torch.equal(free.export()(x, size=(9, 11)), free(x, size=(9, 11)))
    with pytest.raises(ValueError, match="upsampling: a size is required, as it was built without"):
        free.export()(x)


def test_an_export_warns_of_hooks_that_it_drops() -> None:
    model = Mixed().eval()
    torch.nn.utils.parametrizations.weight_norm(model.first, dim=None)
    model.head.register_forward_hook(lambda module, args, out: out)
    nn.export(model)  # a stock layer keeps its hook, and a parametrisation is none
    for network in (model, nn.Sequential(nn.ReLU(HIDDEN))):
        layer = network.act if network is model else network[0]
        layer.register_forward_hook(lambda module, args, out: 2 * out)
        with pytest.warns(UserWarning, match=r"export: .* has 1 forward hook\(s\), which its export will not have"):
            nn.export(network)


def test_an_export_loads_where_steer_is_not_installed(tmp_path) -> None:
    circle = gspaces.rot2dOnR2(-1).type("2x0 + 2x1")
    gate = nn.GatedNonLinearity(circle)
    model = nn.Sequential(
        nn.R2Conv(circle, gate.in_type, 3),
        gate,
        nn.NormNonLinearity(circle),
        nn.NormPool(circle),
    ).eval()
    x = torch.randn(2, circle.size, 9, 9)
    torch.save((model.export(), x, model(x).detach()), tmp_path / "stock.pt")
    script = (
        "import sys, torch\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'steer':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "model, x, y = torch.load('stock.pt', weights_only=False)\n"
        "torch.testing.assert_close(model(x).detach(), y)\n"
        "assert 'steer.nn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


class AsksForTypes(torch.nn.Module):
    """Makes geometric tensors of the type that one of its layers asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.R2Conv(GREY, HIDDEN, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(nn.GeometricTensor(x, self.conv.in_type)).tensor


def test_exported_layers_know_the_types_that_code_asks_for() -> None:
    network = AsksForTypes().eval()
    x = torch.randn(2, 1, 9, 9)
    torch.testing.assert_close(nn.export(network)(x), network(x))


@pytest.mark.parametrize("channels", [3, 11, 13, 17])
def test_channels_are_not_taken_for_another_axis(channels: int) -> None:
    """Tracers take two axes of one length for one axis."""
    kind = gspaces.rot3dOnR3().type("1" if channels == 3 else f"{channels - 3}x0 + 1")
    layer = nn.NormNonLinearity(kind).eval()
    exported = layer.export()
    assert isinstance(exported, torch.fx.GraphModule)
    x = torch.randn(2, channels, 4, 5, 6)
    torch.testing.assert_close(exported(x), layer(x))


def test_summary_counts_fields_channels_and_parameters() -> None:
    model = Mixed()
    text = nn.summary(model)
    assert "3xregular" in text
    total = text.splitlines()[-1].split()
    assert int(total[1]) == sum(p.numel() for p in model.parameters())
    assert int(total[2]) == nn.dense_weights(model) > int(total[1])
    stock = sum(p.numel() for p in nn.export(model.eval()).parameters())
    running = 2 * HIDDEN.size  # stock batch normalisation has weight and bias for every channel
    assert abs(stock - nn.dense_weights(model)) <= running + 3


@pytest.mark.parametrize("by", ["parameters", "cost"])
def test_width_matches_a_plain_network(by: str) -> None:
    plain = torch.nn.Sequential(torch.nn.Conv2d(1, 24, 5), torch.nn.Conv2d(24, 24, 5))

    def build(n: int) -> torch.nn.Module:
        hidden = SPACE.type(f"{n}xregular")
        return nn.Sequential(nn.R2Conv(GREY, hidden, 5), nn.R2Conv(hidden, hidden, 5))

    width = nn.match_width(build, plain, by)
    counts = {
        n: nn.dense_weights(build(n)) if by == "cost" else sum(p.numel() for p in build(n).parameters())
        for n in range(1, 20)
    }
    goal = sum(p.numel() for p in plain.parameters())
    assert width == min(counts, key=lambda n: abs(counts[n] - goal))
    if by == "cost":
        assert width == 3
    with pytest.raises(ValueError, match="'parameters' or 'cost'"):
        nn.match_width(build, plain, "time")
    with pytest.raises(ValueError, match="not reached by any width up to 2"):
        nn.match_width(build, 10**9, most=2)


@torch.no_grad()
def test_stock_modules_stand_between_typed_layers() -> None:
    model = torch.nn.Sequential(
        nn.R2Conv(GREY, HIDDEN, 3),
        torch.nn.Dropout2d(0.5),
        nn.ReLU(HIDDEN),
        torch.nn.Identity(),
        nn.GroupPooling(HIDDEN),
        torch.nn.Flatten(),
    ).eval()
    x = torch.randn(2, 1, 7, 7)
    y = model(nn.GeometricTensor(x, GREY))
    assert torch.equal(y, model(x))
    assert isinstance(y, torch.Tensor)
    norm = torch.nn.Sequential(nn.R2Conv(GREY, HIDDEN, 3), torch.nn.BatchNorm2d(24), torch.nn.Conv2d(24, 2, 1)).eval()
    assert torch.equal(norm(nn.GeometricTensor(x, GREY)), norm(x))


def test_cat_adds_types() -> None:
    a = nn.GeometricTensor(torch.randn(2, 1, 5, 5), GREY)
    b = nn.GeometricTensor(torch.randn(2, 24, 5, 5), HIDDEN)
    both = torch.cat([a, b], 1)
    assert both.type == GREY + HIDDEN
    assert torch.equal(both.tensor, torch.cat([a.tensor, b.tensor], dim=1))
    assert torch.cat((b, b)).type == HIDDEN
    assert isinstance(torch.cat([a, b.tensor], dim=1), torch.Tensor)
    with pytest.raises(ValueError, match=r"received dim=0 and 0 of .*, 3xregular"):
        torch.cat([a, b])
    with pytest.raises(ValueError, match="received dim=3"):
        torch.cat([a, a], -1)
    other = nn.GeometricTensor(torch.randn(2, 1, 5, 5), gspaces.rot2dOnR2(4).type("trivial"))
    with pytest.raises(ValueError, match="one gspace is required"):
        torch.cat([a, other], 1)


def test_geometric_tensors_pickle_and_copy() -> None:
    import copy
    import pickle

    a = nn.GeometricTensor(torch.randn(2, 1, 5, 5), GREY)
    for other in (pickle.loads(pickle.dumps(a)), copy.deepcopy(a)):
        assert other.type == a.type
        assert torch.equal(other.tensor, a.tensor)
    buffer = io.BytesIO()
    torch.save(a.tensor, buffer)
    assert torch.equal(a.mean((2, 3)), a.tensor.mean((2, 3)))
    with pytest.raises(AttributeError):
        a.no_such_method  # noqa: B018


def test_shared_and_parametrised_weights_are_counted_once() -> None:
    kind = gspaces.rot2dOnR2(4).type("2xregular")
    one, other = nn.R2Conv(kind, kind, 3, bias=False), nn.R2Conv(kind, kind, 3, bias=False)
    alone = sum(p.numel() for p in one.parameters())
    other.weight = one.weight
    net = nn.Sequential(one, other)
    total = nn.summary(net).splitlines()[-1].split()
    assert int(total[1]) == alone == sum(p.numel() for p in net.parameters())
    assert int(total[2]) == nn.dense_weights(net) == 2 * nn.dense_weights(one)
    assert nn.dense_weights(net) == sum(p.numel() for p in nn.export(net).parameters())
    twice = nn.Sequential(one, one)  # one layer at two places: also in its export
    assert nn.summary(twice).splitlines()[-1].split()[1:] == [str(alone), str(nn.dense_weights(one))]
    exported = nn.export(torch.nn.ModuleList([one, torch.nn.Sequential(one)]))
    assert nn.dense_weights(twice) == sum(p.numel() for p in exported.parameters())

    plain = torch.nn.Sequential(nn.R2Conv(kind, kind, 3), torch.nn.Conv2d(8, 4, 3))
    expected = nn.dense_weights(plain)
    for layer in plain:
        torch.nn.utils.parametrizations.weight_norm(layer)
    assert nn.dense_weights(plain) == expected
    assert nn.summary(plain).splitlines()[-1].split()[1:] == [str(sum(p.numel() for p in plain.parameters())), str(expected)]


def test_finding_a_width_gives_the_random_numbers_back() -> None:
    space = gspaces.rot2dOnR2(4)
    state = torch.get_rng_state()
    nn.match_width(lambda n: nn.Linear(space.type(f"{n}xregular"), space.type("0")), 100)
    assert torch.equal(torch.get_rng_state(), state)
