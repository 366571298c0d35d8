"""Moved outputs and their distance."""

from __future__ import annotations

from torch import Tensor

from steer.expansion import transform
from steer.field import FieldType, GSpace
from steer.testing._noise import distance_from_centre


def transformed(y: Tensor, kind: FieldType | None, space: GSpace, g: Tensor) -> Tensor:
    """`g y`; without a type, invariant channels."""
    if kind is None:
        return transform(y, space.lattice, g) if space.lattice is not None and y.ndim == 2 + space.dimensionality else y
    if y.ndim == 2:
        return kind.transform_fibers(y, g)
    return kind.transform(y, g)


def inner(space: GSpace, reference: Tensor) -> Tensor | None:
    """Where moved and original samples are compared if the array itself is not symmetric: away from its border."""
    if space.lattice is None or reference.ndim != 2 + space.dimensionality:
        return None
    return distance_from_centre(space, tuple(reference.shape[2:])) <= 0.5


def relative(moved: Tensor, expected: Tensor, reference: Tensor, where: Tensor | None = None) -> float:
    """Largest difference, relative to the largest value of the reference; infinite for unequal shapes."""
    if moved.shape != expected.shape:
        return float("inf")
    difference = (moved - expected).abs()
    if where is not None:
        difference = difference * where
    return float(difference.max()) / max(float(reference.abs().max()), 1e-300)
