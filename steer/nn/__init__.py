"""Equivariant layers: tensor in, tensor out, typed by their fields."""

from steer.field import FieldType, GeometricTensor
from steer.nn._antialiased import PointwiseAvgPoolAntialiased, PointwiseMaxPoolAntialiased
from steer.nn._attention import SteerableAttention
from steer.nn._axes import BrokenSymmetryWarning
from steer.nn._batch_norm import InnerBatchNorm, NormBatchNorm
from steer.nn._conv import R1Conv, R2Conv, R3Conv, SteerableConv
from steer.nn._conv_transposed import R1ConvTransposed, R2ConvTransposed, R3ConvTransposed, SteerableConvTransposed
from steer.nn._dropout import FieldDropout, PointwiseDropout
from steer.nn._fourier import FourierPointwise
from steer.nn._gated import GatedNonLinearity
from steer.nn._group_pooling import GroupPooling, NormPool
from steer.nn._identity import Identity, Restriction
from steer.nn._linear import Linear
from steer.nn._module import EquivariantModule
from steer.nn._norm import NormNonLinearity
from steer.nn._plain import Plain
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
from steer.nn._sequential import Sequential, SequentialModule
from steer.nn._steerable import SteerableModule, UnreachableIrrepsWarning
from steer.nn._upsampling import R1Upsampling, R2Upsampling, R3Upsampling, SteerableUpsampling

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "BrokenSymmetryWarning",
    "EquivariantModule",
    "FieldDropout",
    "FieldType",
    "FourierPointwise",
    "GatedNonLinearity",
    "GeometricTensor",
    "GroupPooling",
    "Hardswish",
    "Identity",
    "InnerBatchNorm",
    "LeakyReLU",
    "Linear",
    "Mish",
    "NormBatchNorm",
    "NormMaxPool",
    "NormNonLinearity",
    "NormPool",
    "Plain",
    "Pointwise",
    "PointwiseAdaptiveAvgPool",
    "PointwiseAdaptiveMaxPool",
    "PointwiseAvgPool",
    "PointwiseAvgPoolAntialiased",
    "PointwiseDropout",
    "PointwiseMaxPool",
    "PointwiseMaxPoolAntialiased",
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
    "Restriction",
    "Sequential",
    "SequentialModule",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "SteerableAttention",
    "SteerableConv",
    "SteerableConvTransposed",
    "SteerableModule",
    "SteerableUpsampling",
    "Tanh",
    "UnreachableIrrepsWarning",
]
