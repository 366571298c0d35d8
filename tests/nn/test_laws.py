"""One law for every layer without a kernel: `rho_out(g) L(x) = L(rho_in(g) x)` at random elements of every kind of group."""

from __future__ import annotations

import copy

import pytest
import torch

from steer import gspaces, nn
from steer.field import FieldType
from tests.cases import TOLERANCE, seeded
from tests.cases import build as group_of

PERMUTED = {"cyclic(8)": "2xregular + trivial", "dihedral(4)": "2xregular + trivial", "octahedral()": "regular + trivial"}
TYPED = {
    **PERMUTED,
    "so2()": "2x0 + 2x1 + 3",
    "o2()": "2x0e + 0o + 1 + 2",
    "so3()": "2x0 + 1 + 2",
    "o3()": "0e + 0o + 1o + 1e + 2e",
    "icosahedral()": "2x0 + 1 + 2 + 4",
}
ANY_FIELD = {
    "NormNonLinearity relu": lambda t: nn.NormNonLinearity(t),
    "NormNonLinearity sigmoid": lambda t: nn.NormNonLinearity(t, "sigmoid"),
    "NormNonLinearity squash": lambda t: nn.NormNonLinearity(t, "squash"),
    "GatedNonLinearity": lambda t: nn.GatedNonLinearity(t),
    "NormBatchNorm": lambda t: nn.NormBatchNorm(t),
    "FieldGroupNorm": lambda t: nn.FieldGroupNorm(t, 1),
    "FieldLayerNorm": lambda t: nn.FieldLayerNorm(t),
    "FieldRMSNorm": lambda t: nn.FieldRMSNorm(t),
    "Disentangle": lambda t: nn.Disentangle(t),
    "Entangle": lambda t: nn.Entangle(t),
    "Reshuffle": lambda t: nn.Reshuffle(t),
    "InducedNormNonLinearity": lambda t: nn.InducedNormNonLinearity(t),
    "InducedGatedNonLinearity": lambda t: nn.InducedGatedNonLinearity(t),
    "InducedNormPool": lambda t: nn.InducedNormPool(t),
    "TensorProduct": lambda t: nn.TensorProductNonLinearity(t, products_of(t)),
    "TensorProduct elementwise": lambda t: nn.TensorProductNonLinearity(t, products_of(t), "elementwise"),
    "NormPool": lambda t: nn.NormPool(t),
    "FieldDropout": lambda t: nn.FieldDropout(t, 0.3),
}
PERMUTATION = {
    "ReLU": lambda t: nn.ReLU(t),
    "ELU": lambda t: nn.ELU(t),
    "Pointwise": lambda t: nn.Pointwise(t, torch.nn.GELU()),
    "InnerBatchNorm": lambda t: nn.InnerBatchNorm(t),
    "GroupPooling max": lambda t: nn.GroupPooling(t),
    "GroupPooling mean": lambda t: nn.GroupPooling(t, "mean"),
    "PointwiseDropout": lambda t: nn.PointwiseDropout(t, 0.3),
}
CASES = [(layer, group) for layer in ANY_FIELD for group in TYPED] + [
    (layer, group) for layer in PERMUTATION for group in PERMUTED
]
RANDOM = ("Dropout",)


def products_of(kind: FieldType) -> FieldType:
    """Fields that products of fields reach in every mode."""
    return FieldType(kind.gspace, [kind.gspace.trivial_repr, kind.representations[0], kind.gspace.trivial_repr])


def build(layer: str, group: str) -> nn.EquivariantModule:
    kind = gspaces.no_base_space(group_of(group)).type(TYPED[group])
    module = {**ANY_FIELD, **PERMUTATION}[layer](kind).double()
    stream = seeded(5)
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if name in ("weight", "bias", "running_mean"):
                value.add_(0.3 * torch.randn(value.shape, generator=stream, dtype=torch.float64))
    return module


def fibre_error(module: nn.EquivariantModule, into: FieldType, out: FieldType) -> float:
    x = torch.randn(16, into.size, generator=seeded(1), dtype=torch.float64)
    worst = 0.0
    for g in into.fibergroup.sample(5, seeded(2)):
        twin = copy.deepcopy(module)  # running statistics must not differ between the two calls
        expected = out.transform_fibers(twin(x), g)
        worst = max(worst, float((copy.deepcopy(module)(into.transform_fibers(x, g)) - expected).abs().max()))
    return worst


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize(("layer", "group"), CASES)
@torch.no_grad()
def test_fibre_law(layer: str, group: str, train: bool) -> None:
    module = build(layer, group)
    random = any(word in layer for word in RANDOM)
    module.train(train and not random)
    assert fibre_error(module, module.in_type, module.out_type) < TOLERANCE
    x = torch.randn(16, module.in_type.size, dtype=torch.float64, generator=seeded(4))
    assert float(module(x).std()) > 1e-3


@pytest.mark.parametrize("group", ["so2()", "so3()", "o3()", "icosahedral()"])
@torch.no_grad()
def test_pointwise_layers_would_break_irreps(group: str) -> None:
    kind = gspaces.no_base_space(group_of(group)).type(TYPED[group])
    assert fibre_error(torch.nn.ReLU(), kind, kind) > 1e-2
    norm = torch.nn.BatchNorm1d(kind.size).double()
    norm.running_var.uniform_(0.5, 2, generator=seeded(0))
    assert fibre_error(norm.eval(), kind, kind) > 1e-2
    for layer in (nn.ReLU, nn.InnerBatchNorm, nn.GroupPooling, nn.PointwiseDropout):
        with pytest.raises(ValueError, match="fields whose channels the group permutes"):
            layer(kind)


@pytest.mark.parametrize(
    "layer", ["NormNonLinearity relu", "NormNonLinearity sigmoid", "NormNonLinearity squash", "NormPool"]
)
def test_gradient_is_finite_at_zero(layer: str) -> None:
    module = build(layer, "so3()")
    x = torch.zeros(2, module.in_type.size, dtype=torch.float64, requires_grad=True)
    module(x).sum().backward()
    assert bool(torch.isfinite(x.grad).all())


FOURIER = {"so2()": 3, "o2()": 2, "so3()": 1, "cyclic(8)": None, "octahedral()": None}


@pytest.mark.parametrize("group", FOURIER)
@torch.no_grad()
def test_fourier_is_exact_for_the_symmetries_of_its_samples(group: str) -> None:
    space = gspaces.no_base_space(group_of(group))
    degree = FOURIER[group]
    field = space.fourier_repr(degree if degree is not None else 4)
    layer = nn.FourierPointwise(FieldType(space, [field] * 2), "elu").double()
    x = torch.randn(8, layer.in_type.size, generator=seeded(1), dtype=torch.float64)
    exact = layer.exact_group.elements
    assert len(exact) > 1
    for g in exact:
        turned = layer(layer.in_type.transform_fibers(x, g))
        assert float((turned - layer.out_type.transform_fibers(layer(x), g)).abs().max()) < TOLERANCE
    identity = torch.nn.Identity()
    linear = nn.FourierPointwise(layer.in_type, identity).double()
    assert float((linear(x) - x).abs().max()) < TOLERANCE


@torch.no_grad()
def test_fourier_error_falls_with_the_number_of_samples() -> None:
    space = gspaces.no_base_space(group_of("so2()"))
    kind = FieldType(space, [space.fourier_repr(3)])
    x = torch.randn(400, kind.size, generator=seeded(1), dtype=torch.float64)
    g = space.fibergroup.sample(12, seeded(2))

    def error(samples: int) -> float:
        layer = nn.FourierPointwise(kind, "elu", samples).double()
        differences = [layer(kind.transform_fibers(x, h)) - kind.transform_fibers(layer(x), h) for h in g]
        return float(torch.stack(differences).square().mean().sqrt() / x.square().mean().sqrt())

    errors = [error(n) for n in (8, 16, 24, 48)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 1e-2  # the control: few samples do break the law
    assert errors[1] < 0.0065
    assert errors[3] < 1e-3
