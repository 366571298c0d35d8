"""Typed fields: gspaces, field types, geometric tensors.

Imports the rooms up to `steer.expansion`. Law of the room: `[g f](x) = rho(g) f(g^-1 x)`.
"""

from steer.field._field_type import FieldType
from steer.field._geometric_tensor import GeometricTensor
from steer.field._gspace import GSpace

__all__ = ["FieldType", "GSpace", "GeometricTensor"]
