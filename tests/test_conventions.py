"""What docs/conventions.md says, asserted: the choices that two libraries may make differently."""

import math

import pytest
import torch
import torch.nn.functional as F

from steer import gspaces
from steer.expansion import plan, sampling, transform
from steer.field import FieldType, GeometricTensor
from steer.group import (
    cyclic,
    dihedral,
    o2,
    o3,
    octahedral,
    planar_reflection,
    planar_rotation,
    reflection_across,
    rotation,
    so3,
)
from steer.kernel import kernel_basis
from steer.representation import GAUGE
from tests.cases import assert_close, assert_far, randn, vector

QUARTER = planar_rotation(math.pi / 2)


def test_elements_are_matrices_and_turn_counter_clockwise():
    angle = 0.3
    c, s = math.cos(angle), math.sin(angle)
    assert_close(planar_rotation(angle), torch.stack([vector(c, -s), vector(s, c)]))
    assert cyclic(4).elements.dtype == torch.float64
    assert_close(cyclic(8).elements[2], QUARTER)
    assert_close(planar_reflection(0.0), torch.diag(vector(1.0, -1.0)))
    assert_close(reflection_across([1, 0]), torch.diag(vector(-1.0, 1.0)))


def test_a_field_moves_forward_and_turns_its_values():
    """`[g f](x) = rho(g) f(g^-1 x)`: an arrow along x at a point right of the centre becomes one along y above it."""
    kind = FieldType(gspaces.rot2dOnR2(4), "1")
    image = torch.zeros(1, 2, 5, 5).double()
    image[0, 0, 2, 4] = 1.0  # the arrow (1, 0) at x = 2, y = 0
    expected = torch.zeros(1, 2, 5, 5).double()
    expected[0, 1, 0, 2] = 1.0  # the arrow (0, 1) at x = 0, y = 2: the top row
    assert_close(GeometricTensor(image, kind).transform(QUARTER).tensor, expected)


TURNS = [
    ("z", (0, 0, 1), (-2, -1)),
    ("y", (0, 1, 0), (-3, -1)),
    ("x", (1, 0, 0), (-3, -2)),
]


@pytest.mark.parametrize(("name", "axis", "axes"), TURNS)
def test_quarter_turns_of_arrays(name, axis, axes):
    """The table of docs/conventions.md."""
    g = rotation(axis, math.pi / 2)
    images = {"z": (0, 1), "y": (2, 0), "x": (1, 2)}[name]  # x to y, z to x, y to z
    assert_close(g[:, images[0]], torch.eye(3).double()[images[1]])
    volume = randn(1, 2, 3, 4, 5)
    grid = gspaces.rot3dOnR3().lattice
    assert torch.equal(transform(volume, grid, g), torch.rot90(volume, 1, axes))
    image = randn(1, 1, 3, 4)
    assert torch.equal(transform(image, gspaces.rot2dOnR2(4).lattice, QUARTER), torch.rot90(image, 1, (-2, -1)))


def test_the_kernel_law_is_that_of_cross_correlations():
    """`out(x) = sum_y K(y) f(x + y)` with `K(g y) = rho_out(g) K(y) rho_in(g)^-1`, through torch's convolution."""
    group = dihedral(4)
    space = gspaces.on(group)
    into, out = FieldType(space, "regular + 1"), FieldType(space, "1 + regular")
    layer = plan(into.representations, out.representations, sampling(space.lattice, (5, 5)))
    kernel = layer.expand(randn(layer.size), layer.constants).reshape(out.size, into.size, 5, 5)
    x = randn(2, into.size, 7, 9)
    for g in group.elements:
        assert_close(F.conv2d(into.transform(x, g), kernel), out.transform(F.conv2d(x, kernel), g))
    g = group.elements[1]
    for broken in (kernel.roll(1, 0), kernel.transpose(-1, -2), kernel.flip(-1)):
        assert_far(F.conv2d(into.transform(x, g), broken), out.transform(F.conv2d(x, broken), g))


def test_volumes_too():
    group = octahedral()
    space = gspaces.on(group)
    into, out = FieldType(space, "1 + 0"), FieldType(space, "2 + 1")
    layer = plan(into.representations, out.representations, sampling(space.lattice, (3, 3, 3)))
    kernel = layer.expand(randn(layer.size), layer.constants).reshape(out.size, into.size, 3, 3, 3)
    x = randn(1, into.size, 4, 5, 6)
    for g in group.elements:
        assert_close(F.conv3d(into.transform(x, g), kernel), out.transform(F.conv3d(x, kernel), g))
    broken = kernel.transpose(-1, -2)
    assert_far(F.conv3d(into.transform(x, g), broken), out.transform(F.conv3d(x, broken), g))


def test_hexagonal_grids_too():
    """All twelve elements of D6, on a hexagonal support with a margin."""
    group = dihedral(6)
    space = gspaces.on(group, "hexagonal")
    into, out = FieldType(space, "regular + 1"), FieldType(space, "2 + regular")
    layer = plan(into.representations, out.representations, sampling(space.lattice, (3, 3)))
    kernel = layer.expand(randn(layer.size), layer.constants).reshape(out.size, into.size, 3, 3)
    mask = F.pad(space.lattice.kernel_mask((5, 5)).reshape(5, 5), (2, 2, 2, 2))
    x = randn(1, into.size, 9, 9) * mask
    for g in group.elements:
        assert_close(F.conv2d(into.transform(x, g), kernel, padding=1), out.transform(F.conv2d(x, kernel, padding=1), g))
    square = torch.rot90(kernel, 1, (-2, -1))
    assert_far(F.conv2d(into.transform(x, g), square, padding=1), out.transform(F.conv2d(x, square, padding=1), g))


def test_regular_fields_list_the_elements_in_order():
    group = dihedral(3)
    for i, g in enumerate(group.elements):
        for j, h in enumerate(group.elements):
            image = group.regular(g)[:, j].argmax()
            assert_close(group.elements[image], g @ h)
        assert int(group.regular(g)[:, 0].argmax()) == i


def test_a_regular_field_of_a_cyclic_group_rolls_forward():
    """The first element of `[g f]` is the last of f for the generator: `(g f)(h) = f(g^-1 h)`."""
    group = cyclic(4)
    f = vector(0.0, 1.0, 2.0, 3.0)
    assert_close(group.regular(group.elements[1]) @ f, f.roll(1))


def test_degree_one_is_the_vector():
    g = so3().sample(5)
    assert_close(so3().irrep(1)(g), g)
    h = o3().sample(5)
    assert_close(o3().irrep("1o")(h), h)
    flat = o2().sample(5)
    assert_close(o2().irrep(1)(flat), flat)
    assert_close(kernel_basis(so3().trivial, so3().irrep(1), torch.eye(3), 1)[0, :, 0] * 3**0.5, torch.eye(3).double())


def test_tensor_products_vary_the_first_factor_slowest():
    a, b = so3().irrep(1), so3().irrep(2)
    g = so3().sample(1)[0]
    x, y = randn(3), randn(5, seed=1)
    assert_close((a @ b)(g) @ torch.outer(x, y).flatten(), torch.outer(a(g) @ x, b(g) @ y).flatten())


def test_the_gauge_has_a_version():
    assert GAUGE == 1


def test_the_grid_centre_is_the_origin():
    """A turn leaves the middle sample of an odd grid and no sample of an even one in its place."""
    odd = torch.zeros(1, 1, 3, 3).double()
    odd[..., 1, 1] = 1.0
    even = torch.zeros(1, 1, 4, 4).double()
    even[..., 1, 2] = 1.0
    grid = gspaces.rot2dOnR2(4).lattice
    assert torch.equal(transform(odd, grid, QUARTER), odd)
    assert float(transform(even, grid, QUARTER)[0, 0, 1, 1]) == 1.0
