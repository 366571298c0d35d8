"""Batch normalisation: the law with batch statistics, agreement with torch, statistics, derivatives, errors."""

from __future__ import annotations

import copy

import pytest
import torch

from steer import gspaces, nn
from tests.cases import assert_close, assert_far, randn

PLANE = gspaces.flipRot2dOnR2(4)
ROTATIONS = gspaces.rot3dOnR3()


def offset(x: torch.Tensor) -> torch.Tensor:
    """Away from zero mean and unit variance, differently in every channel."""
    shape = (1, -1, *(1,) * (x.ndim - 2))
    return x * (1 + torch.rand(x.shape[1]).double()).view(shape) + randn(x.shape[1], seed=7).view(shape)


@pytest.mark.parametrize("size", [(), (7,), (5, 4), (3, 4, 5)])
@pytest.mark.parametrize("layer", [nn.InnerBatchNorm, nn.NormBatchNorm])
@pytest.mark.parametrize("arguments", [{}, {"eps": 1e-2, "momentum": 0.3}, {"momentum": None}, {"affine": False}])
def test_on_trivial_fields_it_is_that_of_torch(layer: type, size: tuple[int, ...], arguments: dict) -> None:
    space = {0: gspaces.no_base_space(PLANE.fibergroup), 1: gspaces.flipOnR1(), 2: PLANE, 3: ROTATIONS}[len(size)]
    kind = nn.FieldType(space, [space.trivial_repr] * 3)
    stock = {0: torch.nn.BatchNorm1d, 1: torch.nn.BatchNorm1d, 2: torch.nn.BatchNorm2d, 3: torch.nn.BatchNorm3d}[len(size)]
    ours, theirs = layer(kind, **arguments).double(), stock(3, **arguments).double()
    ours.load_state_dict(theirs.state_dict())
    for seed in range(3):
        x = offset(randn(6, 3, *size, seed=seed))
        assert_close(ours(x).detach(), theirs(x).detach())
    for name, value in theirs.state_dict().items():
        assert_close(ours.state_dict()[name], value)
    assert_close(ours.eval()(x).detach(), theirs.eval()(x).detach())


def test_a_regular_field_shares_one_mean_and_variance() -> None:
    kind = PLANE.type("2xregular")
    x = offset(randn(4, 16, 5, 5))
    for layer in (nn.InnerBatchNorm(kind).double(), nn.NormBatchNorm(kind).double()):
        y = layer(x).detach().unflatten(1, (2, 8))
        assert_close(y.mean((0, 2, 3, 4)), torch.zeros(2).double())
        assert_close(y.var((0, 2, 3, 4), correction=0), torch.ones(2).double(), 1e-4)
        fields = x.unflatten(1, (2, 8))
        assert_close(layer.running_mean, 0.1 * fields.mean((0, 2, 3, 4)))
        assert_close(layer.running_var, 0.9 + 0.1 * fields.var((0, 2, 3, 4)))
        assert layer.weight.shape == layer.bias.shape == (2,)


def test_invariant_parts_are_centred_and_others_are_not() -> None:
    kind = nn.FieldType(ROTATIONS, [ROTATIONS.fourier_repr(1), ROTATIONS.irrep(1), ROTATIONS.trivial_repr])
    layer = nn.NormBatchNorm(kind).double()
    x = offset(randn(4, kind.size, 3, 3, 3))
    y = layer(x).detach()
    means = y.mean((0, 2, 3, 4))
    assert_close(means[[0, 13]], torch.zeros(2).double())
    assert float(means[1:13].abs().min()) > 1e-3
    for _, span in kind.channels():
        assert float(y[:, span].square().mean()) == pytest.approx(1.0, abs=1e-4)
    assert layer.bias.shape == layer.running_mean.shape == (2,)
    assert layer.weight.shape == layer.running_var.shape == (3,)


MIXED = {
    "regular": PLANE.type("regular + 2x0e + regular"),
    "irreps": ROTATIONS.type("1 + 0 + 2 + 2x0 + 1"),
    "sums": ROTATIONS.type(ROTATIONS.fourier_repr(1), "0", "1", ROTATIONS.fourier_repr(1)),
    "tensor products": ROTATIONS.type(ROTATIONS.irrep(1) @ ROTATIONS.irrep(1), "0"),
    "intransitive": nn.FieldType(PLANE, [PLANE.regular_repr + PLANE.trivial_repr, PLANE.irrep(1)]),
}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@torch.no_grad()
def test_law_with_means_that_turn_along(name: str, train: bool) -> None:
    kind = MIXED[name]
    layer = nn.NormBatchNorm(kind).double()
    for value in (*layer.parameters(), layer.running_mean, layer.running_var):
        value.add_(0.3 * torch.rand(value.shape).double())
    layer.train(train)
    size = (3,) * kind.gspace.dimensionality
    x = offset(randn(4, kind.size, *size))
    for g in kind.fibergroup.sample(4, torch.Generator().manual_seed(0)):
        expected = kind.transform_fibers(copy.deepcopy(layer)(x), g)
        assert_close(copy.deepcopy(layer)(kind.transform_fibers(x, g)), expected)
    stock = (torch.nn.BatchNorm3d if len(size) == 3 else torch.nn.BatchNorm2d)(kind.size).double().eval()
    stock.running_var.copy_(0.5 + torch.rand(kind.size))
    g = kind.fibergroup.generators[-1]
    assert_far(stock(kind.transform_fibers(x, g)), kind.transform_fibers(stock(x), g))


@pytest.mark.parametrize("name", MIXED)
def test_training_mixed_fields_updates_statistics_and_gradients(name: str) -> None:
    kind = MIXED[name]
    layer = nn.NormBatchNorm(kind).double()
    x = randn(3, kind.size, *(3,) * kind.gspace.dimensionality).requires_grad_()
    before = {key: value.clone() for key, value in layer.state_dict().items()}
    layer(x).sin().sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    assert int(layer.num_batches_tracked) == 1
    for key in ("running_mean", "running_var"):
        assert bool((layer.state_dict()[key] != before[key]).all())
    small = randn(2, kind.size, *(1,) * kind.gspace.dimensionality).requires_grad_()
    torch.autograd.gradcheck(lambda x: copy.deepcopy(layer)(x), (small,))


def test_eval_is_the_average_of_training() -> None:
    kind = MIXED["irreps"]
    layer = nn.NormBatchNorm(kind, momentum=None).double()
    batches = [offset(randn(8, kind.size, 3, 3, 3, seed=seed)) for seed in range(3)]
    for x in batches:
        layer(x)
    scalars = torch.cat(batches)[:, 3]
    assert float(layer.running_mean[0]) == pytest.approx(float(scalars.mean()), abs=1e-12)
    vectors = torch.cat(batches)[:, :3]
    assert float(layer.running_var[0]) == pytest.approx(float(vectors.square().mean()), abs=1e-12)


def test_without_statistics_every_batch_is_its_own() -> None:
    kind = MIXED["regular"]
    layer = nn.InnerBatchNorm(kind, track_running_stats=False, affine=False).double()
    assert not layer.state_dict()
    x = offset(randn(4, kind.size, 3, 3))
    assert_close(layer.eval()(x), layer.train()(x))
    assert_close(layer(x), nn.InnerBatchNorm(kind).double()(x).detach())


@torch.no_grad()
def test_export_is_stock_with_repeated_statistics() -> None:
    for kind, stock in ((PLANE.type("2xregular + 0e"), torch.nn.BatchNorm2d), (MIXED["sums"], torch.nn.BatchNorm3d)):
        layer = nn.NormBatchNorm(kind).double()
        x = offset(randn(4, kind.size, *(4,) * kind.gspace.dimensionality))
        layer(x)
        for parameter in layer.parameters():
            parameter.add_(torch.rand(parameter.shape).double())
        exported = layer.eval().export()
        assert type(exported) is stock
        assert_close(exported(x), layer(x))


def test_large_means_do_not_cost_digits() -> None:
    kind = ROTATIONS.type("2x0 + 1")
    x = randn(8, 5, 4, 4, 4)
    layer = nn.NormBatchNorm(kind)
    expected = layer(x.float()).detach()
    x[:, :2] += 1000
    assert_close(layer(x.float()).detach(), expected, 1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_statistics_of_many_half_precision_samples(dtype: torch.dtype) -> None:
    """Their number alone is more than half precision can hold."""
    kind = MIXED["regular"]
    layer = nn.NormBatchNorm(kind).to(dtype)
    layer(torch.randn(2, kind.size, 200, 200).to(dtype))
    assert_close(layer.running_var.double(), torch.ones(len(kind)).double(), 1e-2)


@torch.no_grad()
@pytest.mark.parametrize("momentum", [0.3, None])
@pytest.mark.parametrize("layer", [nn.InnerBatchNorm, nn.NormBatchNorm])
def test_running_statistics_of_mixed_fields_are_those_of_torch_on_each(layer: type, momentum: float | None) -> None:
    """As torch does, the variance is over the number of values less one, on each field as on a channel of its values."""
    kind = MIXED["regular"]
    ours = layer(kind, momentum=momentum).double()
    assert not ours._is_stock
    stock = torch.nn.BatchNorm1d(1, momentum=momentum).double()
    for (_, span), position in zip(kind.channels(), range(len(kind)), strict=True):
        twin, theirs = copy.deepcopy(ours), copy.deepcopy(stock)
        for seed in range(2):
            x = offset(randn(2, kind.size, 2, 1, seed=seed))  # few values, so that one less makes a difference
            twin(x)
            theirs(x[:, span].reshape(-1, 1))
        assert_close(twin.running_mean[position], theirs.running_mean[0])
        assert_close(twin.running_var[position], theirs.running_var[0])


@torch.no_grad()
def test_nothing_is_taken_from_fields_without_a_mean() -> None:
    kind = ROTATIONS.type("1")
    layer, x = nn.NormBatchNorm(kind, momentum=1.0).double(), randn(2, 3, 1, 1, 2)
    layer(x)
    assert_close(layer.running_var[0], x.square().mean())


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch, of its own formulas
@pytest.mark.parametrize("name", MIXED)
def test_forward_derivatives_and_hessians(name: str) -> None:
    kind = MIXED[name]
    layer = nn.NormBatchNorm(kind, track_running_stats=False).double()
    weight, bias = (1 + 0.3 * randn(p.numel(), seed=3) for p in layer.parameters())

    def run(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    x = offset(randn(2, kind.size, *(1,) * kind.gspace.dimensionality))
    inputs = (x, weight, bias)
    tangents = tuple(randn(*t.shape, seed=9) for t in inputs)
    _, forward = torch.func.jvp(run, inputs, tangents)
    _, reverse = torch.autograd.functional.jvp(run, inputs, tangents)
    assert_close(forward, reverse, 1e-10)

    def loss(x: torch.Tensor) -> torch.Tensor:
        return run(x, weight, bias).sin().sum()

    expected = torch.autograd.functional.hessian(loss, x)
    assert_close(torch.func.hessian(loss)(x), expected, 1e-8)


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("train", [True, False])
def test_an_empty_batch_is_taken_as_torch_takes_it(name: str, train: bool) -> None:
    kind = MIXED[name]
    for affine in (True, False):
        layer = nn.NormBatchNorm(kind, affine=affine).train(train)
        stock = torch.nn.BatchNorm1d(kind.size).train(train)
        x = torch.zeros(0, kind.size, *(3,) * kind.gspace.dimensionality, requires_grad=True)
        y = layer(x)
        stock(torch.zeros(0, kind.size, 3))
        assert y.shape == x.shape
        y.sum().backward()
        assert all(not bool(p.grad.any()) for p in layer.parameters())
        for key, value in stock.named_buffers():
            assert bool((layer.get_buffer(key) == value.flatten()[0]).all())


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"InnerBatchNorm: fields whose channels .* \(trivial.*use NormBatchNorm"):
        nn.InnerBatchNorm(ROTATIONS.type("1"))
    layer = nn.NormBatchNorm(MIXED["irreps"])
    with pytest.raises(ValueError, match=r"NormBatchNorm.export: eval mode .* call .eval\(\) first"):
        layer.export()
    with pytest.raises(ValueError, match="eval mode and running statistics are required"):
        nn.InnerBatchNorm(MIXED["regular"], track_running_stats=False).eval().export()
    with pytest.raises(ValueError, match="more than one value per invariant is required in train mode; received 1"):
        nn.NormBatchNorm(MIXED["sums"])(torch.randn(1, MIXED["sums"].size, 1, 1, 1))
