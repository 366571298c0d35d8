"""Tools of torch that take hold of a module from outside: parametrisations, averages, hooks, optimizers, schedules."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch.nn.utils import parametrizations, parametrize
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from steer import check_equivariance, gspaces, nn
from tests.cases import assert_close, assert_far, randn

SPACE = gspaces.rot2dOnR2(8)
KIND = SPACE.type("2xregular + 1")


def conv() -> nn.R2Conv:
    torch.manual_seed(0)
    return nn.R2Conv(KIND, KIND, 3).double()


def network() -> nn.Sequential:
    torch.manual_seed(0)
    hidden = SPACE.type("2xregular + 2x1")
    act = nn.GatedNonLinearity(hidden)
    return nn.Sequential(
        nn.R2Conv(KIND, act.in_type, 3), act, nn.NormBatchNorm(hidden), nn.R2Conv(hidden, SPACE.type("3x0"), 3)
    )


X = randn(2, KIND.size, 9, 9)


class Tripled(torch.nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return 3 * weight


def tripled(layer: nn.R2Conv) -> None:
    parametrize.register_parametrization(layer, "weight", Tripled())


PARAMETRISATIONS: dict[str, Callable[[nn.R2Conv], object]] = {
    "own": tripled,
    "weight_norm": lambda layer: parametrizations.weight_norm(layer, dim=None),
    "weight_norm of every coefficient": lambda layer: parametrizations.weight_norm(layer, dim=0),
    "spectral_norm": lambda layer: parametrizations.spectral_norm(layer),
}


@pytest.mark.parametrize("name", PARAMETRISATIONS)
def test_parametrised_weights(name: str) -> None:
    layer = conv()
    weight = layer.weight.detach().clone()
    PARAMETRISATIONS[name](layer)
    check_equivariance(layer, size=9).assert_exact()
    if name.startswith("weight_norm"):
        assert_close(layer.weight.detach(), weight)
    if name == "spectral_norm":  # of a vector: its length
        assert_close(layer.weight.detach(), weight / weight.norm())
    # What is kept in eval mode follows the parameters underneath.
    layer.eval()
    with torch.no_grad():
        first = layer(X)
        for parameter in layer.parametrizations.weight.parameters():
            parameter.mul_(1 + randn(parameter.numel()).abs().view(parameter.shape))
        second = layer(X)
        if name != "spectral_norm":
            assert_far(second, first)
    with torch.enable_grad():
        assert_close(layer(X).detach(), second)
    # Gradients reach them, and a checkpoint knows the basis.
    layer.train()(X).square().sum().backward()
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in layer.parameters())
    state = layer.state_dict()
    assert state._metadata[""]["basis"] == layer.fingerprint
    twin = conv()
    PARAMETRISATIONS[name](twin)
    twin.load_state_dict(state, strict=True)
    assert_close(twin.eval()(X).detach(), layer.eval()(X).detach())
    assert_close(copy.deepcopy(layer)(X).detach(), layer(X).detach())
    stock = layer.export()
    assert type(stock) is torch.nn.Conv2d
    assert_close(stock(X).detach(), layer(X).detach())
    parametrize.remove_parametrizations(layer, "weight")
    assert_close(layer(X).detach(), stock(X).detach())


def test_parametrised_weights_are_kept_once_within_cached() -> None:
    layer = conv().eval()
    tripled(layer)
    with torch.no_grad(), parametrize.cached():
        assert_close(layer(X), layer(X))


def test_old_style_weight_norm_is_not_stale() -> None:
    """Torch's first implementation sets the weight as a plain tensor before every call."""
    layer = conv()
    with pytest.warns(FutureWarning, match="deprecated"):
        torch.nn.utils.weight_norm(layer, dim=None)
    layer.eval()
    with torch.no_grad():
        first = layer(X)
        layer.weight_g.mul_(2)
        assert_far(layer(X), first)


def test_pruned_weights() -> None:
    from torch.nn.utils import prune

    layer = conv().eval()
    with torch.no_grad():
        first = layer(X)
        prune.l1_unstructured(layer, "weight", amount=0.5)
        assert_far(layer(X), first)
    assert int((layer.weight == 0).sum()) == round(0.5 * layer.weight.numel())
    check_equivariance(layer, size=9).assert_exact()


def test_averages_of_a_training() -> None:
    """Every parameter, and with `use_buffers` every running statistic, is the average; constants stay what they are."""
    model = network()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=True)
    expected = {key: value.clone() for key, value in model.state_dict().items()}
    average.update_parameters(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(X.float()).square().mean().backward()
        optimizer.step()
        average.update_parameters(model)
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                expected[key] = 0.5 * expected[key] + 0.5 * value
    for key, value in average.module.state_dict().items():
        if value.is_floating_point():
            assert_close(value, expected[key], 1e-6, key)
    check_equivariance(average.module.eval().double(), size=9).assert_exact()
    with torch.no_grad():
        y = average(X)
    twin = network()
    twin.load_state_dict({key.removeprefix("module."): v for key, v in average.state_dict().items() if key != "n_averaged"})
    with torch.no_grad():
        assert_close(twin.eval().double()(X), y, 1e-6)


def test_statistics_are_updated_for_averaged_weights() -> None:
    """`nn.update_bn` does for batch norms of fields, and for stock ones beside them, what torch's does for stock ones."""
    batches = [X[:1].float(), 3 * X[1:].float(), X.float()]
    stock = torch.nn.Sequential(torch.nn.Conv2d(KIND.size, 4, 3), torch.nn.BatchNorm2d(4))
    twin = copy.deepcopy(stock)
    nn.update_bn(batches, stock)
    torch.optim.swa_utils.update_bn(batches, twin)
    for found, expected in zip(stock.buffers(), twin.buffers(), strict=True):
        assert torch.equal(found, expected)
    for train in (True, False):
        average = AveragedModel(network()).train(train)
        ours = torch.nn.Sequential(average, nn.NormBatchNorm(SPACE.type("3x0"))).train(train)
        nn.update_bn([[batch, None] for batch in batches], ours)
        assert all(module.training is train for module in ours.modules())
        norm = average.module[2]
        assert norm.momentum == 0.1
        assert int(norm.num_batches_tracked) == 3
        single = []
        for batch in batches:
            inner = network()
            inner[2].momentum = 1.0
            inner(batch)
            single.append(inner[2].running_var)
        assert_close(norm.running_var, torch.stack(single).mean(0), 1e-5)
        plain = torch.nn.BatchNorm2d(3)
        plain.momentum = None
        with torch.no_grad():
            for batch in batches:
                plain(network()(batch))
        assert_close(ours[1].running_mean, plain.running_mean, 1e-5)


def test_hooks() -> None:
    model = network()
    seen: list[str] = []
    layer = model[0]
    layer.register_forward_pre_hook(lambda module, args: seen.append("pre"))
    layer.register_forward_hook(lambda module, args, out: 2 * out)
    layer.register_full_backward_hook(lambda module, grad_in, grad_out: seen.append("backward"))
    layer.register_full_backward_pre_hook(lambda module, grad_out: seen.append("before backward"))
    layer.weight.register_hook(lambda grad: seen.append("gradient"))
    layer.register_state_dict_pre_hook(lambda module, prefix, keep: seen.append("state"))
    x = X.float().requires_grad_()
    inner = layer.compute(x)
    assert_close(layer(x).detach(), 2 * inner.detach(), 1e-6)
    seen.clear()
    model(x).sum().backward()
    model.state_dict()
    assert sorted(seen) == sorted(["pre", "before backward", "gradient", "backward", "state"])


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "SGD": lambda p, **k: torch.optim.SGD(p, 0.01, momentum=0.9, **k),
    "Adam": lambda p, **k: torch.optim.Adam(p, 0.01, **k),
    "AdamW": lambda p, **k: torch.optim.AdamW(p, 0.01, **k),
    "Adagrad": lambda p, **k: torch.optim.Adagrad(p, 0.01, **k),
}


def steps(optimizer: Callable[..., torch.optim.Optimizer], **options: bool) -> list[torch.Tensor]:
    model = network().double()
    made = optimizer(model.parameters(), **options)
    for _ in range(3):
        made.zero_grad()
        model(X).square().mean().backward()
        made.step()
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_implementations_of_an_optimizer_agree(name: str) -> None:
    start = [p.detach() for p in network().double().parameters()]
    plain = steps(OPTIMIZERS[name], foreach=False)
    for options in ({"foreach": True}, {"fused": True}):
        for found, expected, before in zip(steps(OPTIMIZERS[name], **options), plain, start, strict=True):
            assert_close(found, expected, 1e-10)
            assert_far(found, before, 1e-4)


def test_second_order_optimizer_and_clipping() -> None:
    model = network().double()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=5, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(X).square().mean()
        loss.backward()
        return loss

    before = float(closure().detach())
    optimizer.step(closure)
    assert float(closure().detach()) < 0.9 * before
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1e-6, foreach=True, error_if_nonfinite=True)
    assert float(norm) > 1e-6
    assert float(torch.cat([p.grad.flatten() for p in model.parameters()]).norm()) < 1.1e-6


def test_a_resumed_training_is_the_uninterrupted_one() -> None:
    """Weights, moments and schedule through bytes, in the middle."""

    def run(interrupted: bool) -> torch.Tensor:
        model = network().double()
        optimizer = torch.optim.AdamW(model.parameters(), 0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4)
        for step in range(4):
            if interrupted and step == 2:
                state = pickle.loads(pickle.dumps([model.state_dict(), optimizer.state_dict(), schedule.state_dict()]))
                model = network().double()
                optimizer = torch.optim.AdamW(model.parameters(), 0.01)
                schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4)
                for part, kept in zip((model, optimizer, schedule), state, strict=True):
                    part.load_state_dict(kept)
            optimizer.zero_grad()
            model(X).square().mean().backward()
            optimizer.step()
            schedule.step()
        return torch.nn.utils.parameters_to_vector(model.parameters()).detach()

    assert torch.equal(run(True), run(False))


def test_activation_checkpointing_and_recomputation() -> None:
    from torch.utils.checkpoint import checkpoint

    model = network().double()
    x = X.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model[:2](x).square().sum(), x)
    (found,) = torch.autograd.grad(checkpoint(model[:2], x, use_reentrant=False).square().sum(), x)
    assert_close(found, expected)


def test_activation_checkpointing_of_typed_fields() -> None:
    """Every way torch has but one: its older implementation takes the gradients of tensors alone, and warns."""
    from torch.utils.checkpoint import checkpoint

    model = network().double()

    def plain(x: torch.Tensor) -> torch.Tensor:
        return model[:2](nn.GeometricTensor(x, KIND)).tensor

    x = X.clone().requires_grad_()
    inputs = [x, *model[:2].parameters()]
    expected = torch.autograd.grad(plain(x).square().sum(), inputs)
    typed = checkpoint(model[:2], nn.GeometricTensor(x, KIND), use_reentrant=False)
    for out in (typed.tensor, checkpoint(plain, x, use_reentrant=False)):
        for found, other in zip(torch.autograd.grad(out.square().sum(), inputs), expected, strict=True):
            assert_close(found, other)
    checkpoint(plain, x, use_reentrant=True).square().sum().backward()
    for parameter, other in zip(inputs, expected, strict=True):
        assert_close(parameter.grad, other)
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        lost = checkpoint(model[:2], nn.GeometricTensor(x, KIND), use_reentrant=True)
    assert not lost.tensor.requires_grad


@pytest.mark.filterwarnings(
    "ignore"
)  # `torch.jit.trace` is deprecated, and warns of every number that it takes for constant
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad])
def test_traces_are_the_same_with_and_without_gradients(mode: type) -> None:
    layer = conv()
    with mode():
        traced = torch.jit.trace(layer, X)  # which traces again, and compares
    assert_close(traced(X).detach(), layer(X).detach())
