"""Products of fields with themselves through Clebsch-Gordan coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import torch
from torch import Tensor

from steer.coupling import clebsch_gordan
from steer.field import FieldType
from steer.group import deterministic
from steer.nn._bases import Disentangle, Entangle, change_basis
from steer.nn._constants import Constants
from steer.nn._fields import FieldGroups
from steer.nn._fingerprint import Fingerprinted, fingerprint_of_products
from steer.nn._module import EquivariantModule
from steer.representation import canonical_basis
from steer.store import probe

_MODES = ("full", "elementwise")


class TensorProductNonLinearity(Fingerprinted, EquivariantModule):
    """All products of two irreps of the input that couple to an irrep of the output, mixed by learned weights.

    Law: with `c(g) C = C (a(g) x b(g))`, `C (f_a x f_b)` transforms as c. `out_c = sum over pairs and C of w C (f_i x f_j)`,
    every pair counted once. Exact for the whole group, on every field (taken apart into its irreps); approximate for none.
    It is a polynomial of degree two: frequencies couple without sampling. There is no linear term; add one with a
    convolution or `Linear` beside it.

    Args:
        in_type, out_type: any fields over one gspace, over any number of dimensions.
        mode: "full" multiplies every irrep with every other; "elementwise" the first copy of each kind with the first of
            every other, the second with the second, and so on, which is linear in the number of fields.
        device, dtype: of `weight`, all weights in one vector.
    Shapes: `[batch, in_type.size, *space] -> [batch, out_type.size, *space]`.
    Raises:
        ValueError: if the gspaces differ, no product reaches an irrep of the output, or the mode is unknown.
    Source: Kondor, Lin and Trivedi 2018; Thomas et al. 2018; docs/theory/layers.

    >>> from steer import gspaces, nn
    >>> space = gspaces.rot3dOnR3()
    >>> layer = nn.TensorProductNonLinearity(space.type("2x0 + 2x1"), space.type("0 + 1"))
    >>> layer.weight.shape  # 3 products of scalars, 3 of vectors; 4 of a scalar and a vector, 1 cross product
    torch.Size([11])
    """

    weight: torch.nn.Parameter

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        mode: str = "full",
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_type, out_type)
        if in_type.gspace != out_type.gspace:
            raise ValueError(
                "TensorProductNonLinearity: types over one gspace are required; received "
                f"{in_type.gspace} and {out_type.gspace}"
            )
        if not isinstance(mode, str) or mode not in _MODES:
            raise ValueError(f"TensorProductNonLinearity: mode, one of {', '.join(_MODES)}, is required; received {mode!r}")
        self.mode = mode
        apart, together = Disentangle(in_type), Entangle(out_type)
        self.apart, self.together = Basis(apart.groups, apart.matrices), Basis(together.groups, together.matrices)
        self.groups = FieldGroups(apart.out_type, lambda field: field)
        self.out_groups = FieldGroups(together.in_type, lambda field: field)
        found, constants = paths(self.groups, self.out_groups, mode == "elementwise")
        self.paths = found
        counts = [sum(path.count for path in found if path.c == c) for c in range(len(self.out_groups.kinds))]
        missing = [str(irrep) for irrep, count in zip(self.out_groups.kinds, counts, strict=True) if not count]
        if missing:
            raise ValueError(
                f"TensorProductNonLinearity: an out_type whose irreps occur in products of {in_type} is required; "
                f"{', '.join(missing)} of {out_type} {'does' if len(missing) == 1 else 'do'} not; "
                "leave out, or add fields to the input that couple to it"
            )
        self.shapes = [(m, count) for m, count in zip(self.out_groups.counts, counts, strict=True)]
        self.constants = Constants(**constants)
        self.weight = torch.nn.Parameter(torch.empty(sum(m * n for m, n in self.shapes), device=device, dtype=dtype))
        if device is not None:
            self.to(device)
        self.reset_parameters()

    def reset_parameters(self, gain: float = 1.0) -> None:
        """Draw the weights anew: independent normal, such that white input of variance one gives output of power `gain^2`.

        Closed form: each product is divided by its root mean square over normal input, known from its coefficients.
        """
        with torch.no_grad():
            if self.weight.device.type != "meta":
                pieces = self.weight.split([m * n for m, n in self.shapes])
                for piece, (_, count) in zip(pieces, self.shapes, strict=True):
                    piece.normal_(std=gain * count**-0.5)

    @property
    def fingerprint(self) -> str:
        """Digest of the products whose coefficients `weight` holds: gauge version, fields in order, group, mode."""
        return fingerprint_of_products(self.in_type.representations, self.out_type.representations, self.mode)

    @property
    def probe(self) -> list[float]:
        """Two numbers that follow from the couplings and changes of basis themselves."""
        constants = (self.constants, self.apart.matrices, self.together.matrices)
        return probe(*(source for held in constants for _, source in sorted(held.sources.items())))

    def compute(self, x: Tensor) -> Tensor:
        pieces = [piece.flatten(3) if x.ndim > 2 else piece.unsqueeze(3) for piece in self.groups.split(self.apart(x))]
        weights = self.weight.split([m * n for m, n in self.shapes])
        out = []
        for c, (shape, numbers) in enumerate(zip(self.shapes, weights, strict=True)):
            products = []
            for path in self.paths:
                if path.c == c:
                    coupling = self.constants.like(f"coupling_{path.name}", x)
                    left, right = pieces[path.a], pieces[path.b]
                    if path.selected:
                        left = left.index_select(1, self.constants[f"left_{path.name}"])
                        right = right.index_select(1, self.constants[f"right_{path.name}"])
                        product = torch.einsum("nzuv,bpus,bpvs->bpnzs", coupling, left, right)
                    else:
                        product = torch.einsum("nzuv,bpus,bqvs->bpqnzs", coupling, left, right).flatten(1, 2)
                    products.append(product.flatten(1, 2))
            stacked = torch.cat(products, 1) if len(products) > 1 else products[0]
            mixed = torch.einsum("mp,bpzs->bmzs", numbers.view(shape).to(x.dtype), stacked)
            out.append(mixed.reshape(*mixed.shape[:3], *x.shape[2:]))
        return self.together(self.out_groups.join(out))

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, mode={self.mode!r}"


class Basis(torch.nn.Module):
    """A change of basis as a part of a layer."""

    is_machinery = True

    def __init__(self, groups: FieldGroups, matrices: Constants) -> None:
        super().__init__()
        self.groups, self.matrices = groups, matrices

    def forward(self, x: Tensor) -> Tensor:
        return change_basis(x, self.groups, self.matrices) if self.matrices.sources else x


@dataclass(frozen=True)
class Path:
    """Products of the irreps of groups a and b that couple to group c.

    Attributes:
        name: of its constants: the coupling, and the positions of left and right factors (none: all with all).
        selected: whether the factors are pairs of a list.
        count: number of products.
    """

    a: int
    b: int
    c: int
    name: str
    selected: bool
    count: int


@deterministic
def paths(groups: FieldGroups, out: FieldGroups, elementwise: bool) -> tuple[list[Path], dict[str, Any]]:
    """All paths, those of one output together, and their constants."""
    found: list[Path] = []
    constants: dict[str, Any] = {}
    for c, target in enumerate(out.kinds):
        for a, b in combinations_with_replacement(range(len(groups.kinds)), 2):
            coupling = clebsch_gordan(groups.kinds[a], groups.kinds[b], target)
            m, n = groups.counts[a], groups.counts[b]
            if a != b:
                pairs = [(i, i) for i in range(min(m, n))] if elementwise else None
                choices = [(coupling, pairs, False)]
            else:
                off = [(i, j) for i in range(m) for j in range(i + 1, m)]
                choices = [(symmetric_part(coupling), [(i, i) for i in range(m)], True)]
                choices += [(coupling, off, False)] if off and not elementwise else []
            for part, pairs, same in choices:
                if not len(part):
                    continue
                name = f"{c}_{a}_{b}_{'same' if same else 'pair'}"
                constants[f"coupling_{name}"] = part / root_mean_squares(part, same)[:, None, None, None]
                if pairs is not None:
                    constants[f"left_{name}"], constants[f"right_{name}"] = ([pair[k] for pair in pairs] for k in (0, 1))
                count = len(part) * (m * n if pairs is None else len(pairs))
                found.append(Path(a, b, c, name, pairs is not None, count))
    return found, constants


def symmetric_part(coupling: Tensor) -> Tensor:
    """A basis of the symmetric couplings of an irrep with itself: what remains of `f x f`."""
    if not len(coupling):
        return coupling
    rows = ((coupling + coupling.mT) / 2).flatten(1)
    values, vectors = torch.linalg.eigh(rows @ rows.mT)
    kept = (vectors[:, values > 1e-9] / values[values > 1e-9].sqrt()).mT @ rows
    return canonical_basis(kept.mT @ kept).reshape(-1, *coupling.shape[1:]) if len(kept) else coupling[:0]


def root_mean_squares(coupling: Tensor, same: bool) -> Tensor:
    """That of a component of every product over independent normal factors, or a factor with itself, `[n]`."""
    power = coupling.square().sum((1, 2, 3))
    if same:  # E[f_x f_y f_u f_v] has three pairings
        power = 2 * power + coupling.diagonal(dim1=2, dim2=3).sum(2).square().sum(1)
    return (power / coupling.shape[1]).sqrt()
