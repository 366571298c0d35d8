"""Equivariant layers: tensor in, tensor out, typed by their fields."""

from steer.field import FieldType, GeometricTensor
from steer.nn._conv import R1Conv, R2Conv, R3Conv, SteerableConv
from steer.nn._linear import Linear
from steer.nn._module import EquivariantModule
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
from steer.nn._steerable import SteerableModule, UnreachableIrrepsWarning
