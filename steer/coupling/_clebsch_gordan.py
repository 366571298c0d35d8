"""Clebsch-Gordan coefficients of every group, with closed forms for SO(2), O(2), SO(3) and O(3)."""

from collections.abc import Sequence
from functools import partial
from itertools import product
from math import prod, sqrt

import torch
from torch import Tensor

from steer.coupling._intertwiners import intertwiners
from steer.coupling._stored import stored_irreps
from steer.group import ContinuousGroup, Group, deterministic, o2, require, so2, so3
from steer.representation import Irrep, Representation, canonicalise, real_harmonics_from_complex
from steer.store import Entry, EntryError, Form, cached, find, tensors


def clebsch_gordan(a: Irrep, b: Irrep, c: Irrep) -> Tensor:
    """Orthonormal basis of Hom_G(a x b, c): how two irreps multiply into a third.

    Law: `c(g) C = C (a(g) x b(g))` for each `C = out[k]` seen as a `dim_c x (dim_a dim_b)` matrix.

    Args:
        a, b, c: irreps of one group.
    Returns:
        `[n, dim_c, dim_a, dim_b]`, float64, Frobenius-orthonormal, canonical gauge. `n` is the multiplicity of `c` in
        `a x b` times the dimension of the endomorphisms of `c`.
    Raises:
        TypeError: if one is no irrep.
        ValueError: if the irreps belong to different groups.
    Source: Cesa, Lang and Weiler 2022; docs/theory/couplings. Closed forms for SO(2) and O(2) (products of
        complex numbers), SO(3) and O(3) (highest weights and ladders).
    """
    _require_irreps("clebsch_gordan", a, b, c)
    return _clebsch_gordan(a, b, c).clone()


def _require_irreps(where: str, *given: Irrep) -> None:
    for one in given:
        if isinstance(one, Representation) and not isinstance(one, Irrep):
            raise TypeError(
                f"{where}: irreps are required; received {one} of {one.group}; decompose(...) gives the irreps of a "
                "representation and its change of basis, intertwiners(a @ b, c) couples any representations"
            )
        require(one, Irrep, where, "an irrep, such as group.irrep(1),")


@cached(8192)
@deterministic
def _clebsch_gordan(a: Irrep, b: Irrep, c: Irrep) -> Tensor:
    if not (a.group == b.group == c.group):
        raise ValueError(f"clebsch_gordan: irreps of one group are required; received {a.group}, {b.group}, {c.group}")
    group = a.group
    if group in (so2(), o2()):
        return planar_clebsch_gordan(a, b, c)
    if isinstance(group, ContinuousGroup) and group.blocks == ((0, 3),) and group.d == 3:
        signs = [irrep.label[-1] == "o" for irrep in (a, b, c)]
        allowed = abs(a.degree - b.degree) <= c.degree <= a.degree + b.degree and sum(signs) % 2 == 0
        if not allowed:
            return torch.zeros(0, c.dim, a.dim, b.dim, dtype=torch.float64)
        return _so3_clebsch_gordan(a.degree, b.degree, c.degree)[None]
    known = _table(group)
    if known and all(irrep.label in known.labels for irrep in (a, b, c)):
        return known.get(a, b, c)
    return intertwiners(a @ b, c).reshape(-1, c.dim, a.dim, b.dim)


class Table:
    """The Clebsch-Gordan coefficients among some irreps of a group, as packs hold them.

    Its entry has `triples`, `[k, 4]`: positions of a, b and c among the labels, and the number n of solutions, where it is
    not zero; and `values`, `[n, dim_c, dim_a, dim_b]` of all triples in this order, flat.

    Args:
        group: of the irreps.
        entry: that a pack holds for it.
    Raises:
        EntryError: if it is no such table of the group, or if couplings of a pair of irreps are too many, or for finite
            groups too few, to fill their product.
    """

    def __init__(self, group: Group, entry: Entry) -> None:
        irreps = stored_irreps(entry, "labels", group)
        given = tensors(entry, {"triples": Form(("triples", 4), torch.int64), "values": Form(("entries",))})
        self.labels = {irrep.label: i for i, irrep in enumerate(irreps)}
        self._values = given["values"]
        self._starts: dict[tuple[int, int, int], tuple[int, int]] = {}
        left = {(a, b): irreps[a].dim * irreps[b].dim for a in range(len(irreps)) for b in range(len(irreps))}
        start = 0
        for a, b, c, n in given["triples"].tolist():
            if not all(0 <= i < len(irreps) for i in (a, b, c)) or n < 1 or (a, b, c) in self._starts:
                raise EntryError(f"triples: each of {len(irreps)} irreps once is required; received {[a, b, c, n]}")
            self._starts[a, b, c] = (start, n)
            start += n * irreps[c].dim * irreps[a].dim * irreps[b].dim
            left[a, b] -= n * irreps[c].dim // irreps[c].endomorphisms
        if len(self.labels) != len(irreps) or start != len(self._values):
            raise EntryError(f"values: {start} of them, of different irreps, are required; received {len(self._values)}")
        if any(rest < 0 or (rest and group.is_finite) for rest in left.values()):
            raise EntryError("triples: couplings that fill the products of the irreps are required; received others")

    def get(self, a: Irrep, b: Irrep, c: Irrep) -> Tensor:
        """`[n, dim_c, dim_a, dim_b]`."""
        key = (self.labels[a.label], self.labels[b.label], self.labels[c.label])
        start, n = self._starts.get(key, (0, 0))
        shape = (n, c.dim, a.dim, b.dim)
        return self._values[start : start + prod(shape)].reshape(shape)


@cached(64)
def _table(group: Group) -> Table | None:
    return find("clebsch_gordan", partial(Table, group), group)


@deterministic
def clebsch_gordan_entry(irreps: Sequence[Irrep]) -> Entry:
    """All couplings among some irreps of one group, as packs hold them."""
    numbered = list(enumerate(irreps))
    triples, values = [], []
    for (i, a), (j, b), (k, c) in product(numbered, repeat=3):
        found = _clebsch_gordan(a, b, c)
        if len(found):
            triples.append([i, j, k, len(found)])
            values.append(found.flatten())
    return Entry({"triples": torch.tensor(triples), "values": torch.cat(values)}, {"labels": [i.label for i in irreps]})


@deterministic
def planar_clebsch_gordan(a: Irrep, b: Irrep, c: Irrep) -> Tensor:
    """The coefficient tensors of SO(2) or O(2), `[n, dim_c, dim_a, dim_b]`, float64, orthonormal, canonical gauge.

    Law: that of `clebsch_gordan`, of which this is the closed form.

    Irreps are real subspaces of the complex numbers on which a turn multiplies by `exp(i k t)` and a reflection conjugates
    first: frequency 0 is the real line ("0", "0e") or the imaginary one ("0o"). Equivariant products are `z w`, `z w*`,
    `z* w` of matching frequency, for SO(2) also times i, projected onto the subspace of `c`.

    Args:
        a, b, c: irreps of one group, `so2()` or `o2()`.
    Raises:
        ValueError: if they belong to another group, or to several.
    """
    _require_irreps("planar_clebsch_gordan", a, b, c)
    if not (a.group == b.group == c.group and a.group in (so2(), o2())):
        raise ValueError(
            f"planar_clebsch_gordan: irreps of so2(), or of o2(), are required; received those of {a.group}, {b.group}, "
            f"{c.group}; clebsch_gordan knows every group"
        )
    bases = [_complex_basis(irrep) for irrep in (a, b, c)]
    candidates = []
    for sign_a, sign_b in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        if sign_a * a.degree + sign_b * b.degree != c.degree:
            continue
        left, right = (base if sign > 0 else base.conj() for base, sign in zip(bases, (sign_a, sign_b), strict=False))
        product = torch.outer(left, right)
        for unit in (1.0, 1.0j) if a.group == so2() else (1.0,):
            candidates.append(torch.stack([(e.conj() * unit * product).real for e in bases[2]]))
    shape = (c.dim, a.dim, b.dim)
    rows = torch.stack(candidates).flatten(1) if candidates else torch.zeros(0, c.dim * a.dim * b.dim, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(rows.mT @ rows)
    return canonicalise(vectors[:, values > 1e-9].mT.contiguous()).reshape(-1, *shape)


def _complex_basis(irrep: Irrep) -> Tensor:
    if irrep.degree:
        return torch.tensor([1.0, 1.0j], dtype=torch.complex128)
    return torch.tensor([1.0j if irrep.label == "0o" else 1.0], dtype=torch.complex128)


def so3_clebsch_gordan(l1: int, l2: int, l3: int) -> Tensor:
    """The coefficient tensor of SO(3) in the real basis, `[2 l3 + 1, 2 l1 + 1, 2 l2 + 1]`, norm 1, canonical sign.

    The state of highest weight M = l3 is fixed by `J+ psi = 0`, a two-term recursion; `J-` lowers it to M = 0, and
    `C(-m1, -m2 | -M) = (-1)^(l1 + l2 - l3) C(m1, m2 | M)` gives the rest, so that no error is amplified.

    Args:
        l1, l2, l3: degrees with `|l1 - l2| <= l3 <= l1 + l2`, at least 0.
    Raises:
        ValueError: if they are no whole numbers >= 0, or violate these inequalities.
    """
    whole = all(isinstance(l, int) and not isinstance(l, bool) and l >= 0 for l in (l1, l2, l3))
    if not whole or not abs(l1 - l2) <= l3 <= l1 + l2:
        raise ValueError(
            "so3_clebsch_gordan: degrees l1, l2, l3 >= 0 with |l1 - l2| <= l3 <= l1 + l2 are required, others have no "
            f"coupling; received {l1!r}, {l2!r}, {l3!r}"
        )
    return _so3_clebsch_gordan(l1, l2, l3).clone()


@cached(4096)
@deterministic
def _so3_clebsch_gordan(l1: int, l2: int, l3: int) -> Tensor:
    known = _table(so3())
    labels = (str(l1), str(l2), str(l3))
    if known and all(label in known.labels for label in labels):
        found = known.get(*(so3().irrep(label) for label in labels))
        if len(found) == 1:  # as it is in every table that is right
            return found[0]
    complex_form = torch.zeros(2 * l3 + 1, 2 * l1 + 1, 2 * l2 + 1, dtype=torch.float64)
    low, high = max(-l1, l3 - l2), min(l1, l3 + l2)
    value = 1.0
    for m in range(low, high + 1):
        complex_form[2 * l3, m + l1, l3 - m + l2] = value
        if m < high:
            value *= -sqrt(l1 * (l1 + 1) - m * (m + 1)) / sqrt(l2 * (l2 + 1) - (l3 - m - 1) * (l3 - m))
    complex_form[2 * l3] /= complex_form[2 * l3].norm()
    lower1, lower2 = _lowering(l1), _lowering(l2)
    for m in range(l3, 0, -1):
        state = complex_form[m + l3]
        complex_form[m - 1 + l3] = (lower1 @ state + state @ lower2.mT) / sqrt(l3 * (l3 + 1) - m * (m - 1))
    sign = (-1) ** (l1 + l2 - l3)
    complex_form[:l3] = sign * complex_form[l3 + 1 :].flip(0, 1, 2)
    u1, u2, u3 = (real_harmonics_from_complex(degree) for degree in (l1, l2, l3))
    real_form = torch.einsum("cM,Mab,xa,yb->cxy", u3, complex_form.to(u3), u1.conj(), u2.conj())
    both = real_form.real if real_form.real.norm() > real_form.imag.norm() else real_form.imag
    return canonicalise((both / both.norm()).reshape(1, -1)).reshape(both.shape)


def _lowering(degree: int) -> Tensor:
    """Matrix of `J-` on states m = -l .. l."""
    m = torch.arange(-degree + 1, degree + 1, dtype=torch.float64)
    return torch.diag((degree * (degree + 1) - m * (m - 1)).sqrt(), 1)
