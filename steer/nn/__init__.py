"""Equivariant layers: tensor in, tensor out, typed by their fields."""

from steer.field import FieldType, GeometricTensor
from steer.nn._antialiased import PointwiseAvgPoolAntialiased, PointwiseMaxPoolAntialiased
from steer.nn._attention import SteerableAttention
from steer.nn._axes import BrokenSymmetryWarning
from steer.nn._bases import Disentangle, Entangle
from steer.nn._batch_norm import InnerBatchNorm, NormBatchNorm
from steer.nn._batch_norms import convert_sync_batchnorm, update_bn
from steer.nn._branches import Branch, Merge, Reshuffle, tensor_directsum
from steer.nn._cartesian import CartesianTensor, FromCartesian, ToCartesian
from steer.nn._checkpoint import load, save
from steer.nn._concatenated_relu import ConcatenatedReLU, CReLU
from steer.nn._constants import keep_constants_local
from steer.nn._conv import R1Conv, R2Conv, R3Conv, SteerableConv
from steer.nn._conv_transposed import R1ConvTransposed, R2ConvTransposed, R3ConvTransposed, SteerableConvTransposed
from steer.nn._direct_sum import DirectSum
from steer.nn._dropout import FieldDropout, PointwiseDropout
from steer.nn._field_norms import FieldGroupNorm, FieldInstanceNorm, FieldLayerNorm, FieldRMSNorm
from steer.nn._fourier import FourierPointwise
from steer.nn._fourier_fronts import FourierELU, QuotientFourierELU, QuotientFourierPointwise
from steer.nn._gated import GatedNonLinearity
from steer.nn._group_pooling import GroupPooling, NormPool
from steer.nn._identity import Identity, Restriction
from steer.nn._induced import InducedGatedNonLinearity, InducedNormNonLinearity, InducedNormPool
from steer.nn._linear import Linear
from steer.nn._losses import FieldCosineLoss, FieldLoss, FieldMSELoss, FieldNormLoss
from steer.nn._mask import Mask
from steer.nn._module import EquivariantModule
from steer.nn._norm import NormNonLinearity
from steer.nn._peers import (
    DisentangleModule,
    IdentityModule,
    IIDBatchNorm1d,
    IIDBatchNorm2d,
    IIDBatchNorm3d,
    PointwiseAdaptiveAvgPool2D,
    PointwiseAdaptiveAvgPool3D,
    PointwiseAdaptiveMaxPool2D,
    PointwiseAdaptiveMaxPool3D,
    PointwiseAvgPool2D,
    PointwiseAvgPool3D,
    PointwiseAvgPoolAntialiased2D,
    PointwiseAvgPoolAntialiased3D,
    PointwiseMaxPool2D,
    PointwiseMaxPool3D,
    PointwiseMaxPoolAntialiased2D,
    PointwiseMaxPoolAntialiased3D,
    RestrictionModule,
)
from steer.nn._pointwise import (
    CELU,
    ELU,
    GELU,
    SELU,
    Hardswish,
    LeakyReLU,
    Mish,
    Pointwise,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from steer.nn._pooling import (
    NormMaxPool,
    PointwiseAdaptiveAvgPool,
    PointwiseAdaptiveMaxPool,
    PointwiseAvgPool,
    PointwiseMaxPool,
)
from steer.nn._positional import PositionalHarmonics
from steer.nn._sequential import Sequential, SequentialModule
from steer.nn._shared_norm import SharedNormNonLinearity
from steer.nn._steerable import SteerableModule, UnreachableIrrepsWarning
from steer.nn._subgroup_pooling import SubgroupPooling
from steer.nn._tensor_product import TensorProductNonLinearity
from steer.nn._upsampling import R1Upsampling, R2Upsampling, R3Upsampling, SteerableUpsampling
from steer.nn._vector_field import VectorFieldNonLinearity
from steer.nn._whole import dense_weights, export, match_width, summary

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Branch",
    "BrokenSymmetryWarning",
    "CReLU",
    "CartesianTensor",
    "ConcatenatedReLU",
    "DirectSum",
    "Disentangle",
    "DisentangleModule",
    "Entangle",
    "EquivariantModule",
    "FieldCosineLoss",
    "FieldDropout",
    "FieldGroupNorm",
    "FieldInstanceNorm",
    "FieldLayerNorm",
    "FieldLoss",
    "FieldMSELoss",
    "FieldNormLoss",
    "FieldRMSNorm",
    "FieldType",
    "FourierELU",
    "FourierPointwise",
    "FromCartesian",
    "GatedNonLinearity",
    "GeometricTensor",
    "GroupPooling",
    "Hardswish",
    "IIDBatchNorm1d",
    "IIDBatchNorm2d",
    "IIDBatchNorm3d",
    "Identity",
    "IdentityModule",
    "InducedGatedNonLinearity",
    "InducedNormNonLinearity",
    "InducedNormPool",
    "InnerBatchNorm",
    "LeakyReLU",
    "Linear",
    "Mask",
    "Merge",
    "Mish",
    "NormBatchNorm",
    "NormMaxPool",
    "NormNonLinearity",
    "NormPool",
    "Pointwise",
    "PointwiseAdaptiveAvgPool",
    "PointwiseAdaptiveAvgPool2D",
    "PointwiseAdaptiveAvgPool3D",
    "PointwiseAdaptiveMaxPool",
    "PointwiseAdaptiveMaxPool2D",
    "PointwiseAdaptiveMaxPool3D",
    "PointwiseAvgPool",
    "PointwiseAvgPool2D",
    "PointwiseAvgPool3D",
    "PointwiseAvgPoolAntialiased",
    "PointwiseAvgPoolAntialiased2D",
    "PointwiseAvgPoolAntialiased3D",
    "PointwiseDropout",
    "PointwiseMaxPool",
    "PointwiseMaxPool2D",
    "PointwiseMaxPool3D",
    "PointwiseMaxPoolAntialiased",
    "PointwiseMaxPoolAntialiased2D",
    "PointwiseMaxPoolAntialiased3D",
    "PositionalHarmonics",
    "QuotientFourierELU",
    "QuotientFourierPointwise",
    "R1Conv",
    "R1ConvTransposed",
    "R1Upsampling",
    "R2Conv",
    "R2ConvTransposed",
    "R2Upsampling",
    "R3Conv",
    "R3ConvTransposed",
    "R3Upsampling",
    "ReLU",
    "Reshuffle",
    "Restriction",
    "RestrictionModule",
    "Sequential",
    "SequentialModule",
    "SharedNormNonLinearity",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "SteerableAttention",
    "SteerableConv",
    "SteerableConvTransposed",
    "SteerableModule",
    "SteerableUpsampling",
    "SubgroupPooling",
    "Tanh",
    "TensorProductNonLinearity",
    "ToCartesian",
    "UnreachableIrrepsWarning",
    "VectorFieldNonLinearity",
    "convert_sync_batchnorm",
    "dense_weights",
    "export",
    "keep_constants_local",
    "load",
    "match_width",
    "save",
    "summary",
    "tensor_directsum",
    "update_bn",
]
