"""Multi-head attention among the positions of a grid, with invariant weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.field import FieldType
from steer.kernel import GaussianRings
from steer.nn._constants import Constants
from steer.nn._fingerprint import Fingerprinted, fingerprint_of_rings
from steer.nn._linear import Linear
from steer.nn._module import EquivariantModule, require_fields
from steer.nn._numbers import positive
from steer.nn._plain import Plain
from steer.representation import Representation


class SteerableAttention(EquivariantModule):
    """Every position takes a mean of the values of all positions, weighted by how well its query agrees with their keys.

    `out(x) = W_o sum_y softmax_y(<q(x), k(y)> / sqrt(c) + b(|x - y|)) v(y)` for each head; queries, keys and values are
    equivariant linear maps of the fields to copies of one type of c channels.

    Law: `attend(g f) = g attend(f)`, since fields transform orthogonally and the grid's symmetries keep distances, so the
    weights are invariant. Exact for the symmetries of the grid at every size, and, without base space, for the whole group
    and every order of the positions; approximate, up to sampling, for all others. Time and, with `window` or `rings`, memory
    grow with the square of the number of positions.

    Args:
        in_type, out_type: any fields over one gspace. Without base space the input is a set `[batch, channel, position]`,
            which all other layers take as well.
        heads: number of independent heads.
        head_type: the fields of the query, key and value of one head; by default those of the input shared out among the
            heads, of each kind at least one.
        window: positions further apart than this, in physical units, do not see one another; None for no limit.
        rings: radii of Gaussian rings, in physical units; each head learns a number for every ring, and these add
            `b(|x - y|)` to the logits. They begin at zero. None for weights that depend on the fields alone.
        bias: whether the four linear maps add a bias on invariants.
        device, dtype: as in `torch.nn.Linear`.
    Raises:
        ValueError: if the types belong to different gspaces, a number is out of range, or there is no space to measure.
    Source: Vaswani et al. 2017; Fuchs et al. 2020, SE(3)-Transformers (invariant weights); docs/theory/layers.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> kind = gspaces.rot2dOnR2(8).type("4xregular")
    >>> attend = nn.SteerableAttention(kind, kind, heads=2, rings=[0, 1, 2, 4])
    >>> attend(torch.zeros(1, 32, 9, 12)).shape
    torch.Size([1, 32, 9, 12])
    """

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        heads: int = 1,
        *,
        head_type: FieldType | None = None,
        window: float | None = None,
        rings: Sequence[float] | None = None,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_type, out_type)
        name = type(self).__name__
        if not isinstance(heads, int) or isinstance(heads, bool) or heads < 1:
            raise ValueError(f"{name}: heads, a whole number >= 1, is required; received {heads!r}")
        if window is not None:
            positive(window, "window", name)
        rings = None if rings is None else _radii(rings, name)
        if in_type.gspace.lattice is None and (window is not None or rings is not None):
            raise ValueError(f"{name}: fields over a grid are required for window and rings; {in_type} live on a point")
        self.heads = heads
        self.head_type = _share(in_type, heads) if head_type is None else require_fields(head_type, name, "head_type")
        inner = self.head_type.representations * heads
        kind = FieldType(self.head_type.gspace, inner)
        self.into = Linear(in_type, FieldType(kind.gspace, inner * 3), bias, device=device, dtype=dtype)
        self.out = Linear(kind, out_type, bias, device=device, dtype=dtype)
        far = window is not None or rings is not None
        self.distance = DistanceBias(in_type, heads, window, rings, device, dtype) if far else None

    def _check(self, x: Tensor) -> None:
        if self.in_type.gspace.lattice is None and (x.ndim < 3 or x.shape[1] != self.in_type.size):
            raise ValueError(
                f"SteerableAttention: a set [batch, {self.in_type.size}, position] is required for {self.in_type}; received "
                f"shape {tuple(x.shape)}"
            )
        super()._check(x)

    def compute(self, x: Tensor) -> Tensor:
        return attend(x, *self.into.shared_dense(), *self.out.shared_dense(), self.heads, self.distance)

    def export(self) -> torch.nn.Module:
        given: dict[str, torch.nn.Parameter | None] = {}
        for end, layer in (("in", self.into), ("out", self.out)):
            parameters = layer.weight, layer.bias
            for name, value, source in zip(("kernel", "bias"), layer.shared_dense(), parameters, strict=True):
                learns = source is not None and source.requires_grad
                given[f"{name}_{end}"] = None if value is None else torch.nn.Parameter(value.detach(), learns)
        return Plain(attend, **given, heads=self.heads, distance=self.distance).train(self.training)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, heads={self.heads}, head_type={self.head_type}"


def _radii(rings: Sequence[float], name: str) -> list[float]:
    """Radii as numbers.

    Raises:
        ValueError: if they are none.
    """
    try:
        radii = [float(r) for r in rings if not isinstance(r, bool)]
    except (TypeError, ValueError):
        radii = []
    if not radii or not all(0 <= r < float("inf") for r in radii):
        raise ValueError(f"{name}: rings, a list of radii >= 0 such as [0, 1, 2, 4], is required; received {rings!r}")
    return radii


def _share(kind: FieldType, heads: int) -> FieldType:
    """The fields of a type divided by the number of heads, of each kind at least one."""
    counts: dict[Representation, int] = {}
    for field in kind.representations:
        counts[field] = counts.get(field, 0) + 1
    return FieldType(kind.gspace, [field for field, n in counts.items() for _ in range(max(n // heads, 1))])


def attend(
    x: Tensor,
    kernel_in: Tensor,
    bias_in: Tensor | None,
    kernel_out: Tensor,
    bias_out: Tensor | None,
    heads: int,
    distance: torch.nn.Module | None,
) -> Tensor:
    """Attention of `[batch, channel, *space]` with dense maps `[out, in, 1]` to queries, keys, values and from values."""
    space = x.shape[2:]
    mapped = F.conv1d(x.flatten(2), kernel_in[:, :, None], bias_in)
    query, key, value = mapped.unflatten(1, (3, heads, -1)).transpose(-1, -2).unbind(1)  # [batch, head, position, channel]
    mask = None if distance is None else distance(x).to(query.dtype)
    mixed = F.scaled_dot_product_attention(query, key, value, mask)
    return F.conv1d(mixed.transpose(-1, -2).flatten(1, 2), kernel_out[:, :, None], bias_out).unflatten(2, space)


class DistanceBias(Fingerprinted):
    """What is added to the logits of every head for the distance of two positions, `[1, head, position, position]`.

    Args:
        kind: fields over a grid.
        heads, window, rings: as in `SteerableAttention`.
    """

    def __init__(
        self,
        kind: FieldType,
        heads: int,
        window: float | None,
        rings: Sequence[float] | None,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        grid = kind.gspace.lattice
        assert grid is not None
        self.window = window
        self.steps = Constants(matrix=grid.matrix)
        if rings is None:
            self.profile = None
            self.register_parameter("weight", None)
            return
        radii = tuple(float(r) for r in rings)
        unit = min(grid.spacing)
        gaps = [b - a for a, b in pairwise(radii)]
        self.profile = GaussianRings(radii, tuple(0.6 * max(gap, unit) for gap in [*gaps, *gaps[-1:]] or [unit]))
        self.weight = torch.nn.Parameter(torch.empty(heads, len(radii), device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The initial value of the weights: zero, as if there were no rings."""
        if self.weight is not None:
            torch.nn.init.zeros_(self.weight)

    @property
    def fingerprint(self) -> str | None:
        """Digest of the rings whose coefficients `weight` holds."""
        return None if self.profile is None else fingerprint_of_rings(self.profile.radii, self.profile.widths)

    def basis_text(self) -> str:
        return f"{self.profile}"

    def forward(self, x: Tensor) -> Tensor:
        """The bias for the space of `x`, `[batch, channel, *space]`."""
        space = x.shape[2:]
        # Two positions differ by one of (2 H - 1)(2 W - 1) offsets, far fewer than there are pairs.
        axes = [torch.arange(1 - n, n, device=x.device, dtype=torch.float64) for n in space]
        offset = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
        distance = (offset @ self.steps.like("matrix", offset).mT).square().sum(-1).sqrt()
        table = distance.new_zeros(1, *distance.shape)
        if self.profile is not None:
            values = self.profile(distance.flatten()).to(self.weight)  # [ring, offset]
            table = (self.weight @ values).unflatten(1, distance.shape)
        if self.window is not None:
            table = table.masked_fill(distance > self.window + 1e-6, float("-inf"))
        return _of_pairs(table.to(x.dtype), len(space))

    def extra_repr(self) -> str:
        return f"window={self.window}, profile={self.profile}"


def _of_pairs(table: Tensor, d: int) -> Tensor:
    """An even function of the offset, `[head, *offset]`, for all pairs of positions, `[1, head, position, position]`.

    Windows of the table instead of indices for every pair: one copy, and no scattered sum in the gradient.
    """
    for axis in range(1, d + 1):
        table = table.unfold(axis, (table.shape[axis] + 1) // 2, 1)  # element [i, j] is that of the offset i + j - (n - 1)
    return table.flip(list(range(1, d + 1))).flatten(d + 1).flatten(1, d)[None]
