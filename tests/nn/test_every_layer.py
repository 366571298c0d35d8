"""Every layer under every tool of torch: what one can do to an ordinary network, one can do to these.

`python -m tests.nn.test_every_layer` prints the table, layer by tool; with names of tools, those columns alone, as in
`python -m tests.nn.test_every_layer compile_train onnx`.
"""

from __future__ import annotations

import copy
import io
import pickle
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torch._dynamo.testing

from steer import check_equivariance, nn
from tests.cases import assert_close, randn
from tests.nn.layers import LAYERS, RANDOM, build, input_of

Tool = Callable[[str], None]
TOOLS: dict[str, Tool] = {}
SLOW: set[str] = set()


APPLIES: dict[str, Callable[[str], bool]] = {}
"""For tools that not every layer can meet: which ones do. The others are left out, not passed."""


def tool(function: Tool) -> Tool:
    """Add a function, which raises where a layer fails, to the columns of the table."""
    TOOLS[function.__name__] = function
    return function


def slow(function: Tool) -> Tool:
    SLOW.add(function.__name__)
    return tool(function)


def applies(condition: Callable[[str], bool]) -> Callable[[Tool], Tool]:
    """State for which layers a tool is meant."""

    def note(function: Tool) -> Tool:
        APPLIES[function.__name__] = condition
        return function

    return note


def pairs() -> list[tuple[str, str]]:
    """Every tool with every layer that it is meant for."""
    return [(check, name) for check in TOOLS for name in LAYERS if APPLIES.get(check, lambda _: True)(name)]


@cache
def has_parameters(name: str) -> bool:
    return bool(list(LAYERS[name]().parameters()))


@cache
def dimension(name: str) -> int:
    return LAYERS[name]().in_type.gspace.dimensionality


# The law


@tool
def law(name: str) -> None:
    check_equivariance(build(name).eval(), size=7).assert_exact()


@tool
@applies(lambda name: name not in RANDOM)
def law_in_train_mode(name: str) -> None:
    check_equivariance(build(name), size=7, train=True).assert_exact()


# Tensors and types


@tool
@torch.no_grad()
def typed_and_plain(name: str) -> None:
    layer = build(name).eval()
    x = input_of(layer)
    y = layer(x)
    typed = layer(nn.GeometricTensor(x, layer.in_type))
    assert typed.type == layer.out_type
    assert torch.equal(typed.tensor, y)
    with pytest.raises(ValueError, match="is required"):
        layer(x[:, 1:])


@tool
@applies(lambda name: dimension(name) > 1)
@torch.no_grad()
def channels_last(name: str) -> None:
    layer = build(name).eval()
    x = input_of(layer)
    form = {4: torch.channels_last, 5: torch.channels_last_3d}[x.ndim]
    last = copy.deepcopy(layer).to(memory_format=form)
    y = last(x.to(memory_format=form))
    assert_close(y, layer(x), 1e-3)
    assert y.ndim != x.ndim or y.is_contiguous(memory_format=form)


@tool
def empty_batch(name: str) -> None:
    layer = build(name)
    x = input_of(layer)
    for train in (False, True):
        nothing = x[:0].clone().requires_grad_()
        y = layer.train(train)(nothing)
        assert y.shape == (0, *layer(x).shape[1:])
        y.sum().backward()
        assert all(p.grad is None or not bool(p.grad.any()) for p in layer.parameters())


@tool
def gradients(name: str) -> None:
    layer = build(name).double().eval()
    x = input_of(layer, torch.float64).requires_grad_()
    layer(x).sin().sum().backward()
    for tensor in [x, *layer.parameters()]:
        assert tensor.grad is not None
        assert float(tensor.grad.abs().max()) > 0
        assert bool(tensor.grad.isfinite().all())


# Checkpoints and copies


@tool
@torch.no_grad()
def checkpoint(name: str) -> None:
    layer = build(name)
    keys = list(layer.train().state_dict())
    assert list(layer.eval().state_dict()) == keys
    x = input_of(layer)
    y = layer(x)
    assert list(layer.state_dict()) == keys
    assert {key.split(".")[-1] for key in keys} <= {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    twin = LAYERS[name]()
    twin.load_state_dict(torch.load(buffer, weights_only=True), strict=True)
    assert torch.equal(twin.eval()(x), y)


@tool
@torch.no_grad()
def safetensors_file(name: str) -> None:
    layer, twin = build(name).eval(), LAYERS[name]().eval()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "layer.safetensors")
        safetensors.torch.save_model(layer, path)
        safetensors.torch.load_model(twin, path, strict=True)
    x = input_of(layer)
    assert torch.equal(twin(x), layer(x))


@tool
@torch.no_grad()
def pickle_and_deepcopy(name: str) -> None:
    layer = build(name).eval()
    x = input_of(layer)
    y = layer(x)
    assert torch.equal(copy.deepcopy(layer)(x), y)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), y)


@tool
def no_shared_memory(name: str) -> None:
    def memory(module: torch.nn.Module) -> set[int]:
        return {t.data_ptr() for t in [*module.parameters(), *module.buffers()] if t.numel()}

    layer = build(name).eval()
    assert not memory(layer) & memory(build(name))
    assert not memory(layer) & memory(copy.deepcopy(layer))
    assert not memory(layer) & memory(layer.export())


@tool
def meta_device(name: str) -> None:
    twin = build(name).eval()
    with torch.device("meta"):
        layer = LAYERS[name]().eval()
    assert all(t.is_meta for t in [*layer.parameters(), *layer.buffers()])
    assert layer(input_of(layer).to("meta")).is_meta
    layer.to_empty(device="cpu").load_state_dict(twin.state_dict())
    x = input_of(twin)
    assert torch.equal(layer(x), twin(x))


@tool
@applies(lambda name: has_parameters(name))
@torch.no_grad()
def reset_parameters(name: str) -> None:
    """A layer that is materialised from the meta device is a new one once every module has drawn its parameters."""
    with torch.device("meta"):
        layer = LAYERS[name]()
    layer.to_empty(device="cpu")
    for tensor in layer.state_dict().values():
        tensor.fill_(float("nan") if tensor.is_floating_point() else -1)
    for module in layer.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    fresh = LAYERS[name]().state_dict()
    for key, value in layer.state_dict().items():
        if len(fresh[key].unique()) > 1:  # drawn
            assert bool(value.isfinite().all())
            assert 0.2 < float(value.norm() / fresh[key].norm()) < 5
        else:
            assert torch.equal(value, fresh[key]), key


# Precision


@tool
@torch.no_grad()
def true_double(name: str) -> None:
    """Double after single precision has all digits of a layer that was built in double."""
    layer = build(name).eval()
    twin = copy.deepcopy(layer).double()
    there_and_back = copy.deepcopy(twin).float().double()
    # Rounding the weights to single precision is the only difference; they were single to begin with.
    x = input_of(layer, torch.float64)
    y = twin(x)
    assert y.dtype == torch.float64
    assert torch.equal(there_and_back(x), y)
    check_equivariance(there_and_back, size=7).assert_exact()


@tool
@torch.no_grad()
def half_precision(name: str) -> None:
    layer = build(name).eval()
    x = input_of(layer)
    y = layer(x)
    for dtype in (torch.bfloat16, torch.float16):
        low = copy.deepcopy(layer).to(dtype)
        z = low(x.to(dtype))
        assert z.dtype == dtype
        assert float((z.float() - y).norm() / y.norm()) < 0.05


@tool
def autocast(name: str) -> None:
    layer = build(name)
    layer.train(name not in RANDOM)
    for dtype in (torch.bfloat16, torch.float16):
        x = (30 * input_of(layer)).requires_grad_()  # squares of this overflow in half precision when they are summed
        twin = copy.deepcopy(layer)
        expected = twin(x)
        with torch.autocast("cpu", dtype=dtype):
            y = copy.deepcopy(layer)(x)
        y.float().sum().backward()
        assert bool(y.isfinite().all())
        assert bool(x.grad.isfinite().all())
        assert float((y.float() - expected).detach().norm() / expected.detach().norm()) < 0.05


# Graphs


BY_SIZE = ("centred", "Antialiased", "nearest", "Attention")
"""Layers that work differently for different sizes, or on different devices: their export calls a function of steer."""


@tool
def export(name: str) -> None:
    layer = build(name).eval()
    x = input_of(layer)
    stock = layer.export()
    home = {type(module).__module__.split(".")[0] for module in stock.modules()}
    assert (home == {"torch"}) != any(word in name for word in BY_SIZE), home
    assert_close(stock(x).detach(), layer(x).detach(), 1e-5)
    assert_close(pickle.loads(pickle.dumps(stock))(x).detach(), layer(x).detach(), 1e-5)
    assert_close(stock(x[:1]).detach(), layer(x[:1]).detach(), 1e-5)


@tool
@applies(lambda name: dimension(name) == 0)
@torch.no_grad()
def export_for_sets(name: str) -> None:
    """On fields without base space one export serves fibres and sets with any axes, and none of them."""
    layer = build(name).eval()
    stock = layer.export()
    for space in ((), (5,), (5, 4), (0,)):
        x = randn(3, layer.in_type.size, *space).float()
        y = stock(x)
        assert y.shape == (3, layer.out_type.size, *space)
        if y.numel():
            assert_close(y, layer(x), 1e-5)
            assert_close(stock(x.movedim(1, -1).contiguous().movedim(-1, 1)), y, 1e-5)


@tool
@torch.no_grad()
def moved_export(name: str) -> None:
    """An export takes on another dtype and device as its layer does, from single precision and from double."""
    layer = build(name).eval()
    x = input_of(layer)
    y = layer(x)
    for own in (torch.float32, torch.float64):
        for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
            z = copy.deepcopy(layer).to(own).export().to(dtype)(x.to(dtype))
            assert z.dtype == dtype
            assert float((z.double() - y).norm() / y.norm()) < (1e-5 if dtype in (torch.float32, torch.float64) else 0.05)
        assert copy.deepcopy(layer).to(own).export().to("meta")(x.to("meta", own)).is_meta


@tool
@applies(lambda name: has_parameters(name))
def frozen_export(name: str) -> None:
    """What is frozen stays so when it is exported, and what learns goes on learning."""
    for learns in (True, False):
        stock = build(name).eval().requires_grad_(learns).export()
        parameters = list(stock.parameters())
        assert parameters
        assert all(parameter.requires_grad == learns for parameter in parameters)


@tool
@applies(lambda name: len({key.split(".")[-1] for key, _ in LAYERS[name]().named_parameters()}) > 1)
def partly_frozen_export(name: str) -> None:
    """Weights that are frozen while biases learn, or the other way round."""
    for frozen in ("weight", "bias"):
        layer = build(name).eval()
        for key, parameter in layer.named_parameters():
            parameter.requires_grad_(key.split(".")[-1] != frozen)
        learning = [p.requires_grad for p in layer.export().parameters()]
        assert any(learning)
        assert not all(learning)


@slow
def compile_eval(name: str) -> None:
    _compile(name, train=False)


@slow
def compile_train(name: str) -> None:
    _compile(name, train=name not in RANDOM)


def _compile(name: str, train: bool) -> None:
    layer = build(name).train(train)
    twin = copy.deepcopy(layer)
    torch._dynamo.reset()
    counted = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(layer, fullgraph=True, backend=counted)
    frames = []
    for batch in (2, 4, 3, 8, 15):  # from 16 on torch takes another path for its own convolutions
        x = input_of(layer, batch=batch).requires_grad_()
        y, expected = compiled(x), twin(x)
        assert_close(y.detach(), expected.detach(), 1e-4)
        (grad,) = torch.autograd.grad(y.sin().sum(), x)
        (other,) = torch.autograd.grad(expected.sin().sum(), x)
        assert_close(grad, other, 1e-4)
        frames.append(counted.frame_count)
    assert frames[-1] == frames[1], f"compiled anew for other batch sizes: {frames}"


@slow
@torch.no_grad()
def torch_export(name: str) -> None:
    layer = build(name).eval()
    program = torch.export.export(layer, (input_of(layer),), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},))
    for batch in (1, 2, 5):
        x = input_of(layer, batch=batch)
        assert_close(program.module()(x), layer(x), 1e-5)


NOT_IN_ONNX = ("PointwiseAdaptiveMaxPool",)
"""What the converter cannot express for the stock layer either."""


@slow
@applies(lambda name: name not in NOT_IN_ONNX)
@torch.no_grad()
def onnx(name: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    layer = build(name).eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter
        path = str(Path(folder) / "layer.onnx")
        shapes = ({0: torch.export.Dim("batch", min=1, max=64)},)
        torch.onnx.export(layer, (input_of(layer),), path, dynamo=True, dynamic_shapes=shapes, verbose=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for batch in (2, 3):
            x = input_of(layer, batch=batch)
            (y,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
            assert_close(torch.from_numpy(y), layer(x), 1e-4)


@tool
def default_device(name: str) -> None:
    """Another default device, such as `torch.set_default_device` gives, while the layer and its input are on the CPU."""
    layer, other = build(name).train(), build(name).train()
    other.load_state_dict(layer.state_dict())
    x = input_of(layer)
    found = []
    for each, device in ((layer, "meta"), (other, "cpu")):  # first, so that nothing is made before
        own = x.clone().requires_grad_()
        with torch.device(device), torch.random.fork_rng():
            torch.manual_seed(0)
            y = each(own)
            y.sin().sum().backward()
        found.append((y.detach(), own.grad, *(p.grad for p in each.parameters())))
    for ours, theirs in zip(*found, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_close(ours, theirs, 1e-5 * (1 + float(ours.abs().max())))


# Functions of functions


@tool
def gradients_at_once(name: str) -> None:
    """Several backward passes in one, as `torch.autograd.functional.jacobian(vectorize=True)` takes them."""
    layer = build(name).eval()
    x = input_of(layer).requires_grad_()
    y = layer(x).sin().flatten(1).sum(1)
    wanted = [x, *(p for p in layer.parameters() if p.requires_grad)]
    units = torch.eye(len(y))
    found = torch.autograd.grad(y, wanted, units, is_grads_batched=True, retain_graph=True, allow_unused=True)
    for i, unit in enumerate(units):
        for each, one in zip(found, torch.autograd.grad(y, wanted, unit, retain_graph=True, allow_unused=True), strict=True):
            assert (each is None) == (one is None)
            if one is not None:
                assert_close(each[i], one, 1e-4 * (1 + float(one.abs().max())))


@tool
def functional(name: str) -> None:
    """functional_call, gradients of a function, gradients per sample, and an ensemble."""
    layer = build(name).eval()
    x = input_of(layer)
    state: dict[str, Any] = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    with torch.no_grad():
        y = layer(x)
        assert torch.equal(torch.func.functional_call(layer, state, (x,)), y)
        assert_close(torch.func.vmap(lambda one: layer(one[None])[0])(x), y, 1e-4)
    parameters = {key: value.detach() for key, value in layer.named_parameters()}

    def loss(values: dict[str, Any], one: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, values, (one[None],)).sin().sum()

    if parameters:
        each = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, x)
        layer.zero_grad()
        layer(x).sin().sum().backward()
        for key, value in layer.named_parameters():
            assert_close(each[key].sum(0), value.grad, 1e-3 * (1 + float(value.grad.abs().max())))
        stacked = {key: torch.stack([value, 2 * value]) for key, value in parameters.items()}
        two = torch.func.vmap(lambda values: torch.func.functional_call(layer, values, (x,)))(stacked)
        assert_close(two[0].detach(), y, 1e-4)
        assert float((two[1] - two[0]).detach().abs().max()) > 1e-3


@tool
def hooks(name: str) -> None:
    layer = build(name).eval()
    x = input_of(layer)
    expected = layer(x).detach()
    seen: list[torch.Size] = []
    handle = layer.register_forward_hook(lambda module, args, out: seen.append(out.shape))
    doubling = layer.register_forward_hook(lambda module, args, out: 2 * out)
    assert_close(layer(x).detach(), 2 * expected, 1e-6)
    assert seen == [expected.shape]
    handle.remove()
    doubling.remove()
    assert torch.equal(layer(x).detach(), expected)
    assert len(seen) == 1


@tool
@applies(lambda name: has_parameters(name))
@torch.no_grad()
def averages(name: str) -> None:
    """The moving average of weights computes with the weights that it holds."""
    layer = build(name).eval()
    average = torch.optim.swa_utils.AveragedModel(layer, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.75))
    average.update_parameters(layer)
    twin = copy.deepcopy(layer)
    x = input_of(layer)
    assert torch.equal(average(x), layer(x))
    for parameter, middle in zip(layer.parameters(), twin.parameters(), strict=True):
        parameter.add_(1)
        middle.add_(0.25)
    average.update_parameters(layer)
    assert_close(average(x), twin(x), 1e-5)


QUICK = (
    "R2Conv regular",
    "R3Conv irreps",
    "Linear irreps",
    "GatedNonLinearity",
    "NormBatchNorm 2d",
    "FourierPointwise irreps",
)
"""The layers that meet every tool in every run (but ONNX, the slowest); the others do in `make test-slow`."""


def _marked(check: str, name: str) -> Any:
    quick = name in QUICK or check in ("law", "typed_and_plain", "checkpoint", "gradients", "pickle_and_deepcopy")
    return pytest.param(check, name, marks=[] if quick and check != "onnx" else [pytest.mark.slow])


@pytest.mark.parametrize(("check", "name"), [_marked(check, name) for check, name in pairs()])
def test_every_layer_under_every_tool(check: str, name: str) -> None:
    TOOLS[check](name)


def test_every_layer_of_the_library_is_in_the_table() -> None:
    """Of all layers with a constructor of their own."""
    fronts = {cls for cls in vars(nn).values() if isinstance(cls, type) and issubclass(cls, nn.Pointwise)}
    layers = {c for c in vars(nn).values() if isinstance(c, type) and issubclass(c, nn.EquivariantModule)} - fronts
    abstract = {
        nn.EquivariantModule,
        nn.SteerableModule,
        nn.SteerableConv,
        nn.SteerableConvTransposed,
        nn.SteerableUpsampling,
    }
    tested = {type(LAYERS[name]()) for name in LAYERS}
    missing = {cls.__name__ for cls in layers - abstract - tested}
    assert not missing


def main(names: list[str]) -> None:
    """Print the table, layer by tool: `ok`, or the error; exits with 1 if there is one."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)
    failed = 0
    width = max(map(len, LAYERS))
    unknown = set(names) - set(TOOLS)
    if unknown:
        sys.exit(f"tools: some of {', '.join(TOOLS)} are required; received {', '.join(sorted(unknown))}")
    tools = {title: function for title, function in TOOLS.items() if title in names or not names}
    print(" " * width, *tools)
    for name in LAYERS:
        cells = []
        start = time.monotonic()
        for title, function in tools.items():
            if not APPLIES.get(title, lambda _: True)(name):
                cells.append("-".ljust(len(title)))
                continue
            try:
                torch.manual_seed(0)
                function(name)
                cells.append("ok".ljust(len(title)))
            except Exception as error:
                failed += 1
                print(
                    f"{name}, {title}: {type(error).__name__}: {(str(error).splitlines() or [traceback.format_exc().splitlines()[-2]])[0][:150]}",
                    file=sys.stderr,
                )
                cells.append("FAIL".ljust(len(title)))
        print(name.ljust(width), *cells, f"{time.monotonic() - start:.0f} s", flush=True)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main(sys.argv[1:])
