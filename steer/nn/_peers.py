"""Names of escnn and e2cnn for layers that have another one here: the same arguments in the same order, the same map.

Layers whose arguments mean something else are not among them, as code that runs would compute something else (`MaskModule`).
docs/migration.md has the whole list.
"""

from steer.nn._antialiased import PointwiseAvgPoolAntialiased, PointwiseMaxPoolAntialiased
from steer.nn._bases import Disentangle
from steer.nn._batch_norm import NormBatchNorm
from steer.nn._identity import Identity, Restriction
from steer.nn._pooling import (
    PointwiseAdaptiveAvgPool,
    PointwiseAdaptiveMaxPool,
    PointwiseAvgPool,
    PointwiseMaxPool,
)

IdentityModule = Identity
DisentangleModule = Disentangle
RestrictionModule = Restriction  # its second argument is the subgroup itself; an id of escnn is refused
IIDBatchNorm1d = IIDBatchNorm2d = IIDBatchNorm3d = NormBatchNorm
PointwiseMaxPool2D = PointwiseMaxPool3D = PointwiseMaxPool
PointwiseAvgPool2D = PointwiseAvgPool3D = PointwiseAvgPool
PointwiseMaxPoolAntialiased2D = PointwiseMaxPoolAntialiased3D = PointwiseMaxPoolAntialiased
PointwiseAvgPoolAntialiased2D = PointwiseAvgPoolAntialiased3D = PointwiseAvgPoolAntialiased
PointwiseAdaptiveMaxPool2D = PointwiseAdaptiveMaxPool3D = PointwiseAdaptiveMaxPool
PointwiseAdaptiveAvgPool2D = PointwiseAdaptiveAvgPool3D = PointwiseAdaptiveAvgPool
