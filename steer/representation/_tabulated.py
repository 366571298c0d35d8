"""Representations of finite groups given by matrices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from steer.group import SAME, FiniteGroup, deterministic, numbers, require
from steer.representation._polished import polished
from steer.representation._representation import Representation, looked_up


class Tabulated(Representation):
    """A representation of a finite group given by its values on all elements; build it with `from_generator_images`."""

    def __init__(self, group: FiniteGroup, values: Tensor, name: str) -> None:
        self.group = group
        self._values = values.clone()
        self.name = name

    @property
    def values(self) -> Tensor:
        """Values on all elements, `[order, dim, dim]`."""
        return self._values.clone()

    @property
    def dim(self) -> int:
        return self._values.shape[-1]

    @property
    def degree(self) -> int:
        return 1

    def matrices(self, g: Tensor) -> Tensor:
        group = self.group
        assert isinstance(group, FiniteGroup)
        return looked_up(group, self._values, g)

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tabulated) or self.group != other.group or self._values.shape != other._values.shape:
            return False
        return float((self._values - other._values).abs().max()) < SAME

    def __hash__(self) -> int:
        return hash((self.group, self.dim, "tabulated"))

    def __reduce__(self) -> tuple[Any, ...]:
        return Tabulated, (self.group, self._values, self.name)


@deterministic
def from_generator_images(group: FiniteGroup, images: Sequence[Any], name: str = "custom") -> Tabulated:
    """The representation that sends `group.generators[i]` to `images[i]`.

    Images may be rounded: the values are those of the representation nearest to them, whose law holds to the last places.

    Args:
        group: a finite group.
        images: one orthogonal matrix `[dim, dim]` per generator, to 1e-9.
        name: how it prints.
    Raises:
        ValueError: if the number or sizes are wrong, an image is not orthogonal, or no homomorphism has these images.

    >>> import steer
    >>> g = steer.group.cyclic(4)
    >>> steer.representation.from_generator_images(g, [[[-1.0]]]).irreps
    (<2 of cyclic(4), dim 1>,)
    """
    where, needed = "from_generator_images", "orthogonal matrices, one per generator, are"
    require(group, FiniteGroup, where, "a finite group")
    given = [numbers(image, where, needed) for image in require(images, Iterable, where, "a list of matrices")]
    values = [image.detach().to("cpu", torch.float64) for image in given]
    generators, table = group.index(group.generators).tolist(), group.table
    if len(values) != len(generators) or any(v.ndim != 2 or v.shape != (len(values[0]),) * 2 for v in values):
        raise ValueError(
            f"from_generator_images: {len(generators)} square matrices of one size are required (one per generator of "
            f"{group}); received shapes {[tuple(v.shape) for v in values]}"
        )
    unit = torch.eye(len(values[0]), dtype=torch.float64)
    if any(float((v @ v.mT - unit).abs().max()) > 1e-9 for v in values):
        raise ValueError("from_generator_images: orthogonal matrices are required; one of the images is not orthogonal")
    out = torch.zeros(group.order, *unit.shape, dtype=torch.float64)
    out[0] = unit
    known, frontier = {0}, [0]
    while frontier:
        element = frontier.pop()
        for s, value in zip(generators, values, strict=True):
            image = int(table[s, element])
            if image not in known:
                known.add(image)
                frontier.append(image)
                out[image] = value @ out[element]
    for s, value in zip(generators, values, strict=True):
        error = float((out[table[s]] - value @ out).abs().max())
        if error > 1e-9:
            raise ValueError(
                f"from_generator_images: the images must satisfy the relations of {group}; they violate one by {error:.2g}"
            )
    return Tabulated(group, polished(group, out), name)
