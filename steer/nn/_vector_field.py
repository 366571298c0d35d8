"""Regular fields to vectors: how strong the strongest orientation is, and where it points."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from steer.field import FieldType
from steer.group import FiniteGroup, deterministic
from steer.nn._constants import Constants
from steer.nn._fields import FieldGroups
from steer.nn._module import EquivariantModule, require_fields
from steer.nn._numbers import positive
from steer.representation import Quotient


class VectorFieldNonLinearity(EquivariantModule):
    """The largest channel of every regular field as a vector: `relu(max f) u`, with u the direction of its element.

    Law: element h moves channel g to h g, and the direction `u_g = g e` of that channel to `h u_g`. Exact for the whole
    group (where no two channels tie), on regular and quotient fields of a finite group; approximate for none. A network for
    `rot2dOnR2(N)` then holds d channels per field in place of N. The gradient reaches the largest channel only; with
    `temperature` the vector is a mean over all, smooth, and without ties.

    Args:
        in_type: regular fields, and quotient fields whose subgroup leaves a direction alone.
        temperature: None for the largest channel; a positive number t for `sum softmax(f / t)_g relu(f_g) u_g`, which tends
            to it for small t.
    Attributes:
        out_type: one standard field, a vector, per field.
    Raises:
        ValueError: if a field is of another kind, the group is not finite, or the temperature is not positive.
    Source: Marcos, Volpi, Komodakis and Tuia 2017, Rotation equivariant vector field networks.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> layer = nn.VectorFieldNonLinearity(gspaces.rot2dOnR2(4).type("regular"))
    >>> layer(torch.tensor([[0.0, 3.0, 1.0, -5.0]])[..., None, None]).flatten().tolist()
    [0.0, 3.0]
    """

    def __init__(self, in_type: FieldType, temperature: float | None = None) -> None:
        space = require_fields(in_type, "VectorFieldNonLinearity").gspace
        self.temperature = None if temperature is None else positive(temperature, "temperature", "VectorFieldNonLinearity")
        super().__init__(in_type, FieldType(space, [space.standard_repr] * len(in_type)))
        self.groups = FieldGroups(in_type, lambda field: field)
        self.directions = Constants(**{f"of_{i}": directions(field) for i, field in enumerate(self.groups.kinds)})
        self.out_groups = FieldGroups.of_blocks(
            [list(range(p * space.fibergroup.d, (p + 1) * space.fibergroup.d)) for p in range(len(in_type))],
            [in_type.representations[p] for p in range(len(in_type))],
        )

    def compute(self, x: Tensor) -> Tensor:
        return strongest(x, self.groups, self.out_groups, self.directions, self.temperature)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}" + (f", temperature={self.temperature}" if self.temperature else "")


@deterministic
def directions(field: Any) -> Tensor:
    """The unit vector of every channel, `[dim, d]`: the coset `g H` stands for `g e`, with e kept by H.

    Raises:
        ValueError: if there is no such e, or the field has no cosets.
    """
    if isinstance(field, Quotient) and isinstance(field.subgroup, FiniteGroup):
        # The axis of the group that H keeps best, projected on what it keeps.
        kept = field.subgroup.elements.mean(0)
        lengths = kept.norm(dim=0)
        if float(lengths.max()) > 1e-6:
            axis = kept[:, int((lengths > lengths.max() - 1e-6).nonzero()[0])]
            return field.representatives @ (axis / axis.norm())
    raise ValueError(
        "VectorFieldNonLinearity: regular fields of a finite group, or quotient fields whose subgroup keeps a direction, "
        f"are required; received {field} of {field.group}"
    )


def strongest(
    x: Tensor, groups: FieldGroups, out_groups: FieldGroups, directions: Constants, temperature: float | None
) -> Tensor:
    """The strength and direction of every field, as a vector."""
    out = []
    for i, f in enumerate(groups.split(x)):
        vectors = directions.like(f"of_{i}", f)
        if temperature is None:
            strength, index = f.max(2)
            chosen = vectors[index]  # [batch, field, *space, d]
            out.append((chosen * strength.relu().unsqueeze(-1)).movedim(-1, 2))
        else:
            weighted = (f / temperature).softmax(2) * f.relu()
            # A plain product: graphs of einsum cannot be read from a file, since they reshape constants to sizes of x.
            summed = vectors.mT @ (weighted.flatten(3) if f.ndim > 3 else weighted.unsqueeze(3))
            out.append(summed.reshape(*f.shape[:2], vectors.shape[1], *f.shape[3:]))
    return out_groups.join(out)
