"""Every layer in one, two and three dimensions, and without a base space where it needs none: that it exists, and its law."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from steer import check_equivariance, group, gspaces, nn
from steer.group import FiniteGroup

SPACES = {
    0: gspaces.no_base_space(group.dihedral(4)),
    1: gspaces.flipOnR1(),
    2: gspaces.flipRot2dOnR2(4),
    3: gspaces.octaOnR3(),
}
REGULAR = {d: space.type("2xregular") for d, space in SPACES.items()}
ANY = {d: REGULAR[d] + space.type(space.fibergroup.irreps()[-1]) for d, space in SPACES.items()}
CONV = {1: nn.R1Conv, 2: nn.R2Conv, 3: nn.R3Conv}
TRANSPOSED = {1: nn.R1ConvTransposed, 2: nn.R2ConvTransposed, 3: nn.R3ConvTransposed}
UPSAMPLING = {1: nn.R1Upsampling, 2: nn.R2Upsampling, 3: nn.R3Upsampling}


def subgroup(d: int) -> FiniteGroup:
    whole = SPACES[d].fibergroup
    return whole.subgroup(whole.generators[0])


def quotient(d: int) -> nn.FieldType:
    return SPACES[d].type(SPACES[d].quotient_repr(subgroup(d)))


Make = Callable[[int], nn.EquivariantModule]
ON_GRIDS: dict[str, Make] = {
    "convolution": lambda d: CONV[d](ANY[d], ANY[d], 3, padding=1),
    "convolution, one tap": lambda d: CONV[d](ANY[d], ANY[d], 1),
    "convolution, grouped": lambda d: CONV[d](ANY[d] + ANY[d], REGULAR[d], 3, groups=2),
    "convolution, centred stride": lambda d: CONV[d](ANY[d], ANY[d], 3, 2, centred=True),
    "transposed": lambda d: TRANSPOSED[d](ANY[d], ANY[d], 3, 2),
    "upsampling by a factor": lambda d: UPSAMPLING[d](ANY[d], 2),
    "upsampling to a size": lambda d: UPSAMPLING[d](ANY[d], size=9),
    "maximum": lambda d: nn.PointwiseMaxPool(REGULAR[d], 2, 2, centred=True),
    "mean": lambda d: nn.PointwiseAvgPool(ANY[d], 2, 2, centred=True),
    "largest norm": lambda d: nn.NormMaxPool(ANY[d], 2, 2, centred=True),
    "antialiased mean": lambda d: nn.PointwiseAvgPoolAntialiased(ANY[d], 0.6),
    "antialiased maximum": lambda d: nn.PointwiseMaxPoolAntialiased(REGULAR[d], 3),
    "adaptive mean": lambda d: nn.PointwiseAdaptiveAvgPool(ANY[d], 3),
    "adaptive maximum": lambda d: nn.PointwiseAdaptiveMaxPool(REGULAR[d], 3),
    "mask": lambda d: nn.Mask(ANY[d]),
    "positions": lambda d: nn.PositionalHarmonics(ANY[d], 1),
}
ON_FIBRES: dict[str, Make] = {
    "attention": lambda d: nn.SteerableAttention(ANY[d], ANY[d], 1),
    "norm": lambda d: nn.NormNonLinearity(ANY[d]),
    "squash": lambda d: nn.NormNonLinearity(ANY[d], "squash"),
    "gated": lambda d: nn.GatedNonLinearity(ANY[d]),
    "induced norm": lambda d: nn.InducedNormNonLinearity(ANY[d]),
    "induced gated": lambda d: nn.InducedGatedNonLinearity(ANY[d]),
    "shared norm": lambda d: nn.SharedNormNonLinearity(ANY[d], [[0, 1], [2]]),
    "CReLU": lambda d: nn.ConcatenatedReLU(REGULAR[d]),
    "vector field": lambda d: nn.VectorFieldNonLinearity(REGULAR[d]),
    "tensor product": lambda d: nn.TensorProductNonLinearity(ANY[d], ANY[d]),
    "tensor product, elementwise": lambda d: nn.TensorProductNonLinearity(ANY[d], ANY[d], "elementwise"),
    "Fourier": lambda d: nn.FourierPointwise(REGULAR[d], "relu"),
    "quotient Fourier": lambda d: nn.QuotientFourierELU(quotient(d), subgroup(d)),
    "any activation": lambda d: nn.Pointwise(REGULAR[d], torch.nn.Softsign()),
    "batch norm": lambda d: nn.InnerBatchNorm(REGULAR[d]),
    "batch norm of norms": lambda d: nn.NormBatchNorm(ANY[d]),
    "instance norm": lambda d: nn.FieldInstanceNorm(ANY[d]),
    "layer norm": lambda d: nn.FieldLayerNorm(ANY[d]),
    "group norm": lambda d: nn.FieldGroupNorm(ANY[d], 3),
    "RMS norm": lambda d: nn.FieldRMSNorm(ANY[d]),
    "field dropout": lambda d: nn.FieldDropout(ANY[d]),
    "pointwise dropout": lambda d: nn.PointwiseDropout(REGULAR[d]),
    "restriction": lambda d: nn.Restriction(ANY[d], subgroup(d)),
    "disentangling": lambda d: nn.Disentangle(ANY[d]),
    "reshuffling": lambda d: nn.Reshuffle(ANY[d], [2, 0, 1]),
    "direct sum": lambda d: nn.DirectSum(nn.NormNonLinearity(ANY[d]), nn.ReLU(REGULAR[d])),
    "group pooling": lambda d: nn.GroupPooling(REGULAR[d]),
    "subgroup pooling": lambda d: nn.SubgroupPooling(REGULAR[d], subgroup(d)),
    "induced norm pooling": lambda d: nn.InducedNormPool(ANY[d]),
    "norm pooling": lambda d: nn.NormPool(ANY[d]),
    "Cartesian tensors": lambda d: nn.ToCartesian(SPACES[d], 2),
}
CASES = [(name, d) for name in ON_GRIDS for d in (1, 2, 3)] + [(name, d) for name in ON_FIBRES for d in range(4)]


@pytest.mark.parametrize(("name", "d"), CASES)
def test_the_law_in_every_dimension(name: str, d: int) -> None:
    layer = {**ON_GRIDS, **ON_FIBRES}[name](d)
    report = check_equivariance(layer.eval(), size=(7 if "attention" in name else None) if d == 0 else 6, batch=1)
    assert len(report.measurements) >= 2
    report.assert_exact(1e-12)


OF_ONE_DIMENSION = ("convolution", "transposed", "upsampling")


@pytest.mark.parametrize("name", [name for name in ON_GRIDS if not name.startswith(OF_ONE_DIMENSION)])
def test_layers_of_space_need_one(name: str) -> None:
    with pytest.raises(ValueError, match="fields over a grid are required"):
        ON_GRIDS[name](0)


@pytest.mark.parametrize("d", range(4))
def test_losses(d: int) -> None:
    kind = ANY[d]
    x, y = (torch.randn(2, kind.size, *(5,) * d, dtype=torch.float64) for _ in range(2))
    for make in (nn.FieldMSELoss, nn.FieldNormLoss, nn.FieldCosineLoss):
        loss = make(kind)
        assert float(loss(x, y)) > 1e-3
        for g in SPACES[d].fibergroup.elements:
            assert float(loss(kind.transform(x, g), kind.transform(y, g))) == pytest.approx(float(loss(x, y)), abs=1e-12)


def test_linear_maps_are_convolutions_without_space() -> None:
    check_equivariance(nn.Linear(ANY[0], ANY[0])).assert_exact(1e-12)
