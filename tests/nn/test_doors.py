"""What every layer answers to a wrong argument: one clear error at the public door."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from steer import gspaces, nn
from steer.expansion import lattice
from steer.field import GSpace
from steer.group import cyclic, so2, so3

SPACE = gspaces.rot2dOnR2(4)
KIND = SPACE.type("2xregular")
ONE_TYPE = {
    "ReLU": nn.ReLU,
    "Pointwise": lambda t: nn.Pointwise(t, torch.nn.ReLU()),
    "NormNonLinearity": nn.NormNonLinearity,
    "GatedNonLinearity": nn.GatedNonLinearity,
    "FourierPointwise": nn.FourierPointwise,
    "InnerBatchNorm": nn.InnerBatchNorm,
    "NormBatchNorm": nn.NormBatchNorm,
    "GroupPooling": nn.GroupPooling,
    "NormPool": nn.NormPool,
    "PointwiseMaxPool": lambda t: nn.PointwiseMaxPool(t, 2),
    "PointwiseAvgPool": lambda t: nn.PointwiseAvgPool(t, 2),
    "PointwiseAvgPoolAntialiased": lambda t: nn.PointwiseAvgPoolAntialiased(t, 0.6, 2),
    "PointwiseAdaptiveAvgPool": lambda t: nn.PointwiseAdaptiveAvgPool(t, 1),
    "NormMaxPool": lambda t: nn.NormMaxPool(t, 2),
    "FieldDropout": nn.FieldDropout,
    "PointwiseDropout": nn.PointwiseDropout,
    "Identity": nn.Identity,
    "Linear": lambda t: nn.Linear(t, KIND),
    "R2Conv": lambda t: nn.R2Conv(t, KIND, 3),
}


@pytest.mark.parametrize("layer", ONE_TYPE)
@pytest.mark.parametrize("wrong", [8, "2xregular", SPACE, torch.zeros(2)], ids=["int", "text", "gspace", "tensor"])
def test_a_field_type_is_required(layer: str, wrong: object) -> None:
    with pytest.raises(TypeError, match=f"{layer}: .*a FieldType, is required; received .*gspace.type"):
        ONE_TYPE[layer](wrong)


@pytest.mark.parametrize("x", [np.zeros((1, 8, 5, 5)), [1, 2], None], ids=["numpy", "list", "none"])
def test_a_tensor_is_required(x: object) -> None:
    for layer in (nn.R2Conv(KIND, KIND, 3), nn.ReLU(KIND)):
        with pytest.raises(TypeError, match=f"a torch tensor or a GeometricTensor is required; received {type(x).__name__}"):
            layer(x)
        with pytest.raises(TypeError, match=f"received {type(x).__name__}"):
            nn.GeometricTensor(x, KIND)


def test_gspaces() -> None:
    for wrong in ("x", SPACE, 3):
        with pytest.raises(TypeError, match=r"a group of steer.group is required; received"):
            gspaces.no_base_space(wrong)
    with pytest.raises(TypeError, match=r"a lattice or None is required; received 'square'"):
        GSpace(so2(), "square")
    with pytest.raises(ValueError, match="a grid and a group of one dimension are required"):
        GSpace(so3(), lattice("square", 2))
    for restricted in (SPACE.quotient_repr, SPACE.restrict, KIND.restrict, lambda part: nn.Restriction(KIND, part)):
        with pytest.raises(ValueError, match=r"a number of turns n >= 1, a group or matrices are required .* received 0"):
            restricted(0)
        with pytest.raises(TypeError, match=r"subgroup: matrices \[2, 2\], .* received str 'C2'"):
            restricted("C2")
    for part in (cyclic(2), 2, -torch.eye(2)):
        assert nn.Restriction(KIND, part).out_type == KIND.restrict(cyclic(2))


def test_transform_takes_matrices() -> None:
    x = nn.GeometricTensor(torch.zeros(1, 8, 5, 5), KIND)
    for wrong in (1, torch.eye(3)):
        with pytest.raises(TypeError, match=r"the matrix \[2, 2\] of an element is required"):
            x.transform(wrong)


def test_activations_with_numbers_per_channel() -> None:
    nn.Pointwise(KIND, torch.nn.PReLU())
    with pytest.raises(ValueError, match="weight of PReLU.* has more than one number"):
        nn.Pointwise(KIND, torch.nn.PReLU(8))


def test_sequential_keeps_its_kind() -> None:
    twice = nn.Sequential(nn.ReLU(KIND)) * 2
    assert isinstance(twice, nn.Sequential)
    assert twice.out_type == KIND


def test_layers_print_on_one_line() -> None:
    assert str(nn.NormBatchNorm(KIND)).count("\n") == 0
    assert str(nn.GatedNonLinearity(gspaces.rot2dOnR2(-1).type("0 + 2x1"))).count("\n") <= 4


@torch.no_grad()
def test_geometric_tensors_are_cast_scaled_and_indexed() -> None:
    x = nn.GeometricTensor(torch.randn(4, 8, 5, 5), KIND)
    assert x.double().dtype == torch.float64
    assert x.half().float().cpu().dtype == torch.float32
    assert torch.equal((x / 2).tensor, x.tensor * 0.5)
    assert len(x[1:3]) == 2
    assert x[0].shape == (1, 8, 5, 5)
