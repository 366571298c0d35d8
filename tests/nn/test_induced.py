"""Norms and gates on the blocks of induced fields: the law, what a block is, agreement with the layers of whole fields."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from steer import group, gspaces, nn
from steer.field import FieldType
from tests.cases import assert_close, randn, seeded


def induced(inner: group.Group, label: str, outer: group.Group) -> FieldType:
    field = inner.irrep(label).induce(outer)
    space = gspaces.no_base_space(outer)
    return FieldType(space, [field, space.trivial_repr, field])


KINDS = {
    "SO(2) in O(2)": induced(group.so2(), "1", group.o2()),
    "C4 in C8": induced(group.cyclic(4), "1", group.cyclic(8)),
    "C4 in D4": induced(group.cyclic(4), "1", group.dihedral(4)),
    "C4 sign in D4": induced(group.cyclic(4), "2", group.dihedral(4)),
    "tetrahedral in octahedral": induced(group.tetrahedral(), "2", group.octahedral()),
    "SO(3) in O(3)": induced(group.so3(), "2", group.o3()),
    "regular": gspaces.no_base_space(group.cyclic(8)).type("2xregular + 1 + 0"),
}
LAYERS: dict[str, Callable[[FieldType], nn.EquivariantModule]] = {
    "relu": nn.InducedNormNonLinearity,
    "sigmoid": lambda kind: nn.InducedNormNonLinearity(kind, "sigmoid"),
    "squash": lambda kind: nn.InducedNormNonLinearity(kind, "squash"),
    "gated": nn.InducedGatedNonLinearity,
    "pool": nn.InducedNormPool,
    "pool mean": lambda kind: nn.InducedNormPool(kind, "mean"),
}


def law_error(layer: Callable, into: FieldType, out: FieldType) -> float:
    x = randn(4, into.size)
    errors = [
        layer(into.transform_fibers(x, g)) - out.transform_fibers(layer(x), g) for g in into.fibergroup.sample(8, seeded(1))
    ]
    return float(torch.stack(errors).abs().max())


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("kind", LAYERS)
@torch.no_grad()
def test_law(name: str, kind: str) -> None:
    layer = LAYERS[kind](KINDS[name]).double()
    for value in layer.parameters():
        value.add_(randn(*value.shape))
    assert law_error(layer, layer.in_type, layer.out_type) < 1e-12
    assert float(layer(randn(4, layer.in_type.size)).std(0).max()) > 1e-3


@torch.no_grad()
def test_a_gate_that_does_not_move_with_its_block_breaks_the_law() -> None:
    kind = KINDS["SO(2) in O(2)"]
    layer = nn.InducedGatedNonLinearity(kind).double()
    assert [field.dim for field in layer.in_type.representations] == [4, 1, 4, 2, 2]
    still = FieldType(kind.gspace, [*kind.representations, *[kind.gspace.trivial_repr] * 4])
    assert law_error(layer, still, kind) > 1e-2
    thresholds = nn.InducedNormNonLinearity(kind).double()
    wrong = nn.NormNonLinearity(FieldType(kind.gspace, ["standard", "standard", "0e", "standard", "standard"])).double()
    wrong.bias.copy_(randn(5))
    assert law_error(wrong, kind, kind) > 1e-2
    assert law_error(thresholds, kind, kind) < 1e-12


@torch.no_grad()
def test_blocks() -> None:
    kind = KINDS["SO(2) in O(2)"]
    x = randn(3, kind.size)
    pooled = nn.InducedNormPool(kind)(x)
    assert_close(pooled[:, 0], torch.maximum(x[:, :2].norm(dim=1), x[:, 2:4].norm(dim=1)))
    assert_close(pooled[:, 1], x[:, 4].abs())
    squashed = nn.InducedNormNonLinearity(kind, "squash")(x)
    n = x[:, 7:].norm(dim=1)
    assert_close(squashed[:, 7:].norm(dim=1), n**2 / (1 + n**2))


@torch.no_grad()
def test_on_regular_fields_every_channel_is_a_block() -> None:
    kind = gspaces.rot2dOnR2(8).type("2xregular")
    x = randn(2, 16, 3, 3)
    assert_close(nn.InducedNormPool(kind)(x), nn.GroupPooling(kind)(x.abs()))
    gated = nn.InducedGatedNonLinearity(kind)
    assert gated.in_type == kind
    assert_close(gated(x), x.relu())


@torch.no_grad()
def test_on_other_fields_they_are_the_layers_of_whole_fields() -> None:
    kind = gspaces.rot3dOnR3().type("0 + 2x1 + 2")
    x = randn(2, 16, 2, 2, 2)
    assert_close(nn.InducedNormPool(kind)(x[:, :12]), nn.NormPool(kind)(x[:, :12]))
    assert_close(nn.InducedNormNonLinearity(kind).double()(x[:, :12]), nn.NormNonLinearity(kind).double()(x[:, :12]))
    whole = nn.GatedNonLinearity(kind)
    assert whole.in_type == nn.InducedGatedNonLinearity(kind).in_type
    assert_close(nn.InducedGatedNonLinearity(kind)(x[:, :15]), whole(x[:, :15]))


@pytest.mark.parametrize("kind", LAYERS)
def test_gradient_is_finite_at_zero(kind: str) -> None:
    layer = LAYERS[kind](KINDS["C4 in D4"]).double()
    x = torch.zeros(2, layer.in_type.size, dtype=torch.float64, requires_grad=True)
    layer(x).sum().backward()
    assert bool(x.grad.isfinite().all())


def test_errors() -> None:
    kind = KINDS["regular"]
    with pytest.raises(ValueError, match="'max' or 'mean', is required; received 'sum'"):
        nn.InducedNormPool(kind, "sum")
    with pytest.raises(ValueError, match="one of relu, sigmoid, squash, is required"):
        nn.InducedNormNonLinearity(kind, "tanh")
    with pytest.raises(ValueError, match="InducedGatedNonLinearity: scalar: one of"):
        nn.InducedGatedNonLinearity(kind, scalar="no")
    with pytest.raises(TypeError, match="InducedGatedNonLinearity: out_type, a FieldType, is required"):
        nn.InducedGatedNonLinearity(3)
