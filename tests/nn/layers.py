"""The one table of layers, each on the types it is for, with numbers in general position."""

from __future__ import annotations

from collections.abc import Callable

import torch

from steer import group, gspaces, nn
from steer.expansion import Work
from steer.nn._irrep_products import IrrepProducts
from tests.cases import randn, seeded

LINE = gspaces.flipOnR1().type("regular + 0 + regular")
PLANE = gspaces.rot2dOnR2(8).type("regular + 2x0 + regular")
QUARTERS = gspaces.rot2dOnR2(4).type("2xregular")
HEXAGONS = gspaces.on(group.dihedral(6), "hexagonal").type("2x1 + 0e + 2")
NUMBERS = gspaces.rot2dOnR2(4).type("3x0")
PAIRS_1 = gspaces.flipOnR1().type("regular + 2x1 + 2x0 + regular")
PAIRS_2 = gspaces.flipRot2dOnR2(4).type("2x0e + 2x1 + regular + 2x0o + regular")
MIRRORED = gspaces.flipRot2dOnR2(4).type("regular + standard + 0e")
VOLUME = gspaces.flipRot3dOnR3().type("2x0e + 1o + 0e + 2e + 0o")
CUBE = gspaces.octaOnR3().type("regular + 0")
CIRCLE = gspaces.rot2dOnR2(-1).type("2x0 + 2x1 + 2x2")
_ROTATIONS = gspaces.rot3dOnR3()
BALL = _ROTATIONS.type(_ROTATIONS.fourier_repr(1), _ROTATIONS.fourier_repr(1), "0")
_MIRRORED = gspaces.flipRot2dOnR2(-1)
_FRAMES = [group.so2().irrep(k).induce(group.o2()) for k in (1, 0, 2)]
INDUCED = _MIRRORED.type(*_FRAMES, "0o + 1", _FRAMES[0])
SPHERE = gspaces.flipRot3dOnR3().type("2x0e + 2x1o + 2x2e")
COSETS = gspaces.rot2dOnR2(8).type(*[gspaces.rot2dOnR2(8).quotient_repr(2)] * 2)
POINT = gspaces.no_base_space(group.so3()).type("2x0 + 1 + 2")
FIBRE = gspaces.no_base_space(group.cyclic(8)).type("2xregular + 0")
FIBRES = FIBRE.gspace.type("2xregular")


def by_irreps(layer: nn.R2Conv | nn.Linear) -> nn.EquivariantModule:
    """A layer that takes its products irrep by irrep, however few sites there are."""
    layer.products = IrrepProducts(layer.plan)
    layer.products.work = Work(dense=1 << 60, blocks=0, moved=0)
    return layer


LAYERS: dict[str, Callable[[], nn.EquivariantModule]] = {
    "R1Conv": lambda: nn.R1Conv(LINE, LINE, 3, padding=1),
    "R2Conv regular": lambda: nn.R2Conv(PLANE, PLANE, 3, stride=2, padding=1),
    "R2Conv mixed": lambda: nn.R2Conv(MIRRORED, MIRRORED, 3, padding=1, padding_mode="circular"),
    "R2Conv dilated": lambda: nn.R2Conv(CIRCLE, CIRCLE, 3, bias=False, dilation=2, padding=2),
    "R1Conv in parts": lambda: nn.R1Conv(PAIRS_1, PAIRS_1, 3, padding=1, groups=2),
    "R2Conv in parts": lambda: nn.R2Conv(CIRCLE, CIRCLE, 3, stride=2, padding=1, groups=2),
    "R2Conv in parts centred": lambda: nn.R2Conv(PAIRS_2, PAIRS_2, 3, stride=2, padding=1, groups=2, centred=True),
    "R3Conv in parts": lambda: nn.R3Conv(SPHERE, SPHERE, 3, padding=1, groups=2),
    "R2ConvTransposed in parts": lambda: nn.R2ConvTransposed(PAIRS_2, PAIRS_2, 3, stride=2, padding=1, groups=2),
    "DirectSum": lambda: nn.DirectSum(
        nn.R2Conv(QUARTERS, QUARTERS, 3, groups=2), nn.Sequential(nn.R2Conv(NUMBERS, NUMBERS, 3), nn.NormBatchNorm(NUMBERS))
    ),
    "R2Conv 1x1": lambda: nn.R2Conv(PLANE, PLANE, 1),
    "R2Conv 1x1 by irreps": lambda: by_irreps(nn.R2Conv(MIRRORED, MIRRORED, 1)),
    "R2Conv 1x1 strided by irreps": lambda: by_irreps(nn.R2Conv(CIRCLE, CIRCLE, 1, stride=2, bias=False)),
    "R3Conv irreps": lambda: nn.R3Conv(VOLUME, VOLUME, 3, padding=1),
    "R3Conv regular": lambda: nn.R3Conv(CUBE, CUBE, 3),
    "Linear irreps": lambda: nn.Linear(POINT, POINT),
    "Linear regular": lambda: nn.Linear(FIBRE, FIBRE),
    "Linear by irreps": lambda: by_irreps(nn.Linear(FIBRE, FIBRE)),
    "InnerBatchNorm 1d": lambda: nn.InnerBatchNorm(LINE),
    "InnerBatchNorm 2d": lambda: nn.InnerBatchNorm(PLANE),
    "NormBatchNorm 2d": lambda: nn.NormBatchNorm(PLANE),
    "NormBatchNorm 3d": lambda: nn.NormBatchNorm(VOLUME),
    "NormBatchNorm of sums": lambda: nn.NormBatchNorm(BALL),
    "NormBatchNorm on a point": lambda: nn.NormBatchNorm(POINT),
    "InnerBatchNorm on a point": lambda: nn.InnerBatchNorm(FIBRE),
    "NormNonLinearity on a point": lambda: nn.NormNonLinearity(POINT),
    "FourierPointwise on a point": lambda: nn.FourierPointwise(FIBRE, "relu"),
    "GroupPooling on a point": lambda: nn.GroupPooling(FIBRES),
    "FieldLayerNorm on a point": lambda: nn.FieldLayerNorm(POINT, space=True),
    "Sequential on a point": lambda: nn.Sequential(
        nn.Linear(FIBRE, FIBRES), nn.InnerBatchNorm(FIBRES), nn.ReLU(FIBRES), nn.GroupPooling(FIBRES)
    ),
    "NormNonLinearity relu": lambda: nn.NormNonLinearity(VOLUME),
    "NormNonLinearity sigmoid": lambda: nn.NormNonLinearity(VOLUME, "sigmoid"),
    "NormNonLinearity squash": lambda: nn.NormNonLinearity(CIRCLE, "squash"),
    "GatedNonLinearity": lambda: nn.GatedNonLinearity(VOLUME),
    "FourierPointwise irreps": lambda: nn.FourierPointwise(CIRCLE),
    "FourierPointwise sums": lambda: nn.FourierPointwise(BALL, samples=24),
    "FourierPointwise finite": lambda: nn.FourierPointwise(PLANE, "relu"),
    "FourierELU": lambda: nn.FourierELU(CIRCLE),
    "QuotientFourierELU sphere": lambda: nn.QuotientFourierELU(SPHERE, group.conical()),
    "QuotientFourierPointwise finite": lambda: nn.QuotientFourierPointwise(COSETS, 2, "relu"),
    "GroupPooling max": lambda: nn.GroupPooling(PLANE),
    "GroupPooling mean": lambda: nn.GroupPooling(LINE, "mean"),
    "NormPool": lambda: nn.NormPool(VOLUME),
    "PointwiseMaxPool": lambda: nn.PointwiseMaxPool(PLANE, 3, 2, 1),
    "PointwiseMaxPool centred": lambda: nn.PointwiseMaxPool(PLANE, 2, 2, centred=True),
    "PointwiseAvgPool centred": lambda: nn.PointwiseAvgPool(MIRRORED, 2, 2, centred=True),
    "NormMaxPool centred": lambda: nn.NormMaxPool(VOLUME, 2, 2, centred=True),
    "NormMaxPool hexagonal centred": lambda: nn.NormMaxPool(HEXAGONS, 3, 2, 1, centred=True),
    "PointwiseAvgPoolAntialiased hexagonal": lambda: nn.PointwiseAvgPoolAntialiased(HEXAGONS, 0.66, 2),
    "R2Conv hexagonal centred": lambda: nn.R2Conv(HEXAGONS, HEXAGONS, 3, stride=2, padding=1, centred=True),
    "R2Conv centred": lambda: nn.R2Conv(QUARTERS, QUARTERS, 4, stride=2, padding=1, centred=True),
    "R1ConvTransposed": lambda: nn.R1ConvTransposed(LINE, LINE, 3, stride=2),
    "R2ConvTransposed": lambda: nn.R2ConvTransposed(MIRRORED, MIRRORED, 4, stride=2, padding=1),
    "R3ConvTransposed": lambda: nn.R3ConvTransposed(VOLUME, VOLUME, 2, stride=2),
    "R1Upsampling nearest": lambda: nn.R1Upsampling(LINE, 1.5, mode="nearest"),
    "R2Upsampling bicubic": lambda: nn.R2Upsampling(PLANE, size=9, mode="bicubic"),
    "R3Upsampling linear": lambda: nn.R3Upsampling(VOLUME, 2),
    "SteerableAttention": lambda: nn.SteerableAttention(PLANE, PLANE, 2),
    "SteerableAttention near": lambda: nn.SteerableAttention(QUARTERS, QUARTERS, 2, window=2.5),
    "PointwiseAvgPool": lambda: nn.PointwiseAvgPool(MIRRORED, 3, 2),
    "PointwiseAvgPoolAntialiased": lambda: nn.PointwiseAvgPoolAntialiased(VOLUME, 0.66, 2),
    "PointwiseMaxPoolAntialiased": lambda: nn.PointwiseMaxPoolAntialiased(LINE, 3, 2, 1),
    "PointwiseAdaptiveAvgPool": lambda: nn.PointwiseAdaptiveAvgPool(VOLUME, 1),
    "PointwiseAdaptiveMaxPool": lambda: nn.PointwiseAdaptiveMaxPool(PLANE, 3),
    "NormMaxPool": lambda: nn.NormMaxPool(VOLUME, 3, 2),
    "PointwiseDropout": lambda: nn.PointwiseDropout(PLANE, 0.3),
    "FieldDropout": lambda: nn.FieldDropout(VOLUME, 0.3),
    "Identity": lambda: nn.Identity(VOLUME),
    "Restriction": lambda: nn.Restriction(PLANE, group.cyclic(4)),
    "FieldInstanceNorm 1d": lambda: nn.FieldInstanceNorm(LINE),
    "FieldInstanceNorm 3d": lambda: nn.FieldInstanceNorm(VOLUME),
    "FieldInstanceNorm stock": lambda: nn.FieldInstanceNorm(QUARTERS),
    "FieldGroupNorm": lambda: nn.FieldGroupNorm(BALL, 3),
    "FieldLayerNorm": lambda: nn.FieldLayerNorm(VOLUME),
    "FieldLayerNorm space": lambda: nn.FieldLayerNorm(PLANE, space=True),
    "FieldRMSNorm": lambda: nn.FieldRMSNorm(CIRCLE),
    "FieldRMSNorm space": lambda: nn.FieldRMSNorm(VOLUME, space=True),
    "SubgroupPooling max": lambda: nn.SubgroupPooling(PLANE, 4),
    "SubgroupPooling mean": lambda: nn.SubgroupPooling(PLANE, 2, "mean"),
    "Disentangle": lambda: nn.Disentangle(PLANE),
    "Entangle": lambda: nn.Entangle(PLANE),
    "Reshuffle": lambda: nn.Reshuffle(VOLUME, [3, 1, 0, 2, 4, 5]),
    "PositionalHarmonics 2d": lambda: nn.PositionalHarmonics(CIRCLE, 2, [1.0, 2.0]),
    "PositionalHarmonics 3d": lambda: nn.PositionalHarmonics(VOLUME, 2),
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
    "ReLU": lambda: nn.ReLU(LINE),
    "Sequential": lambda: nn.Sequential(nn.NormBatchNorm(VOLUME), nn.NormNonLinearity(VOLUME), nn.NormPool(VOLUME)),
}

RANDOM = ("PointwiseDropout", "FieldDropout")
"""Layers whose output is random in train mode."""


def build(name: str) -> nn.EquivariantModule:
    """The layer of this name, its weights, biases and running statistics away from where they start."""
    layer = LAYERS[name]()
    stream = seeded(5)
    with torch.no_grad():
        for key, value in [*layer.named_parameters(), *layer.named_buffers()]:
            if key.split(".")[-1] in ("weight", "bias", "running_mean") and not value.is_meta:
                value.add_(0.3 * torch.randn(value.shape, generator=stream, dtype=torch.float64).to(value.dtype))
    return layer


def input_of(layer: nn.EquivariantModule, dtype: torch.dtype = torch.float32, batch: int = 2) -> torch.Tensor:
    """Random fields for a layer, 7 samples along every axis."""
    return randn(batch, layer.in_type.size, *(7,) * layer.in_type.gspace.dimensionality).to(dtype)
