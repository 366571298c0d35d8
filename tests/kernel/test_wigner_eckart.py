"""Steerable kernels of every group: the law, the count, independence, completeness, published tables."""

from functools import cache
from itertools import product

import pytest
import torch

from steer.expansion import lattice, sampling
from steer.expansion._blocks import block
from steer.group import FiniteGroup, cyclic, dihedral, icosahedral, klein, o2, octahedral, reflection, rotation, so2, so3
from steer.kernel import GaussianRings, angular_couplings, harmonic_dim, harmonics, kernel_basis, kernel_dimension
from tests.cases import (
    SPATIAL,
    assert_close,
    assert_far,
    assert_kernel_law,
    build,
    each,
    elements,
    named,
    randn,
    rank,
    representations,
)


def pairs(case):
    """A few pairs of irreps, and every other kind of representation as input or output."""
    irreps = case.irreps
    found = [*product(irreps[:2] + irreps[-1:], repeat=2)]
    others = [r for name, r in representations(case).items() if not name.startswith("irrep")]
    return [
        *found,
        *((r, irreps[-1]) for r in others),
        *((irreps[min(1, len(irreps) - 1)], r) for r in others),
        (others[-1], others[0]),
    ]


def points_of(case, n=4):
    """Generic points and the origin."""
    return torch.cat([randn(n, case.group.d, seed=11), torch.zeros(1, case.group.d).double()])


@each(SPATIAL)
def test_the_law_at_random_points_and_at_the_origin(case):
    """`K(g x) = rho_out(g) K(x) rho_in(g)^-1`."""
    group = case.group
    g = elements(group, 2, seed=5)[-4:]
    x = points_of(case)
    moved = torch.cat([x, *(x @ h.mT for h in g)])
    for into, out in pairs(case):
        kernels = kernel_basis(into, out, moved, 2).unflatten(-1, (len(g) + 1, len(x)))
        before, after = kernels[..., 0, :], kernels[..., 1:, :]
        expected = torch.einsum("gab,nbcx,gdc->nadgx", out(g), before, into(g))
        assert_close(after, expected, what=f"{into} -> {out}: K(g x)")


@each(SPATIAL)
def test_at_the_origin_a_kernel_is_an_intertwiner(case):
    g = elements(case.group, 3)
    for into, out in pairs(case)[::3]:
        centre = kernel_basis(into, out, torch.zeros(1, case.group.d).double(), 2)[..., 0]
        assert_close(out(g)[:, None] @ centre, centre @ into(g)[:, None])


@each(named("dihedral(4)", "cyclic(5)", "tetrahedral()", "octahedral()", "full_octahedral()"))
def test_the_law_for_every_pair_of_irreps(case):
    g, x = case.group.generators[-1], randn(3, case.group.d)
    moved = torch.cat([x, x @ g.mT])
    for into, out in product(case.irreps, repeat=2):
        here, there = kernel_basis(into, out, moved, 3).split(3, -1)
        assert_close(there, torch.einsum("ab,nbck,dc->nadk", out(g), here, into(g)), what=f"{into} -> {out}")


def test_the_law_for_quotients_by_rounded_subgroups():
    group, tilt = octahedral(), rotation([1.0, 2.0, 3.0], 3e-7)
    rounded = FiniteGroup(tilt @ klein().elements @ tilt.mT, klein().generators, "tilted")
    field, g, x = group.quotient(rounded), group.elements[7], randn(3, 3)
    here, there = kernel_basis(group.standard, field, torch.cat([x, x @ g.mT]), 3).split(3, -1)
    assert len(here)
    assert_close(there, torch.einsum("ab,nbck,dc->nadk", field(g), here, g))
    grid = lattice("cubic", 3)
    layer = block(group.irrep(1), field, sampling(grid, (3, 3, 3)))
    weight = randn(1, 1, layer.size, seed=1)
    kernel = layer.expand(weight, layer.constants)
    for h in group.generators:
        assert_kernel_law(kernel, group.irrep(1), field, grid.positions((3, 3, 3)), h)


def test_an_unconstrained_kernel_fails_the_law():
    """The negative control: every degree with coefficients of its own, without the coupling to the group."""
    group = octahedral()
    x, g = randn(4, 3), group.elements[3]
    free = [randn(3, 3, 2 * degree + 1, seed=degree) for degree in range(3)]

    def kernel(points):
        return sum(torch.einsum("oim,km->oik", c, harmonics(points, l)) for l, c in enumerate(free))

    assert_far(kernel(x @ g.mT), torch.einsum("ab,bck,dc->adk", g, kernel(x), g))


def harmonic_character(g, degree):
    """Character of O(d) on harmonics of one degree: symmetric powers by Newton's identity, less those two below."""
    powers = [torch.ones(len(g)).double()]
    traces, power = [], torch.eye(g.shape[-1]).double().expand_as(g)
    for k in range(1, degree + 1):
        power = power @ g
        traces.append(power.diagonal(dim1=-2, dim2=-1).sum(-1))
        powers.append(sum(traces[i] * powers[k - 1 - i] for i in range(k)) / k)
    return powers[degree] - (powers[degree - 2] if degree >= 2 else 0.0)


@each(SPATIAL)
def test_the_count_is_the_integral_of_the_characters(case):
    """`dim = mean chi_out chi_in chi_harmonic` for every degree, with characters of harmonics written anew."""
    found, x = pairs(case), randn(1, case.group.d)
    points, weights = case.group.haar(max(into.degree + out.degree for into, out in found) + 3)
    characters = {r: r.character(points) for pair in found for r in pair}
    harmonic = [harmonic_character(points, degree) for degree in range(4)]
    for into, out in found:
        counts = torch.stack([(weights * characters[into] * characters[out] * h).sum() for h in harmonic])
        assert_close(counts, counts.round(), 1e-9)
        assert [kernel_dimension(into, out, degree) for degree in range(3)] == counts[:3].round().int().tolist()
        assert len(kernel_basis(into, out, x, 2)) == round(float(counts[:3].sum()))


@each(SPATIAL)
def test_elements_are_linearly_independent(case):
    x = randn(10, case.group.d, seed=2)
    for into, out in pairs(case):
        if into.dim * out.dim <= 60:
            basis = kernel_basis(into, out, x, 2)
            assert rank(basis) == len(basis)


def monomials(x, degree):
    """All products of `degree` coordinates, `[point, monomial]`."""
    out = torch.ones(len(x), 1).double()
    for _ in range(degree):
        out = (out[:, :, None] * x[:, None]).flatten(1)
    return out


@each(
    named(
        "reflection(1)", "cyclic(3)", "cyclic(4)", "dihedral(3)", "dihedral(1)", "conjugated(cyclic(7), 1)", "so2()", "o2()",
        "cyclic(3, d=3)", "klein()", "tetrahedral()", "octahedral()", "conjugated(octahedral(), 6)", "so3()", "o3()", "conical()",
    )
)  # fmt: skip
def test_completeness_by_brute_force(case):
    """All solutions of the law among polynomials on the sphere: a null space, without harmonics or couplings.

    Monomials of degree 2 and 3 restrict to the same functions as harmonics of degree upto 3.
    """
    group, top = case.group, 3
    d = group.d
    x = randn(24, d, seed=3)
    x = x / x.norm(dim=-1, keepdim=True)

    def functions(points):
        values = torch.cat([monomials(points, top), monomials(points, top - 1)], 1)
        return values @ independent

    independent = torch.eye(d**top + d ** (top - 1)).double()
    _left, values, right = torch.linalg.svd(functions(x), full_matrices=False)
    independent = right[values > 1e-9 * values[0]].mT
    assert independent.shape[1] == sum(harmonic_dim(d, k) for k in range(top + 1))
    for into, out in product(case.irreps[:3], repeat=2):
        unit = torch.eye(into.dim * out.dim).double()
        rows = []
        for g in group.generators:
            action = torch.kron(out(g).contiguous(), into(g).contiguous())
            moved = torch.einsum("ab,xm->xabm", unit, functions(x @ g.mT))
            stayed = torch.einsum("ab,xm->xabm", action, functions(x))
            rows.append((moved - stayed).reshape(len(x) * len(unit), -1))
        constraint = torch.cat(rows)
        nothing = int((torch.linalg.eigvalsh(constraint.mT @ constraint) < 1e-9).sum())
        assert nothing == len(kernel_basis(into, out, x, top))


# Published tables


def test_so2_dimensions():
    """Weiler and Cesa 2019: 1 if both frequencies are zero, 2 if one is, 4 otherwise."""
    for m, n in product(range(4), repeat=2):
        expected = 1 if m == n == 0 else 2 if m * n == 0 else 4
        assert len(kernel_basis(so2().irrep(m), so2().irrep(n), randn(1, 2), m + n + 2)) == expected


def test_o2_dimensions():
    expected = [[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 2, 2], [1, 1, 2, 2]]
    irreps = [o2().irrep(label) for label in ("0e", "0o", "1", "2")]
    found = [[sum(kernel_dimension(a, b, k) for k in range(6)) for b in irreps] for a in irreps]
    bases = [[len(kernel_basis(a, b, randn(1, 2), 5)) for b in irreps] for a in irreps]
    # A pseudoscalar kernel between the trivial and the sign representation would have to vanish on every mirror line.
    assert found == bases == expected


@pytest.mark.parametrize("n", [2, 3, 4, 8])
@pytest.mark.parametrize("top", [0, 1, 3])
def test_cyclic_dimensions(n, top):
    group = cyclic(n)
    assert len(kernel_basis(group.trivial, group.regular, randn(1, 2), top)) == 2 * top + 1
    assert len(kernel_basis(group.regular, group.regular, randn(1, 2), top)) == n * (2 * top + 1)


@pytest.mark.parametrize(("j", "l"), [*product(range(3), repeat=2), (1, 3), (3, 3)])
def test_so3_dimensions(j, l):
    """`2 min(j, l) + 1` per shell when unlimited, from degree |j - l| to j + l."""
    into, out = so3().irrep(l), so3().irrep(j)
    assert [kernel_dimension(into, out, k) for k in range(j + l + 2)] == [
        int(abs(j - l) <= k <= j + l) for k in range(j + l + 2)
    ]
    assert len(kernel_basis(into, out, randn(1, 3), j + l + 1)) == 2 * min(j, l) + 1


ORBITS = {
    ("icosahedral()", 5): [[1, 1, 1, 1, 0], [1, 3, 3, 1, 2], [1, 3, 5, 3, 4], [1, 1, 3, 3, 2], [0, 2, 4, 2, 4]],
    ("icosahedral()", 3): [[1, 1, 1, 1, 2], [1, 3, 5, 3, 4], [1, 5, 9, 5, 6], [1, 3, 5, 3, 4], [2, 4, 6, 4, 6]],
    ("icosahedral()", 2): [[1, 1, 3, 1, 2], [1, 5, 7, 5, 6], [3, 7, 13, 7, 10], [1, 5, 7, 5, 6], [2, 6, 10, 6, 8]],
    ("octahedral()", 4): [[1, 1, 0, 1, 0], [1, 3, 2, 1, 0], [0, 2, 3, 1, 1], [1, 1, 1, 2, 1], [0, 0, 1, 1, 1]],
    ("octahedral()", 3): [[1, 1, 1, 0, 1], [1, 3, 3, 2, 1], [1, 3, 3, 2, 1], [0, 2, 2, 2, 0], [1, 1, 1, 0, 1]],
}
"""Kernels on an orbit with a stabiliser of this order, in the order of irreps of the field's literature."""


@cache
def ordered_irreps(text):
    """A, T1, T2, E, A2 of the octahedral and A, T1, H, T2, G of the icosahedral group: T1 is the standard one."""
    group = build(text)
    by_dim = {}
    for irrep in group.irreps():
        by_dim.setdefault(irrep.dim, []).append(irrep)
    (vector,) = (i for i in by_dim[3] if i.multiplicities == group.standard.multiplicities)
    (other,) = (i for i in by_dim[3] if i != vector)
    if text == "octahedral()":
        (sign,) = (i for i in by_dim[1] if not i.is_trivial)
        return group.trivial, vector, other, by_dim[2][0], sign
    return group.trivial, vector, by_dim[5][0], other, by_dim[4][0]


@cache
def axis_of_order(text, n):
    """A unit vector that exactly n rotations of the group fix."""
    group = build(text)
    for g in group.elements[1:]:
        values, vectors = torch.linalg.eigh((g + g.mT) / 2)
        axis = vectors[:, -1]
        fixed = (group.elements @ axis - axis).norm(dim=-1) < 1e-6
        if int(fixed.sum()) == n and abs(float(values[-1]) - 1) < 1e-9:
            return axis
    raise LookupError(f"{text} has no axis of order {n}")


@pytest.mark.parametrize(("text", "n"), ORBITS, ids=[f"{t} {n}" for t, n in ORBITS])
def test_counts_on_orbits_by_characters_of_the_stabiliser(text, n):
    """`(1 / |H|) sum over h in H of chi_out(h) chi_in(h)`."""
    group, axis = build(text), axis_of_order(text, n)
    stabiliser = group.elements[(group.elements @ axis - axis).norm(dim=-1) < 1e-6]
    assert len(stabiliser) == n
    characters = torch.stack([i.character(stabiliser) for i in ordered_irreps(text)])
    assert_close(characters @ characters.mT / n, torch.tensor(ORBITS[text, n]).double(), 1e-9)


@pytest.mark.parametrize(("text", "n"), ORBITS, ids=[f"{t} {n}" for t, n in ORBITS])
def test_counts_on_orbits_by_rank(text, n):
    """Restricted to an orbit, kernels of a high enough degree span exactly as many dimensions."""
    group, axis = build(text), axis_of_order(text, n)
    orbit = torch.stack([group.elements[c[0]] @ axis for c in group.cosets(group.subgroup(turn_about(group, axis)))])
    top = next(k for k in range(20) if rank(torch.cat([harmonics(orbit, l) for l in range(k + 1)], 1)) == len(orbit))
    irreps = ordered_irreps(text)
    found = [[rank(kernel_basis(a, b, orbit, top), 1.0) for a in irreps] for b in irreps]
    assert found == ORBITS[text, n]


def turn_about(group, axis):
    return group.elements[(group.elements @ axis - axis).norm(dim=-1) < 1e-6]


def test_the_generic_orbit_has_no_constraint():
    group = octahedral()
    orbit = group.elements @ randn(3)
    top = next(k for k in range(20) if rank(torch.cat([harmonics(orbit, l) for l in range(k + 1)], 1)) == 24)
    for a, b in product(group.irreps()[1:4], repeat=2):
        assert rank(kernel_basis(a, b, orbit, top)) == a.dim * b.dim


# Radial profiles, shapes, errors


def test_profiles_multiply_the_angular_part():
    group, x = dihedral(3), randn(5, 2)
    rings = GaussianRings((0.0, 1.0, 2.0), (0.3, 0.6, 0.4))
    angular = kernel_basis(group.regular, group.irrep(1), x, 2)
    full = kernel_basis(group.regular, group.irrep(1), x, 2, rings)
    n = len(angular)
    assert full.shape == (3 * n, 2, 6, 5)
    profile = rings(x.norm(dim=-1))
    for p in range(3):
        assert_close(full[p * n : (p + 1) * n], angular * profile[p])


def test_any_callable_is_a_profile():
    x = randn(5, 3)
    full = kernel_basis(so3().irrep(1), so3().irrep(1), x, 2, lambda r: torch.stack([r, r**2]))
    assert full.shape == (6, 3, 3, 5)


def test_angular_couplings_are_orthonormal():
    group = icosahedral()
    for a, b, degree in product(group.irreps()[:3], group.irreps()[:3], range(4)):
        flat = angular_couplings(a, b, degree).flatten(1)
        assert len(flat) == kernel_dimension(a, b, degree)
        assert_close(flat @ flat.mT, torch.eye(len(flat)).double())


def test_points_of_any_precision_and_scale():
    x = randn(4, 3)
    plain = kernel_basis(so3().irrep(1), so3().irrep(2), x, 3)
    assert_close(kernel_basis(so3().irrep(1), so3().irrep(2), 7 * x, 3), plain)
    assert kernel_basis(so3().irrep(1), so3().irrep(2), x.float(), 3).dtype == torch.float64
    assert kernel_basis(so3().irrep(1), so3().irrep(2), [[0, 0, 1]], 3).shape == (3, 5, 3, 1)
    assert kernel_basis(so3().irrep(1), so3().irrep(2), torch.zeros(0, 3), 3).shape == (3, 5, 3, 0)


def test_a_line_has_even_and_odd_kernels():
    group = reflection(1)
    even, odd = group.irreps()
    x = torch.tensor([[-2.0], [-1.0], [0.0], [1.0], [2.0]]).double()
    assert_close(kernel_basis(even, even, x, 3).flatten(), torch.ones(5).double())
    assert_close(kernel_basis(even, odd, x, 3).flatten().abs(), torch.tensor([1.0, 1, 0, 1, 1]).double())
    assert_close(kernel_basis(even, odd, x, 3).flatten(), -kernel_basis(even, odd, x, 3).flatten().flip(0))


def test_two_groups():
    with pytest.raises(
        ValueError, match=r"kernel_basis: representations of one group are required; received so2\(\) and o2\(\)"
    ):
        kernel_basis(so2().trivial, o2().trivial, randn(1, 2), 1)


@pytest.mark.parametrize("shape", [(3,), (4, 2), (2, 4, 3)])
def test_points_of_another_dimension(shape):
    with pytest.raises(ValueError, match=r"kernel_basis: points \[n, 3\] are required for so3\(\); received"):
        kernel_basis(so3().trivial, so3().trivial, randn(*shape), 1)


@pytest.mark.parametrize("degree", [-1, 1.5, None])
def test_bad_degrees(degree):
    with pytest.raises(ValueError, match="kernel_basis: max_degree >= 0 is required; received"):
        kernel_basis(so3().trivial, so3().trivial, randn(1, 3), degree)


def test_groups_of_four_dimensions_have_no_harmonics():
    group = build("quaternion_group()")
    with pytest.raises(ValueError, match="1, 2 or 3 dimensions are required; received d = 4"):
        kernel_basis(group.trivial, group.trivial, randn(2, 4), 1)
