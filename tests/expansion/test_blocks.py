"""Sampled kernel spaces: complete, normalised, linear, and the same whichever way they are built."""

import math

import pytest
import torch

from steer.expansion import IrrepBlock, OrbitBlock, block, lattice, plan, sampling
from steer.group import dihedral, octahedral
from steer.kernel import GaussianRings, kernel_basis
from steer.representation import Quotient
from tests.cases import assert_close, assert_far, assert_kernel_law, assert_same_span, build, randn

SQUARE, HEXAGONAL, CUBIC = (lattice(k, d) for k, d in (("square", 2), ("hexagonal", 2), ("cubic", 3)))


def elements_of(piece):
    """All elements of a block as dense kernels, `[size, out, in, tap]`."""
    unit = torch.eye(piece.size).double()
    kernels = [piece.expand(row.reshape(1, 1, -1), piece.constants) for row in unit]
    return torch.stack(kernels) if kernels else torch.zeros(0, 1)


def sampled_kernels(into, out, found):
    """Every steerable kernel with the same rings and limits, by `kernel_basis`, those off the grid left out."""
    points = found.points(into.group.d)
    radial = found.radial
    pieces = []
    for ring, (radius, width) in enumerate(zip(radial.radii, radial.widths, strict=True)):
        pieces.append(kernel_basis(into, out, points, found.limits[ring], GaussianRings((radius,), (width,))))
    kernels = torch.cat(pieces) * found.lattice.kernel_mask(found.kernel_size)
    norm = kernels.flatten(1).norm(dim=1)
    return kernels[norm > 1e-6] / norm[norm > 1e-6][:, None, None, None]


def fields(text):
    """Some irreps and quotients of a group."""
    group = build(text)
    irreps = group.irreps()
    turn = group.subgroup(group.generators[0])
    flip = group.subgroup(group.generators[-1])
    return {
        "trivial": irreps[0],
        "middle": irreps[len(irreps) // 2],
        "last": irreps[-1],
        "regular": group.regular,
        "turn": group.quotient(turn),
        "flip": group.quotient(flip),
    }


PAIRS = [
    ("regular", "regular"),
    ("trivial", "regular"),
    ("regular", "trivial"),
    ("middle", "regular"),
    ("regular", "middle"),
    ("turn", "middle"),
    ("last", "flip"),
    ("turn", "flip"),
    ("flip", "turn"),
    ("flip", "regular"),
    ("regular", "turn"),
    ("middle", "last"),
    ("middle", "middle"),
    ("trivial", "trivial"),
]

GRIDS = [
    ("cyclic(4)", SQUARE, 5),
    ("cyclic(8)", SQUARE, 5),
    ("dihedral(4)", SQUARE, 5),
    ("dihedral(3)", SQUARE, 4),
    ("conjugated(cyclic(7), 1)", SQUARE, 5),
    ("dihedral(6)", HEXAGONAL, 5),
    ("cyclic(4)", lattice("square", 2, (2.0, 1.0)), 5),
    ("tetrahedral()", CUBIC, 3),
    ("conjugated(tetrahedral(), 5)", CUBIC, 3),
    ("dihedral(4, d=3)", CUBIC, 3),
    ("cyclic(4)", lattice("square", 2, 0.3), 7),
]
IDS = [f"{t} {g} {k}" for t, g, k in GRIDS]


@pytest.mark.parametrize(("text", "grid", "k"), GRIDS, ids=IDS)
@pytest.mark.parametrize(("into", "out"), PAIRS)
def test_a_block_spans_all_sampled_steerable_kernels(text, grid, k, into, out):
    """The orbit of an unconstrained kernel, and the Wigner-Eckart basis of irreps, against `kernel_basis`."""
    found = sampling(grid, (k,) * grid.d)
    a, b = fields(text)[into], fields(text)[out]
    ours, theirs = elements_of(block(a, b, found)), sampled_kernels(a, b, found)
    assert (len(ours) == 0) == (len(theirs) == 0)
    if len(ours):
        assert_same_span(ours, theirs)


@pytest.mark.parametrize(("text", "grid", "k"), GRIDS, ids=IDS)
@pytest.mark.parametrize(("into", "out"), PAIRS)
def test_every_element_has_norm_root_dim_out(text, grid, k, into, out):
    """Then with unit weights each adds variance one to every output channel of white input."""
    a, b = fields(text)[into], fields(text)[out]
    piece = block(a, b, sampling(grid, (k,) * grid.d))
    kernels = elements_of(piece)
    assert len(kernels) == piece.size == len(piece.centre) == len(piece.gain)
    if piece.size:
        assert_close(kernels.flatten(1).norm(dim=1), torch.full((piece.size,), b.dim**0.5, dtype=torch.float64))


@pytest.mark.parametrize(("text", "grid", "k"), GRIDS, ids=IDS)
@pytest.mark.parametrize(("into", "out"), PAIRS)
def test_gain_is_the_power_that_smooth_input_gives(text, grid, k, into, out):
    """By a sum over all pairs of taps, with the correlation of white noise that a Gaussian of two samples has blurred."""
    a, b = fields(text)[into], fields(text)[out]
    piece = block(a, b, sampling(grid, (k,) * grid.d))
    places = grid.positions((k,) * grid.d).tolist()
    sample = min((math.dist(x, y) for x in places for y in places if x != y), default=1.0)
    power = torch.zeros(piece.size, dtype=torch.float64)
    kernels = elements_of(piece) if piece.size else power[:, None, None, None]
    for i, x in enumerate(places):
        for j, y in enumerate(places):
            if piece.size:
                shared = (kernels[..., i] * kernels[..., j]).sum((1, 2))
                power += math.exp(-((math.dist(x, y) / sample / 4) ** 2)) * shared
    assert_close(power / b.dim, piece.gain)


@pytest.mark.parametrize(("into", "out"), PAIRS)
def test_elements_at_the_centre(into, out):
    """What is marked as the centre tap has nearly all of its power there; what is not has little."""
    found = sampling(SQUARE, (5, 5))
    piece = block(fields("dihedral(4)")[into], fields("dihedral(4)")[out], found)
    kernels = elements_of(piece)
    if piece.size:
        share = (kernels[..., 12] ** 2).sum((1, 2)) / (kernels**2).sum((1, 2, 3))
        assert bool((share[piece.centre] > 0.5).all())
        assert bool((share[~piece.centre] < 0.5).all())


def test_all_kinds_of_blocks_occur():
    found = sampling(SQUARE, (5, 5))
    kinds = {type(block(a, b, found)) for a in fields("dihedral(4)").values() for b in fields("dihedral(4)").values()}
    assert kinds == {IrrepBlock, OrbitBlock}


@pytest.mark.parametrize(("into", "out"), PAIRS)
@pytest.mark.parametrize(("text", "grid", "k"), [GRIDS[2], GRIDS[5], GRIDS[7]], ids=[IDS[i] for i in (2, 5, 7)])
def test_the_kernel_law_on_the_grid(text, grid, k, into, out):
    a, b = fields(text)[into], fields(text)[out]
    found = sampling(grid, (k,) * grid.d)
    piece = block(a, b, found)
    kernel = piece.expand(randn(1, 1, piece.size), piece.constants)
    mask = grid.kernel_mask(found.kernel_size)
    for g in a.group.elements:
        assert_kernel_law(kernel[..., mask], a, b, found.points(grid.d)[mask], g)
    assert_close(kernel[..., ~mask], torch.zeros(b.dim, a.dim, int((~mask).sum())).double(), 0.0)


def test_a_random_kernel_fails_the_law():
    found = sampling(SQUARE, (3, 3))
    group = dihedral(4)
    with pytest.raises(AssertionError, match="differ by"):
        assert_kernel_law(randn(8, 8, 9), group.regular, group.regular, found.points(2), group.elements[1])


@pytest.mark.parametrize(("into", "out"), PAIRS)
def test_expansion_is_linear_and_takes_several_fields(into, out):
    found = sampling(SQUARE, (3, 3))
    a, b = fields("dihedral(4)")[into], fields("dihedral(4)")[out]
    piece = block(a, b, found)
    weight = randn(2, 3, piece.size)
    kernel = piece.expand(weight, piece.constants)
    assert kernel.shape == (2 * b.dim, 3 * a.dim, 9)
    for o in range(2):
        for i in range(3):
            single = (
                torch.einsum("z,z...->...", weight[o, i], elements_of(piece)) if piece.size else torch.zeros(b.dim, a.dim, 9)
            )
            assert_close(kernel[o * b.dim : (o + 1) * b.dim, i * a.dim : (i + 1) * a.dim], single.double())
    assert_close(piece.expand(2 * weight, piece.constants), 2 * kernel)


def test_a_quotient_has_fewer_weights_than_a_regular_field():
    found = sampling(SQUARE, (5, 5))
    some = fields("dihedral(4)")
    sizes = [block(some["regular"], some[name], found).size for name in ("regular", "turn", "trivial")]
    assert sizes == [88, 22, 11]


def test_high_degrees_alias_and_are_kept_only_if_they_are_there():
    """On 3 x 3 taps the sine of four times the angle is zero everywhere."""
    group = dihedral(1)
    found = sampling(SQUARE, (3, 3), 4)
    even, odd = group.irreps()
    kernels = elements_of(IrrepBlock.solve(even, odd, found))
    assert len(kernels) < len(kernel_basis(even, odd, found.points(2), 4))
    assert float(kernels.flatten(1).norm(dim=1).min()) > 0.9


@pytest.mark.parametrize(("text", "grid", "k"), GRIDS)
@pytest.mark.parametrize(("into", "out"), PAIRS)
def test_bases_are_bounded(text, grid, k, into, out):
    """By F scalar functions at the taps turned by every coset; between irreps by the elements as kernels."""
    a, b, found = fields(text)[into], fields(text)[out], sampling(grid, (k,) * grid.d)
    piece = block(a, b, found)
    orbit, other = (b, a) if isinstance(b, Quotient) else (a, b)
    functions = len(found.functions(found.points(a.group.d)))
    held = sum(constant.numel() for constant in piece.constants)
    if isinstance(orbit, Quotient):
        turned = orbit.dim * functions * found.taps
        assert held <= turned + orbit.dim * other.dim**2 + piece.size * other.dim * functions
    else:
        assert held == piece.size * a.dim * b.dim * found.taps


def test_bases_of_many_fields_are_those_of_one():
    group = build("octahedral()")
    one, many = (plan((group.regular,) * n, (group.irreps()[-1],) * n, sampling(CUBIC, (3, 3, 3))) for n in (1, 20))
    assert [c.shape for c in one.constants[:-2]] == [c.shape for c in many.constants[:-2]]
    assert max(c.numel() for c in many.constants[-2:]) == 0  # nothing moves


def test_blocks_of_large_groups_are_small():
    """Kilobytes instead of the dense |G| x |G| blocks of every element."""
    piece = OrbitBlock.solve(octahedral().regular, octahedral().regular, sampling(CUBIC, (3, 3, 3)), into=True)
    assert sum(c.numel() for c in piece.constants) < 24 * 17 * 27 + 24 * 24 + 1
    assert_far(piece.constants[0], torch.zeros(()))
