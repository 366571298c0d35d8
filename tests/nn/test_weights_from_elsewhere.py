"""Weights that are not parameters of the layer: computed, assigned with another dtype or device, or given for one call."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from torch.autograd import forward_ad
from torch.nn.utils import parametrizations, parametrize

from steer import group, gspaces, nn
from tests.cases import assert_close, assert_far, randn

SPACE = gspaces.rot2dOnR2(8)
KIND = SPACE.type("2xregular + 1")
X = randn(2, KIND.size, 7, 7)


def conv(**arguments: object) -> nn.R2Conv:
    torch.manual_seed(0)
    layer = nn.R2Conv(KIND, KIND, 3, **arguments).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.1)
    return layer


class Counted(torch.nn.Module):
    calls = 0

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return 3 * weight


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_parametrisation_is_computed_once_per_call(train: bool, name: str) -> None:
    layer, counted = conv().train(train), Counted()
    parametrize.register_parametrization(layer, name, counted)
    for grad in (True, False):
        counted.calls = 0
        with torch.set_grad_enabled(grad):
            layer(X)
        assert counted.calls == 1


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_reach_what_a_weight_is_computed_from_in_eval(bias: bool) -> None:
    layer = conv(bias=bias).eval()
    with torch.no_grad():
        layer(X)  # whatever may be kept is kept
    normed = parametrizations.weight_norm(copy.deepcopy(layer), dim=None)
    normed(X).square().sum().backward()
    assert all(bool((p.grad != 0).any()) for p in normed.parametrizations.parameters())
    hyper = torch.nn.Linear(2, layer.weight.numel()).double()
    del layer.weight
    for factor in (1.0, 2.0):
        layer.weight = hyper(torch.tensor([factor, 1.0]).double())
        hyper.zero_grad()
        y = layer(X)
        y.square().sum().backward()
        assert float(hyper.weight.grad.abs().min()) > 0
    layer.weight = hyper(torch.ones(2).double())
    assert_far(layer(X).detach(), y.detach())


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch, of its own formulas
def test_tangents_are_not_lost_on_frozen_parameters() -> None:
    layer = conv().eval().requires_grad_(False)
    first = layer(X)
    weight, bias = layer.weight, layer.bias
    for name, value in (("weight", weight), ("bias", bias)):
        twin = copy.deepcopy(layer)
        with torch.no_grad():
            getattr(twin, name).mul_(0)
            other = twin(X)  # the map is affine in both
        twin = copy.deepcopy(layer)
        twin(X)
        with forward_ad.dual_level():
            delattr(twin, name)
            setattr(twin, name, forward_ad.make_dual(value.detach(), value.detach()))
            assert_close(forward_ad.unpack_dual(twin(X)).tangent, first - other, 1e-10)
        twin = copy.deepcopy(layer)
        twin(X)
        with forward_ad.dual_level():  # written into the parameter itself
            getattr(twin, name).copy_(forward_ad.make_dual(value.clone(), value.clone()))
            assert_close(forward_ad.unpack_dual(twin(X)).tangent, first - other, 1e-10)


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_edits_of_what_dense_gives_do_not_reach_the_layer(mode: type) -> None:
    layer = conv().eval()
    with torch.no_grad():
        expected = layer(X).clone()
    for part in range(2):
        with mode():
            layer.dense()[part].data.zero_()
            assert_close(layer(X).detach(), expected, 1e-12)


def test_what_is_kept_in_inference_mode_serves_training() -> None:
    layer = conv().eval()
    with torch.inference_mode():
        layer(X)
    assert not layer._kept.dense[0].is_inference()
    x = X.clone().requires_grad_()
    layer.requires_grad_(False)(x).square().sum().backward()
    assert float(x.grad.abs().max()) > 0


def test_a_layer_that_was_built_in_inference_mode_computes() -> None:
    """Its weights have no versions, so nothing can be kept of them."""
    with torch.inference_mode():
        layer = conv().eval()
        first = layer(X)
        layer.weight.mul_(2)
        assert_far(layer(X), first)


def test_what_is_kept_is_neither_copied_nor_converted() -> None:
    layer = conv().eval()
    layer(X)
    assert layer._kept is not None
    assert copy.deepcopy(layer)._kept is None
    assert layer.float()._kept is None


def test_threads_run_a_layer_while_another_one_moves_it() -> None:
    layer = conv().eval()
    with torch.no_grad():
        expected = layer(X)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with torch.no_grad():
                for _ in range(100):
                    assert torch.equal(layer(X), expected)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        layer.to("cpu")
    for thread in threads:
        thread.join()
    assert not failures


BUILD = {
    "conv": conv,
    "linear": lambda: nn.Linear(*[gspaces.no_base_space(group.cyclic(4)).type("2xregular + 1")] * 2),
    "inner batch norm": lambda: nn.InnerBatchNorm(SPACE.type("2xregular + 0 + regular")),
    "norm batch norm": lambda: nn.NormBatchNorm(KIND),
    "layer norm": lambda: nn.FieldLayerNorm(KIND),
    "products": lambda: nn.TensorProductNonLinearity(KIND, KIND),
    "network": lambda: nn.Sequential(
        nn.R2Conv(KIND, KIND, 3), nn.NormBatchNorm(KIND), nn.NormPool(KIND), nn.FieldDropout(SPACE.type("3x0"), 0.5)
    ),
}


def _input(layer: torch.nn.Module, dtype: torch.dtype) -> torch.Tensor:
    return randn(2, layer.in_type.size, *(7,) * layer.in_type.gspace.dimensionality).to(dtype)


@pytest.mark.parametrize("name", BUILD)
def test_assigned_tensors_bring_device_and_dtype_along(name: str) -> None:
    for dtype in (torch.float32, torch.float64):
        twin = BUILD[name]().eval().to(dtype)
        with torch.device("meta"):
            empty = BUILD[name]().float().eval()
        for layer in (empty, BUILD[name]().float().eval()):
            layer.load_state_dict(twin.state_dict(), assign=True)
            assert not any(tensor.is_meta for tensor in [*layer.parameters(), *layer.buffers()])
            assert all(buffer.dtype == dtype for buffer in layer.buffers() if buffer.is_floating_point())
            x = _input(layer, dtype)
            with torch.no_grad():
                assert torch.equal(layer(x), twin(x))


@pytest.mark.parametrize("name", BUILD)
def test_parameters_in_double_precision_for_one_call(name: str) -> None:
    layer = BUILD[name]().float().eval()
    twin = copy.deepcopy(layer).double()
    x = _input(layer, torch.float64)
    state = {**dict(twin.named_parameters()), **{k: v for k, v in twin.named_buffers() if k in twin.state_dict()}}
    found = torch.func.functional_call(layer, state, (x,)).detach()
    assert_close(found, twin(x).detach(), 1e-12)
    assert layer(x.float()).dtype == torch.float32
