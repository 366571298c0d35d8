"""Norm nonlinearities of several fields at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from steer.field import FieldType
from steer.nn._fields import FieldGroups
from steer.nn._module import require_fields
from steer.nn._norm import NormNonLinearity


class SharedNormNonLinearity(NormNonLinearity):
    """Changes the joint length of several fields and keeps their direction, `f_i -> eta(n) f_i / n`, `n^2 = sum |f_i|^2`.

    Law: the joint norm is invariant under the direct sum of the representations. Exact for the whole group, on every field;
    approximate for none. Fields that describe one thing, such as the frequencies of one function, pass or vanish together,
    with their proportions kept.

    Args:
        in_type: any fields, over any number of dimensions: `[batch, channel, *space]`.
        sharing: which fields share a norm: a list of lists of their positions in `in_type`, every field in one of them.
        function, bias, device, dtype: as in `NormNonLinearity`; the bias holds one number per list.
    Raises:
        ValueError: if the lists do not hold every field once, or the function is unknown.
    Source: Weiler and Cesa 2019, section 2.6, on sums of fields.

    >>> from steer import gspaces, nn
    >>> layer = nn.SharedNormNonLinearity(gspaces.rot2dOnR2(-1).type("2x0 + 2x1"), [[0, 2], [1, 3]])
    >>> layer.bias.shape
    torch.Size([2])
    """

    def __init__(
        self,
        in_type: FieldType,
        sharing: Sequence[Sequence[int]],
        function: str = "relu",
        bias: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        count = len(require_fields(in_type, "SharedNormNonLinearity"))
        lists = isinstance(sharing, Sequence) and all(isinstance(fields, (list, tuple)) for fields in sharing)
        if not lists or not all(isinstance(i, int) for fields in sharing for i in fields):
            raise ValueError(
                f"SharedNormNonLinearity: sharing, lists of positions of fields, is required; received {sharing!r}"
            )
        self.sharing = [list(fields) for fields in sharing]
        if sorted(i for fields in self.sharing for i in fields) != list(range(count)) or not all(self.sharing):
            raise ValueError(
                f"SharedNormNonLinearity: sharing, lists that hold every position from 0 to {count - 1} once, is required; "
                f"received {self.sharing}; a list of one field gives it a norm of its own"
            )
        super().__init__(in_type, function, bias, device=device, dtype=dtype)

    def _groups(self) -> tuple[FieldGroups, int]:
        blocks = [self.in_type.channels_of(fields) for fields in self.sharing]
        return FieldGroups.of_blocks(blocks), len(blocks)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, sharing={self.sharing}"
