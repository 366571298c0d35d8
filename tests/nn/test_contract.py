"""What every layer without a kernel promises: device, dtype, copies, transforms, compilers, typed calls, on grids of 1 to 3 dimensions."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch

from steer import group, gspaces, nn
from tests.cases import assert_close, randn

LINE = gspaces.flipOnR1().type("regular + 0 + regular")
PLANE = gspaces.rot2dOnR2(8).type("regular + 2x0 + regular")
QUARTERS = gspaces.rot2dOnR2(4).type("2xregular")
VOLUME = gspaces.flipRot3dOnR3().type("2x0e + 1o + 0e + 2e + 0o")
CIRCLE = gspaces.rot2dOnR2(-1).type("2x0 + 2x1 + 2x2")
_MIRRORED = gspaces.flipRot2dOnR2(-1)
_FRAMES = [group.so2().irrep(k).induce(group.o2()) for k in (1, 0, 2)]
INDUCED = _MIRRORED.type(*_FRAMES, "0o + 1", _FRAMES[0])
_ROTATIONS = gspaces.rot3dOnR3()
BALL = _ROTATIONS.type(_ROTATIONS.fourier_repr(1), _ROTATIONS.fourier_repr(1), "0")

LAYERS: dict[str, Callable[[], nn.EquivariantModule]] = {
    "InnerBatchNorm 1d": lambda: nn.InnerBatchNorm(LINE),
    "InnerBatchNorm 2d": lambda: nn.InnerBatchNorm(PLANE),
    "NormBatchNorm 2d": lambda: nn.NormBatchNorm(PLANE),
    "NormBatchNorm 3d": lambda: nn.NormBatchNorm(VOLUME),
    "NormBatchNorm of sums": lambda: nn.NormBatchNorm(BALL),
    "FieldInstanceNorm 1d": lambda: nn.FieldInstanceNorm(LINE),
    "FieldInstanceNorm 3d": lambda: nn.FieldInstanceNorm(VOLUME),
    "FieldInstanceNorm stock": lambda: nn.FieldInstanceNorm(QUARTERS),
    "FieldGroupNorm": lambda: nn.FieldGroupNorm(BALL, 3),
    "FieldLayerNorm": lambda: nn.FieldLayerNorm(VOLUME),
    "FieldLayerNorm space": lambda: nn.FieldLayerNorm(PLANE, space=True),
    "FieldRMSNorm": lambda: nn.FieldRMSNorm(CIRCLE),
    "FieldRMSNorm space": lambda: nn.FieldRMSNorm(VOLUME, space=True),
    "NormNonLinearity relu": lambda: nn.NormNonLinearity(VOLUME),
    "NormNonLinearity sigmoid": lambda: nn.NormNonLinearity(VOLUME, "sigmoid"),
    "NormNonLinearity squash": lambda: nn.NormNonLinearity(CIRCLE, "squash"),
    "GatedNonLinearity": lambda: nn.GatedNonLinearity(VOLUME),
    "FourierPointwise irreps": lambda: nn.FourierPointwise(CIRCLE),
    "FourierPointwise sums": lambda: nn.FourierPointwise(BALL, samples=24),
    "FourierPointwise finite": lambda: nn.FourierPointwise(PLANE, "relu"),
    "GroupPooling max": lambda: nn.GroupPooling(PLANE),
    "GroupPooling mean": lambda: nn.GroupPooling(LINE, "mean"),
    "NormPool": lambda: nn.NormPool(VOLUME),
    "PointwiseMaxPool": lambda: nn.PointwiseMaxPool(PLANE, 3, 2, 1),
    "PointwiseAvgPool": lambda: nn.PointwiseAvgPool(VOLUME, 2),
    "PointwiseAvgPoolAntialiased": lambda: nn.PointwiseAvgPoolAntialiased(VOLUME, 0.66, 2),
    "PointwiseMaxPoolAntialiased": lambda: nn.PointwiseMaxPoolAntialiased(LINE, 3, 2, 1),
    "PointwiseAdaptiveAvgPool": lambda: nn.PointwiseAdaptiveAvgPool(VOLUME, 1),
    "PointwiseAdaptiveMaxPool": lambda: nn.PointwiseAdaptiveMaxPool(PLANE, 3),
    "NormMaxPool": lambda: nn.NormMaxPool(VOLUME, 2),
    "PointwiseDropout": lambda: nn.PointwiseDropout(PLANE, 0.3),
    "FieldDropout": lambda: nn.FieldDropout(VOLUME, 0.3),
    "Identity": lambda: nn.Identity(VOLUME),
    "Restriction": lambda: nn.Restriction(PLANE, group.cyclic(4)),
    "SubgroupPooling max": lambda: nn.SubgroupPooling(PLANE, 4),
    "SubgroupPooling mean": lambda: nn.SubgroupPooling(PLANE, 2, "mean"),
    "Disentangle": lambda: nn.Disentangle(PLANE),
    "Entangle": lambda: nn.Entangle(PLANE),
    "Reshuffle": lambda: nn.Reshuffle(VOLUME, [3, 1, 0, 2, 4, 5]),
    "Mask 1d": lambda: nn.Mask(LINE),
    "Mask 3d": lambda: nn.Mask(VOLUME, 0.3, 2.0),
    "InducedNormNonLinearity relu": lambda: nn.InducedNormNonLinearity(INDUCED),
    "InducedNormNonLinearity sigmoid": lambda: nn.InducedNormNonLinearity(PLANE, "sigmoid"),
    "InducedGatedNonLinearity": lambda: nn.InducedGatedNonLinearity(INDUCED),
    "InducedNormPool": lambda: nn.InducedNormPool(INDUCED),
    "TensorProduct irreps": lambda: nn.TensorProductNonLinearity(CIRCLE, CIRCLE),
    "TensorProduct regular": lambda: nn.TensorProductNonLinearity(PLANE, PLANE, "elementwise"),
    "TensorProduct alternating": lambda: nn.TensorProductNonLinearity(VOLUME, VOLUME),
    "ToCartesian": lambda: nn.ToCartesian(VOLUME.gspace, 2, "symmetric", 2),
    "FromCartesian": lambda: nn.FromCartesian(CIRCLE.gspace, 2, "traceless"),
    "ConcatenatedReLU": lambda: nn.ConcatenatedReLU(LINE),
    "VectorField": lambda: nn.VectorFieldNonLinearity(QUARTERS),
    "VectorField soft": lambda: nn.VectorFieldNonLinearity(QUARTERS, 0.5),
    "SharedNormNonLinearity": lambda: nn.SharedNormNonLinearity(VOLUME, [[0, 3], [2, 1], [4, 5]]),
    "PositionalHarmonics 2d": lambda: nn.PositionalHarmonics(CIRCLE, 2, [1.0, 2.0]),
    "PositionalHarmonics 3d": lambda: nn.PositionalHarmonics(VOLUME, 2),
    "ReLU": lambda: nn.ReLU(LINE),
    "Sequential": lambda: nn.Sequential(nn.NormBatchNorm(VOLUME), nn.NormNonLinearity(VOLUME), nn.NormPool(VOLUME)),
}


def input_of(layer: nn.EquivariantModule, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return randn(2, layer.in_type.size, *(6,) * layer.in_type.gspace.dimensionality).to(dtype)


@pytest.fixture(params=LAYERS)
def build(request: pytest.FixtureRequest) -> Callable[[], nn.EquivariantModule]:
    def make() -> nn.EquivariantModule:
        layer = LAYERS[request.param]()
        with torch.no_grad():
            for name, value in [*layer.named_parameters(), *layer.named_buffers()]:
                if name.split(".")[-1] in ("weight", "bias", "running_mean"):
                    value.add_(0.3 * randn(*value.shape).to(value.dtype))
        return layer

    return make


@torch.no_grad()
def test_typed_plain_copied_and_exported_agree(build: Callable[[], nn.EquivariantModule]) -> None:
    layer = build().eval()
    x = input_of(layer)
    y = layer(x)
    typed = layer(nn.GeometricTensor(x, layer.in_type))
    assert typed.type == layer.out_type
    assert torch.equal(typed.tensor, y)
    assert torch.equal(copy.deepcopy(layer)(x), y)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), y)
    stock = layer.export()
    assert not any(isinstance(value, nn.FieldType) for module in stock.modules() for value in vars(module).values())
    assert_close(stock(x), y, 1e-6)
    assert_close(pickle.loads(pickle.dumps(stock))(x), y, 1e-6)
    with pytest.raises(ValueError, match="is required"):
        layer(x[:, 1:])


def test_checkpoint_has_one_set_of_keys_and_loads(build: Callable[[], nn.EquivariantModule]) -> None:
    layer = build()
    keys = list(layer.train().state_dict())
    assert list(layer.eval().state_dict()) == keys
    assert all(
        key.split(".")[-1] in {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"} for key in keys
    )
    twin = build()
    twin.load_state_dict(layer.state_dict(), strict=True)
    x = input_of(layer)
    assert torch.equal(twin.eval()(x), layer(x))


def test_built_on_meta_and_materialised(build: Callable[[], nn.EquivariantModule]) -> None:
    twin = build().eval()
    with torch.device("meta"):
        layer = build().eval()
    assert all(t.is_meta for t in [*layer.parameters(), *layer.buffers()])
    layer.to_empty(device="cpu").load_state_dict(twin.state_dict())
    x = input_of(twin)
    assert torch.equal(layer(x), twin(x))


@torch.no_grad()
def test_double_precision_is_true_after_single(build: Callable[[], nn.EquivariantModule]) -> None:
    layer = build().double().eval()
    x = input_of(layer, torch.float64)
    expected = layer(x)
    assert expected.dtype == torch.float64
    if not list(layer.parameters()):
        assert_close(layer.float()(x), expected, 0.0)  # no numbers of its own: the input alone decides
        assert_close(layer.bfloat16().double()(x), expected, 0.0)


def test_two_layers_share_no_memory(build: Callable[[], nn.EquivariantModule]) -> None:
    def memory(module: torch.nn.Module) -> set[int]:
        tensors = [*module.parameters(), *module.buffers()]
        return {t.data_ptr() for t in tensors if t.numel()}

    layer = build().eval()
    assert not memory(layer) & memory(build())
    assert not memory(layer) & memory(layer.export())


def test_gradient_reaches_input_and_parameters(build: Callable[[], nn.EquivariantModule]) -> None:
    layer = build().double().eval()
    x = input_of(layer, torch.float64).requires_grad_()
    layer(x).sin().sum().backward()
    for tensor in [x, *layer.parameters()]:
        assert tensor.grad is not None
        assert float(tensor.grad.abs().max()) > 0
        assert bool(tensor.grad.isfinite().all())


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
def test_compiles_as_one_graph(build: Callable[[], nn.EquivariantModule], train: bool) -> None:
    layer = build()
    random = any("Dropout" in type(module).__name__ for module in layer.modules())
    layer.train(train and not random)
    twin = copy.deepcopy(layer)
    x = input_of(layer).requires_grad_()
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    y, expected = compiled(x), twin(x)
    assert_close(y.detach(), expected.detach(), 1e-5)
    (grad,) = torch.autograd.grad(y.sin().sum(), x)
    (other,) = torch.autograd.grad(expected.sin().sum(), x)
    assert_close(grad, other, 1e-5)


@torch.no_grad()
def test_exports_as_a_program(build: Callable[[], nn.EquivariantModule]) -> None:
    layer = build().eval()
    x = input_of(layer)
    program = torch.export.export(layer, (x,))
    assert_close(program.module()(x), layer(x), 1e-6)


def test_vmap_and_functional_call(build: Callable[[], nn.EquivariantModule]) -> None:
    layer = build().eval()
    x = input_of(layer)
    with torch.no_grad():
        y = layer(x)
        assert_close(torch.func.vmap(lambda one: layer(one[None])[0])(x), y, 1e-6)
        state = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
        assert torch.equal(torch.func.functional_call(layer, state, (x,)), y)
