"""The plan of a layer: published sizes, the kernel law on exact symmetries, variance, values."""

import pickle

import pytest
import torch

from steer.expansion import POINT, exact_symmetries, lattice, plan, sampling
from steer.group import (
    cyclic,
    dihedral,
    from_generators,
    full_octahedral,
    icosahedral,
    o2,
    o3,
    octahedral,
    reflection,
    so2,
    so3,
)
from steer.representation import direct_sum
from tests.cases import (
    assert_close,
    assert_intertwiner,
    assert_kernel_law,
    assert_same_span,
    build,
    distances,
    elements,
    randn,
)

SQUARE, HEXAGONAL, CUBIC, LINE = (lattice(k, d) for k, d in (("square", 2), ("hexagonal", 2), ("cubic", 3), ("line", 1)))


def size(into, out, found):
    return plan((into,), (out,), found).size


# Published sizes


@pytest.mark.parametrize("n", [4, 8, 16])
@pytest.mark.parametrize(("k", "count"), [(3, 6), (5, 11), (7, 18), (9, 31)])
def test_cyclic_sizes(n, k, count):
    """Weiler and Cesa 2019: trivial to regular 6, 11, 18, 31, and N times as many from regular."""
    group, found = cyclic(n), sampling(SQUARE, (k, k))
    assert size(group.trivial, group.regular, found) == count
    assert size(group.regular, group.regular, found) == n * count


@pytest.mark.parametrize(("n", "counts"), [(4, [2, 3, 4, 7]), (8, [2, 3, 4, 5]), (16, [2, 3, 4, 5])])
def test_sizes_between_scalars(n, counts):
    """At k = 9 degree 4 has invariants of C4: the size depends on N."""
    group = cyclic(n)
    assert [size(group.trivial, group.trivial, sampling(SQUARE, (k, k))) for k in (3, 5, 7, 9)] == counts


@pytest.mark.parametrize(("k", "lifted", "full"), [(3, 6, 48), (5, 11, 88)])
def test_dihedral_sizes(k, lifted, full):
    group, found = dihedral(4), sampling(SQUARE, (k, k))
    assert size(group.trivial, group.regular, found) == lifted
    assert size(group.regular, group.regular, found) == full


@pytest.mark.parametrize(
    ("k", "table"),
    [
        (3, [[2, 1, 1], [1, 4, 3], [1, 3, 5]]),
        (5, [[3, 2, 2], [2, 7, 6], [2, 6, 10]]),
        (7, [[4, 3, 3], [3, 10, 9], [3, 9, 15]]),
    ],
)
def test_sizes_of_so3(k, table):
    """Weiler et al. 2018, band limits "compromise", degrees 0 to 2."""
    irreps, found = so3().irreps(2), sampling(CUBIC, (k, k, k))
    assert [[size(a, b, found) for b in irreps] for a in irreps] == table


# The law


def field(group, text):
    """A representation by name, among them some that need a change of basis."""
    if text == "square":
        return group.standard @ group.standard
    if text == "quotient":
        return group.quotient(group.subgroup(group.generators[-1]))
    if text == "induced":
        return group.subgroup(group.generators[0]).irreps()[-1].induce(group)
    if text == "restricted":
        return (o2() if group.d == 2 else o3()).irrep(2).restrict(group)
    return group.representation(text)


LAYERS = [
    (cyclic(4), SQUARE, (5, 5), "regular 1 0 regular", "1 regular 2", 4),
    (cyclic(8), SQUARE, (5, 5), "regular 0", "regular 3 1", 4),
    (cyclic(4), SQUARE, (4, 4), "regular 1", "regular 1", 4),
    (cyclic(4), SQUARE, (3, 5), "regular 1", "regular 1", 2),
    (dihedral(4), SQUARE, (3, 3), "regular regular", "regular regular regular", 8),
    (dihedral(4), SQUARE, (5, 5), "regular 1 quotient 2o regular", "1 regular 0o quotient quotient", 8),
    (dihedral(4), SQUARE, (5, 5), "square regular", "square 1+regular induced restricted", 8),
    (dihedral(4), lattice("square", 2, (2.0, 1.0)), (3, 5), "regular 1", "regular square", 4),
    (dihedral(4, axis=0.3), SQUARE, (5, 5), "regular 1", "regular 2e", 4),
    (dihedral(6), HEXAGONAL, (5, 5), "regular 1", "regular 2 quotient", 12),
    (dihedral(6), HEXAGONAL, (3, 3), "square 3e", "square regular", 12),
    (cyclic(6), HEXAGONAL, (7, 7), "regular", "regular 1", 6),
    (so2(), HEXAGONAL, (5, 5), "0 1 2 3", "0 1 2", 6),
    (so2(), SQUARE, (5, 5), "0 1 2 3 1", "0 1 2", 4),
    (o2(), SQUARE, (5, 5), "0e 0o 1 2", "0e 0o 1 3", 8),
    (o2(), SQUARE, (5, 5), "standard square", "square 1", 8),
    (reflection(1), LINE, (5,), "regular 0e 0o", "0o regular", 2),
    (octahedral(), CUBIC, (3, 3, 3), "regular 0 1 2 3 4", "regular 0 1 2 3 4", 24),
    (octahedral(), CUBIC, (3, 3, 3), "1 square quotient", "square 3 restricted quotient", 24),
    (octahedral(), CUBIC, (2, 2, 2), "1 0", "1 2", 24),
    (octahedral(), lattice("cubic", 3, (2.0, 1.0, 1.0)), (3, 5, 5), "1 0", "1 regular", 8),
    (octahedral(), CUBIC, (1, 3, 3), "1 0", "1 regular", 8),
    (icosahedral(), CUBIC, (3, 3, 3), "1 2", "1 3 4", 12),
    (so3(), CUBIC, (3, 3, 3), "0 1 2 3", "0 1 2", 24),
    (so3(), CUBIC, (5, 5, 5), "0 1", "1 2", 24),
    (o3(), CUBIC, (3, 3, 3), "0e 1o 2e 1e", "0o 1o 2e", 48),
    (full_octahedral(), CUBIC, (3, 3, 3), "1 0 5", "quotient 3 9", 48),
    (build("cylindrical()"), CUBIC, (3, 3, 3), "1+ 0- 2-", "0+ 1- 1+", 8),
    (build("dihedral(4, d=3)"), CUBIC, (3, 3, 3), "regular standard", "standard regular", 8),
]


def fields_of(group, text):
    """Fields separated by spaces; a field that is itself a sum is joined by "+" without spaces."""
    return tuple(direct_sum([field(group, part) for part in word.split("+")] if "+" in word[:-1] else [field(group, word)])
                 for word in text.split())  # fmt: skip


def symmetries(group, found):
    """The exact symmetries that map the taps of the kernel to each other."""
    mask = found.lattice.kernel_mask(found.kernel_size)
    points = found.points(group.d)[mask]
    return [
        g
        for g in exact_symmetries(found.lattice, group).elements
        if float(distances(points @ g.mT, points).amin(1).max()) < 1e-9
    ]


def reflection_labels(text):
    """The irreps of the reflection of a line are found by the search, and are called "0" and "1"."""
    return text.replace("0e", "0").replace("0o", "1")


@pytest.mark.parametrize(
    ("group", "grid", "k", "into", "out", "count"), LAYERS, ids=[f"{g} {l} {k}: {i} -> {o}" for g, l, k, i, o, _ in LAYERS]
)
def test_the_kernel_law_on_exact_symmetries(group, grid, k, into, out, count):
    if group == reflection(1):
        into, out = reflection_labels(into), reflection_labels(out)
    fields_in, fields_out = fields_of(group, into), fields_of(group, out)
    found = sampling(grid, k)
    layer = plan(fields_in, fields_out, found)
    kernel = layer.expand(randn(layer.size), layer.constants)
    rep_in, rep_out = direct_sum(fields_in), direct_sum(fields_out)
    assert kernel.shape == (rep_out.dim, rep_in.dim, found.taps)
    mask = grid.kernel_mask(k)
    exact = symmetries(group, found)
    assert len(exact) == count
    for g in exact:
        assert_kernel_law(kernel[..., mask], rep_in, rep_out, found.points(grid.d)[mask], g)
    assert float(kernel[..., ~mask].abs().sum()) == 0.0
    broken = kernel + 0.1 * randn(*kernel.shape, seed=1)
    with pytest.raises(AssertionError, match="differ by"):
        assert_kernel_law(broken[..., mask], rep_in, rep_out, found.points(grid.d)[mask], exact[-1])


def test_elements_that_the_grid_lacks_violate_the_law():
    """The eighth turn of C8 moves no tap to a tap; about x, D4 in space has no quarter turn."""
    layer = plan((cyclic(8).regular,), (cyclic(8).regular,), sampling(SQUARE, (3, 3)))
    kernel = layer.expand(randn(layer.size), layer.constants)
    with pytest.raises(AssertionError, match="does not map taps to taps"):
        assert_kernel_law(kernel, cyclic(8).regular, cyclic(8).regular, SQUARE.positions((3, 3)), cyclic(8).elements[1])
    group, whole = build("dihedral(4, d=3)"), octahedral()
    layer = plan((group.standard,), (group.standard,), sampling(CUBIC, (3, 3, 3)))
    kernel = layer.expand(randn(layer.size), layer.constants)
    about_x = next(g for g in whole.elements if float(g[0, 0]) == 1.0 and abs(float(g[1, 2])) == 1.0)
    with pytest.raises(AssertionError, match="differ by"):
        assert_kernel_law(kernel, whole.standard, whole.standard, CUBIC.positions((3, 3, 3)), about_x)


POINT_LAYERS = [
    (octahedral(), "regular 1 0", "1 regular 3 0"),
    (so3(), "0 1 2 1", "1 1 0"),
    (icosahedral(), "square 2", "square 2 0"),
    (build("quaternion_group()"), "regular 1", "1 regular 0"),
    (build("so2() * so2()"), "1 2 3", "3 1"),
]


@pytest.mark.parametrize(("group", "into", "out"), POINT_LAYERS, ids=[str(g) for g, _, _ in POINT_LAYERS])
def test_a_single_tap_is_an_intertwiner(group, into, out):
    """Layers without base space, for groups of any dimension, span Hom_G."""
    fields_in, fields_out = fields_of(group, into), fields_of(group, out)
    layer = plan(fields_in, fields_out, POINT)
    a, b = direct_sum(fields_in), direct_sum(fields_out)
    kernels = torch.stack([layer.expand(row, layer.constants)[..., 0] for row in torch.eye(layer.size).double()])
    assert_intertwiner(kernels, a, b, elements(group, 3))
    expected = sum(i.endomorphisms * n * b.multiplicities.get(i, 0) for i, n in a.multiplicities.items())
    assert layer.size == expected
    assert torch.linalg.matrix_rank(kernels.flatten(1)) == layer.size


# Values, variance, and what cannot be reached


MIXED = [LAYERS[i] for i in (0, 2, 5, 6, 9, 14, 18, 23)]


@pytest.mark.parametrize(("group", "grid", "k", "into", "out", "count"), MIXED, ids=[f"{m[0]} {m[1]} {m[2]}" for m in MIXED])
def test_the_deviation_keeps_the_variance(group, grid, k, into, out, count):
    """For every output field, `sum deviation^2 |element|^2 / dim = 1`: closed form, no draws."""
    fields_in, fields_out = fields_of(group, into), fields_of(group, out)
    layer = plan(fields_in, fields_out, sampling(grid, k))
    assert layer.deviation.shape == (layer.size,)
    weights = torch.diag(layer.deviation)
    power = sum((layer.expand(row, layer.constants) ** 2).sum((1, 2)) for row in weights)
    atoms = [atom for atom, n in layer.layout_out.groups for _ in range(n)]
    if layer.layout_out.mixing is None:
        if layer.layout_out.order is not None:
            power = power[layer.layout_out.order.argsort()]
        start = 0
        for atom in atoms:
            assert_close(power[start : start + atom.dim].mean(), torch.tensor(1.0).double())
            start += atom.dim
    assert_close(power.mean(), torch.tensor(1.0).double())
    assert count > 0


def test_a_copy_is_made_of_what_was_asked_for():
    group = octahedral()
    layer = plan((group.regular, group.irrep(1)), (group.irrep(2), group.standard), sampling(CUBIC, (3, 3, 3)))
    text = pickle.dumps(layer)
    assert len(text) < 30_000
    plan.cache_clear()
    copy = pickle.loads(text)
    assert copy is not layer
    assert copy.size == layer.size
    assert all(torch.equal(a, b) for a, b in zip(copy.constants, layer.constants, strict=True))
    weight = randn(layer.size)
    assert torch.equal(copy.expand(weight, copy.constants), layer.expand(weight, layer.constants))


def test_equal_arguments_give_equal_plans():
    def make():
        group = from_generators(octahedral().generators)
        return plan((group.regular,), (group.irrep(1),), sampling(lattice(None, 3), (3, 3, 3)))

    first = make()
    plan.cache_clear()
    second = make()
    assert all(torch.equal(a, b) for a, b in zip(first.constants, second.constants, strict=True))


def test_expansion_is_linear_differentiable_and_of_any_precision():
    group = dihedral(4)
    layer = plan(fields_of(group, "regular 1 square"), fields_of(group, "1 regular quotient"), sampling(SQUARE, (3, 3)))
    a, b = randn(2, layer.size)
    expanded = [layer.expand(w, layer.constants) for w in (a, b, 2 * a - 3 * b)]
    assert_close(expanded[2], 2 * expanded[0] - 3 * expanded[1])
    constants = tuple(c.float() if c.is_floating_point() else c for c in layer.constants)
    assert_close(layer.expand(a.float(), constants).double(), expanded[0], 1e-4)
    a.requires_grad_()
    (gradient,) = torch.autograd.grad((layer.expand(a, layer.constants) * expanded[1]).sum(), a)
    columns = torch.stack([layer.expand(row, layer.constants) for row in torch.eye(layer.size).double()])
    assert_close(gradient, (columns * expanded[1]).sum((1, 2, 3)))


def test_the_order_of_fields_does_not_change_the_space():
    group, found = dihedral(4), sampling(SQUARE, (3, 3))
    one = plan(fields_of(group, "regular 1 regular"), fields_of(group, "1 0o"), found)
    two = plan(fields_of(group, "regular regular 1"), fields_of(group, "0o 1"), found)

    def dense(layer):
        return torch.stack([layer.expand(row, layer.constants) for row in torch.eye(layer.size).double()])

    channels_in = [*range(8), *range(10, 18), 8, 9]
    assert_same_span(dense(one)[:, [2, 0, 1]][:, :, channels_in], dense(two))


def test_output_fields_that_no_kernel_reaches():
    group = cyclic(8)
    layer = plan((group.trivial,), (group.irrep(4), group.irrep(1), group.irrep(4)), sampling(SQUARE, (3, 3)))
    assert layer.unreachable == ((group.irrep(4), 2),)
    kernel = layer.expand(randn(layer.size), layer.constants)
    assert float(kernel[[0, 3]].abs().max()) == 0.0
    assert float(kernel[1:3].abs().max()) > 0.1
    assert plan((group.trivial,), (group.irrep(4),), sampling(SQUARE, (5, 5), 4)).unreachable == ()


def test_nothing_at_all_is_reached():
    group = cyclic(8)
    layer = plan((group.trivial,), (group.irrep(4),), sampling(SQUARE, (1, 1)))
    assert layer.size == 0
    assert layer.unreachable == ((group.irrep(4), 1),)
    assert_close(layer.expand(torch.zeros(0).double(), layer.constants), torch.zeros(1, 1, 1).double(), 0.0)


def test_large_regular_layers_are_made_of_little():
    """Octahedral regular to regular: kilobytes of constants, where the dense basis would be megabytes."""
    group = octahedral()
    layer = plan((group.regular,) * 2, (group.regular,) * 2, sampling(CUBIC, (5, 5, 5)))
    stored = sum(c.numel() for c in layer.constants)
    assert stored < 0.01 * layer.size * 48 * 48 * 125


@pytest.mark.parametrize(("kind", "d", "k"), [("square", 2, 7), ("square", 2, 9), ("hexagonal", 2, 7), ("cubic", 3, 5)])
def test_initial_weights_do_not_depend_on_the_unit_of_length(kind, d, k):
    group = cyclic(2) if d == 2 else cyclic(2, d=3)
    shape = (1.3, 0.7, 0.7) if d == 3 else 1.0
    found = [
        plan((group.regular,), (group.regular,), sampling(lattice(kind, d, scaled(shape, unit)), (k,) * d)).deviation
        for unit in (1.0, 0.3, 0.1)
    ]
    for other in found[1:]:
        assert_close(other, found[0], 1e-9)
    assert float(found[0].max() / found[0].min()) > 2  # smooth elements have more than others


def scaled(spacing, unit):
    return tuple(s * unit for s in spacing) if isinstance(spacing, tuple) else spacing * unit
