"""The Fourier nonlinearity under the names that the field knows."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.field import FieldType
from steer.group import Group
from steer.nn._fourier import FourierPointwise


class FourierELU(FourierPointwise):
    """`FourierPointwise` with an exponential linear unit, which is smoother than ReLU and so folds less back.

    Law: as `FourierPointwise`. Exact for the elements that permute the samples (`exact_group`): all of a finite group; the
    turns by 1/`samples` for SO(2), with the reflections for O(2); the 24 rotations of the cube for SO(3), with the inversion
    for O(3). Approximate for all others; the table of `FourierPointwise` has the errors.

    Args:
        in_type, samples: as in `FourierPointwise`.
    Raises:
        ValueError: as `FourierPointwise`.
    Source: Cesa, Lang and Weiler 2022.

    >>> from steer import gspaces, nn
    >>> space = gspaces.rot2dOnR2(-1)
    >>> nn.FourierELU(space.type("8x0 + 8x1 + 8x2")).samples
    24
    """

    def __init__(self, in_type: FieldType, samples: int | None = None) -> None:
        super().__init__(in_type, "elu", samples)


class QuotientFourierPointwise(FourierPointwise):
    """A pointwise nonlinearity of functions on the cosets `g H` of a subgroup, given by their Fourier coefficients.

    Law: as `FourierPointwise`. Exact for the elements that permute the samples (`exact_group`): all of a finite group; the
    turns by 1/`samples` for SO(2), with the reflections for O(2); the 24 rotations of the cube for SO(3), with the inversion
    for O(3). Approximate for all others; the table of `FourierPointwise` has the errors.

    This is `FourierPointwise` with its argument `subgroup`. With turns about an axis, `group.so2(d=3)` in SO(3) or
    `group.conical()` in O(3), the cosets are the points of the sphere and `in_type` holds every degree once,
    `"8x0 + 8x1 + 8x2"` for eight functions; they are sampled at the points of Lebedev's quadrature rules.

    Args:
        in_type: fields that each hold whole functions on the cosets, or irreps, each as often per function as the subgroup
            has invariants in it (divided by `dim End`).
        subgroup: H, as in `Group.subgroup`: a group, generator matrices, or a number of turns.
        function, samples: as in `FourierPointwise`; on the sphere the number of points of a rule: 6, 14, 26, 38, 50, 86, ...
    Raises:
        ValueError: as `FourierPointwise`.
    Source: Cesa, Lang and Weiler 2022; Lebedev and Laikov 1999 (rules).

    >>> from steer import group, gspaces, nn
    >>> space = gspaces.rot3dOnR3()
    >>> act = nn.QuotientFourierPointwise(space.type("8x0 + 8x1 + 8x2"), group.so2(d=3), "relu")
    >>> act.samples, act.exact_group.order
    (50, 24)
    """

    def __init__(
        self,
        in_type: FieldType,
        subgroup: Group | int | Tensor,
        function: str | torch.nn.Module = "elu",
        samples: int | None = None,
    ) -> None:
        super().__init__(in_type, function, samples, subgroup)


class QuotientFourierELU(QuotientFourierPointwise):
    """`QuotientFourierPointwise` with an exponential linear unit.

    Law: as `FourierPointwise`. Exact for the elements that permute the samples (`exact_group`): all of a finite group; the
    turns by 1/`samples` for SO(2), with the reflections for O(2); the 24 rotations of the cube for SO(3), with the inversion
    for O(3). Approximate for all others; the table of `FourierPointwise` has the errors.

    Args:
        in_type, subgroup, samples: as in `QuotientFourierPointwise`.
    Raises:
        ValueError: as `FourierPointwise`.
    Source: Cesa, Lang and Weiler 2022.
    """

    def __init__(self, in_type: FieldType, subgroup: Group | int | Tensor, samples: int | None = None) -> None:
        super().__init__(in_type, subgroup, "elu", samples)
