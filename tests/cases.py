"""The one table of groups, representations and tolerances, and assertions that raise.

`GROUPS` holds every named group, groups given by randomly conjugated generators, groups of four dimensions and products,
each as the text that makes it: the text is also the id of the test. Helpers never return a verdict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import pytest
import torch
from torch import Tensor

import steer
from steer.group import ContinuousGroup, FiniteGroup, Group, from_generators
from steer.representation import Irrep, Representation

TOLERANCE = 1e-12
"""Laws in float64, relative to values of order one."""


def seeded(seed: int) -> torch.Generator:
    """A random stream of its own, so that no test depends on the order of tests."""
    return torch.Generator("cpu").manual_seed(seed)


def vector(*numbers: float) -> Tensor:
    """Numbers in float64; `torch.tensor` alone would round them to single precision."""
    return torch.tensor(numbers, dtype=torch.float64)


def randn(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers in float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=seeded(seed), device="cpu")


def distances(a: Tensor, b: Tensor) -> Tensor:
    """From every point of one list to every point of another, `[n, m]`; `torch.cdist` rounds to 1e-8."""
    return (a[:, None] - b[None]).norm(dim=-1)


def random_orthogonal(n: int, seed: int) -> Tensor:
    """An orthogonal matrix without structure, of determinant one, `[n, n]`."""
    q, r = torch.linalg.qr(randn(n, n, seed=seed))
    q = q * r.diagonal().sign()
    q[:, 0] *= torch.linalg.det(q).sign()
    return q


def conjugated(group: FiniteGroup, seed: int) -> FiniteGroup:
    """`q G q^T` for a random rotation q, closed again from the turned generators."""
    q = random_orthogonal(group.d, seed)
    return from_generators(list(q @ group.generators @ q.mT), name=f"conjugated({group}, {seed})")


def quaternion_group() -> FiniteGroup:
    """The group Q8 = {1, -1, i, -i, j, -j, k, -k}, by left multiplication of the quaternions (1, i, j, k)."""
    i = [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]]
    j = [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]]
    return from_generators([i, j], name="quaternion_group()")


def binary_tetrahedral() -> FiniteGroup:
    """The 24 unit Hurwitz quaternions, by left multiplication: an irrep of quaternionic and two of complex type."""
    h = 0.5
    w = [[-h, -h, -h, -h], [h, -h, -h, h], [h, h, -h, -h], [h, -h, h, -h]]
    return from_generators([*quaternion_group().generators, w], name="binary_tetrahedral()")


@cache
def build(text: str) -> Any:
    """What a constructor string makes, with the names of `steer.group` and of this file."""
    names = {name: getattr(steer.group, name) for name in steer.group.__all__}
    names |= {f.__name__: f for f in (conjugated, quaternion_group, binary_tetrahedral)}
    return eval(text, names)


@dataclass(frozen=True)
class Case:
    """One group: the text that makes it, its order, and up to which degree irreps of a continuous one are tested."""

    text: str
    order: float
    max_degree: int | None = None

    @property
    def group(self) -> Any:
        return build(self.text)

    @cached_property
    def irreps(self) -> tuple[Irrep, ...]:
        return self.group.irreps(self.max_degree)

    def __str__(self) -> str:
        return self.text


NAMED = [
    Case("trivial(1)", 1),
    Case("trivial(2)", 1),
    Case("trivial(3)", 1),
    Case("reflection(1)", 2),
    Case("reflection(2)", 2),
    Case("reflection(3)", 2),
    Case("cyclic(1)", 1),
    Case("cyclic(2)", 2),
    Case("cyclic(3)", 3),
    Case("cyclic(4)", 4),
    Case("cyclic(5)", 5),
    Case("cyclic(8)", 8),
    Case("dihedral(1)", 2),
    Case("dihedral(2)", 4),
    Case("dihedral(3)", 6),
    Case("dihedral(4)", 8),
    Case("dihedral(6)", 12),
    Case("dihedral(8)", 16),
    Case("dihedral(4, axis=0.3)", 8),
    Case("so2()", math.inf, 3),
    Case("o2()", math.inf, 3),
    Case("cyclic(2, d=3)", 2),
    Case("cyclic(3, d=3)", 3),
    Case("cyclic(4, d=3)", 4),
    Case("dihedral(2, d=3)", 4),
    Case("dihedral(3, d=3)", 6),
    Case("dihedral(4, d=3)", 8),
    Case("conical(3)", 6),
    Case("conical(4)", 8),
    Case("cylindrical(3)", 6),
    Case("cylindrical(4)", 8),
    Case("full_cylindrical(3)", 12),
    Case("full_cylindrical(4)", 16),
    Case("inversion()", 2),
    Case("mirror()", 2),
    Case("klein()", 4),
    Case("tetrahedral()", 12),
    Case("full_tetrahedral()", 24),
    Case("pyritohedral()", 24),
    Case("octahedral()", 24),
    Case("full_octahedral()", 48),
    Case("icosahedral()", 60),
    Case("full_icosahedral()", 120),
    Case("so2(d=3)", math.inf, 2),
    Case("conical()", math.inf, 2),
    Case("dihedral_axial()", math.inf, 2),
    Case("cylindrical()", math.inf, 2),
    Case("full_cylindrical()", math.inf, 2),
    Case("so3()", math.inf, 2),
    Case("o3()", math.inf, 2),
]

CONJUGATED = [
    Case("conjugated(cyclic(7), 1)", 7),
    Case("conjugated(dihedral(6), 2)", 12),
    Case("conjugated(dihedral(5, d=3), 3)", 10),
    Case("conjugated(full_cylindrical(4), 4)", 16),
    Case("conjugated(tetrahedral(), 5)", 12),
    Case("conjugated(octahedral(), 6)", 24),
    Case("conjugated(full_octahedral(), 7)", 48),
    Case("conjugated(icosahedral(), 8)", 60),
]

FOUR_DIMENSIONAL = [
    Case("trivial(4)", 1),
    Case("reflection(4)", 2),
    Case("quaternion_group()", 8),
    Case("binary_tetrahedral()", 24),
    Case("conjugated(quaternion_group(), 9)", 8),
    Case("conjugated(binary_tetrahedral(), 10)", 24),
    Case("cyclic(4) * cyclic(3)", 12),
    Case("so2() * so2()", math.inf, 2),
    Case("so2() * cyclic(4)", math.inf, 2),
    Case("so3() * reflection(1)", math.inf, 2),
]

PRODUCTS = [
    Case("cyclic(4) * reflection(1)", 8),
    Case("dihedral(3) * reflection(1)", 12),
    Case("reflection(1) * reflection(1) * reflection(1)", 8),
    Case("so2() * reflection(1)", math.inf, 2),
    Case("o2() * reflection(1)", math.inf, 2),
]

GROUPS = NAMED + CONJUGATED + FOUR_DIMENSIONAL + PRODUCTS
FINITE = [case for case in GROUPS if case.order < math.inf]
CONTINUOUS = [case for case in GROUPS if case.order == math.inf]
SPATIAL = [case for case in GROUPS if case not in FOUR_DIMENSIONAL]
"""Groups that act on one, two or three dimensions: those that have kernels."""


def each(cases: list[Case]) -> pytest.MarkDecorator:
    """Parametrise a test over groups, as the argument `case`."""
    return pytest.mark.parametrize("case", cases, ids=str)


def named(*texts: str) -> list[Case]:
    """Cases of the table by their text."""
    found = [case for text in texts for case in GROUPS if case.text == text]
    if len(found) != len(texts):
        raise LookupError(f"not in the table: {set(texts) - {case.text for case in found}}")
    return found


def elements(group: Group, n: int = 6, seed: int = 0) -> Tensor:
    """Some elements: all of a small group; of others the generators and a uniform sample, `[n, d, d]`."""
    if isinstance(group, FiniteGroup) and group.order <= n:
        return group.elements
    return torch.cat([group.generators, group.sample(n, seeded(seed))])


def representations(case: Case) -> dict[str, Representation]:
    """Representations of every kind that the group has."""
    group, irreps = case.group, case.irreps
    out: dict[str, Representation] = {f"irrep {i}": i for i in irreps}
    out["standard"] = group.standard
    out["sum"] = irreps[-1] + group.standard + irreps[0] + irreps[-1]
    out["tensor product"] = group.standard @ irreps[-1]
    whole = {2: steer.group.o2, 3: steer.group.o3}.get(group.d)
    if whole is not None:
        out["restricted"] = whole().irrep(2).restrict(group)
    if group.is_finite:
        few = group.order <= 24  # quotients of large groups by large subgroups only: they cost the square of their size
        subgroup = group.subgroup(group.generators[-1] if few else group.generators[:-1])
        out["quotient"] = group.quotient(subgroup)
        out["induced"] = subgroup.irreps()[-1].induce(group)
        if few:
            out["regular"] = group.regular
        images = list(irreps[-1](group.generators))
        out["tabulated"] = steer.representation.from_generator_images(group, images)
    elif len(group.components) > 1:
        connected = ContinuousGroup(group.d, group.blocks, group.components[:1], f"connected part of {group}")
        out["quotient"] = group.quotient(connected)
        out["induced"] = connected.irreps(case.max_degree)[-1].induce(group)
    return out


# Assertions


def assert_close(actual: Tensor, expected: Tensor, tolerance: float = TOLERANCE, what: str = "values") -> None:
    """Equal shapes, and no entry further apart than `tolerance`."""
    expected = expected.expand_as(actual) if expected.ndim == 0 else expected
    assert actual.shape == expected.shape, f"{what}: shapes {tuple(actual.shape)} and {tuple(expected.shape)}"
    if actual.numel():
        worst = float((actual.to(expected.dtype) - expected).abs().max())
        assert worst <= tolerance, f"{what}: differ by {worst:.3g}, more than {tolerance:.1g}"


def assert_far(actual: Tensor, expected: Tensor, distance: float = 1e-2, what: str = "values") -> None:
    """The negative control: some entry differs by more than `distance`."""
    worst = float((actual - expected).abs().max())
    assert worst > distance, f"{what}: expected to differ, and differ by {worst:.3g} only"


def assert_orthogonal(matrices: Tensor, tolerance: float = TOLERANCE) -> None:
    unit = torch.eye(matrices.shape[-1], dtype=matrices.dtype).expand_as(matrices)
    assert_close(matrices @ matrices.mT, unit, tolerance, "m m^T and 1")


def assert_homomorphism(representation: Representation, g: Tensor, tolerance: float = TOLERANCE) -> None:
    """`rho(g h) = rho(g) rho(h)` for all pairs of the given elements."""
    values = representation(g)
    left = representation(g[:, None] @ g[None])
    assert_close(left, values[:, None] @ values[None], tolerance, f"{representation}: rho(gh) and rho(g) rho(h)")


def assert_intertwiner(maps: Tensor, rep_a: Representation, rep_b: Representation, g: Tensor) -> None:
    """`B(g) X = X A(g)` for every map `[n, dim_b, dim_a]` and element."""
    left = rep_b(g)[:, None] @ maps
    right = maps @ rep_a(g)[:, None]
    assert_close(left, right, TOLERANCE, f"{rep_a} -> {rep_b}: B(g) X and X A(g)")


def assert_orthonormal(vectors: Tensor, tolerance: float = TOLERANCE) -> None:
    """Rows `[n, ...]`, flattened, are orthonormal."""
    rows = vectors.flatten(1)
    assert_close(rows @ rows.mT, torch.eye(len(rows), dtype=rows.dtype), tolerance, "the Gram matrix and 1")


def assert_kernel_law(kernel: Tensor, rep_in: Any, rep_out: Any, points: Tensor, g: Tensor) -> None:
    """`K(g x) = rho_out(g) K(x) rho_in(g)^-1` for a kernel `[out, in, tap]` sampled at points that g permutes."""
    where = distances(points @ g.mT, points)
    assert float(where.amin(1).max()) < 1e-9, "g does not map taps to taps"
    expected = torch.einsum("ab,bck,dc->adk", rep_out(g), kernel, rep_in(g))
    assert_close(kernel[:, :, where.argmin(1)], expected, what="K(g x) and rho_out(g) K(x) rho_in(g)^-1")


def rank(rows: Tensor, scale: float | None = None, tolerance: float = 1e-8) -> int:
    """Number of independent rows, `[n, ...]`; raises when a singular value leaves the answer open.

    `scale` is the size of a row that counts, by default the largest singular value; give it where all rows may vanish.
    """
    flat = rows.flatten(1)
    if flat.numel() == 0:
        return 0
    values = torch.linalg.svdvals(flat)
    relative = values / (float(values[0]) if scale is None else scale)
    unclear = (relative > 1e-2 * tolerance) & (relative < 1e2 * tolerance)
    if bool(unclear.any()):
        raise ArithmeticError(f"the rank is not clear: singular values {relative[unclear].tolist()}")
    return int((relative > tolerance).sum())


def assert_same_span(a: Tensor, b: Tensor) -> None:
    """Two families of vectors `[n, ...]` span one space."""
    ranks = rank(a), rank(b), rank(torch.cat([a.flatten(1), b.flatten(1)]))
    assert ranks[0] == ranks[1] == ranks[2], f"ranks {ranks[0]} and {ranks[1]}, together {ranks[2]}"


def average(group: Group, degree: int, function: Any) -> Tensor:
    """Haar average of a function of elements `[n, d, d] -> [n, ...]` of this degree."""
    points, weights = group.haar(degree)
    values = function(points)
    return torch.tensordot(weights.to(values), values, 1)
