"""Moving sampled functions: `(g f)(x) = f(g^-1 x)`."""

import math
from itertools import product

import pytest
import torch

from steer.expansion import lattice, moves_exactly, transform
from steer.group import dihedral, full_octahedral, planar_reflection, planar_rotation, rotation
from tests.cases import assert_close, assert_far, distances, randn

SQUARE, HEXAGONAL, CUBIC, LINE = (lattice(k, d) for k, d in (("square", 2), ("hexagonal", 2), ("cubic", 3), ("line", 1)))
QUARTER = planar_rotation(math.pi / 2)


def brute_force(values, grid, g, shape):
    """Every output sample looks up the input sample that lies at `g^-1 x`; zero where there is none."""
    d = grid.d
    source = {tuple((p * 4).round().int().tolist()): i for i, p in enumerate(grid.positions(values.shape[-d:]))}
    flat = values.flatten(-d)
    out = torch.zeros(*values.shape[:-d], math.prod(shape), dtype=values.dtype)
    for i, p in enumerate(grid.positions(shape)):
        j = source.get(tuple((g.mT @ p * 4).round().int().tolist()))
        if j is not None:
            out[..., i] = flat[..., j]
    return out.reshape(*values.shape[:-d], *shape)


@pytest.mark.parametrize("shape", [(5, 5), (4, 4), (1, 1), (6, 3)])
def test_the_quarter_turn_is_rot90(shape):
    image = randn(2, 3, *shape)
    assert torch.equal(transform(image, SQUARE, QUARTER), torch.rot90(image, 1, (-2, -1)))
    assert torch.equal(transform(image, SQUARE, QUARTER.mT), torch.rot90(image, -1, (-2, -1)))


def test_the_other_direction_is_not():
    image = randn(1, 1, 5, 5)
    assert_far(transform(image, SQUARE, QUARTER), torch.rot90(image, -1, (-2, -1)))


def test_mirrors_are_flips():
    image = randn(2, 4, 6)
    assert torch.equal(transform(image, SQUARE, torch.diag(torch.tensor([-1.0, 1.0]))), image.flip(-1))
    assert torch.equal(transform(image, SQUARE, planar_reflection(0.0)), image.flip(-2))
    assert torch.equal(transform(image, SQUARE, planar_reflection(math.pi / 4)), image.rot90(1, (-2, -1)).flip(-1))
    line = randn(3, 7)
    assert torch.equal(transform(line, LINE, torch.tensor([[-1.0]])), line.flip(-1))


@pytest.mark.parametrize(
    ("axis", "axes"), [((0, 0, 1), (-2, -1)), ((0, 1, 0), (-3, -1)), ((1, 0, 0), (-3, -2))], ids=["z", "y", "x"]
)
def test_quarter_turns_of_volumes_are_rot90(axis, axes):
    volume = randn(2, 3, 4, 5)
    assert torch.equal(transform(volume, CUBIC, rotation(axis, math.pi / 2)), torch.rot90(volume, 1, axes))


@pytest.mark.parametrize("g", full_octahedral().elements, ids=range(48))
def test_cube_symmetries_against_brute_force(g):
    volume = randn(2, 3, 4, 5)
    moved = transform(volume, CUBIC, g)
    new_shape = tuple((g.abs().flip(0, 1).long() @ torch.tensor([3, 4, 5])).tolist())  # g in array order (z, y, x)
    assert moved.shape == (2, *new_shape)
    assert torch.equal(moved, brute_force(volume, CUBIC, g, new_shape))


@pytest.mark.parametrize("grid", [SQUARE, lattice("square", 2, 0.5)], ids=str)
def test_square_symmetries_against_brute_force(grid):
    image = randn(2, 3, 4)
    for g in dihedral(4).elements:
        moved = transform(image, grid, g)
        scaled = lattice("square", 2)  # positions in samples
        assert torch.equal(moved, brute_force(image, scaled, g, moved.shape[-2:]))


@pytest.mark.parametrize("grid", [SQUARE, CUBIC], ids=str)
def test_composition(grid):
    """`g (h f) = (g h) f`, for non-square shapes too."""
    values = randn(2, *range(3, 3 + grid.d))
    group = dihedral(4) if grid.d == 2 else full_octahedral()
    for g, h in product(group.elements[:: 1 + group.order // 9], group.elements[:: 1 + group.order // 7]):
        assert torch.equal(transform(transform(values, grid, h), grid, g), transform(values, grid, g @ h))


def test_the_order_of_a_composition_matters():
    values = randn(1, 5, 5)
    g, h = QUARTER, planar_reflection(0.0)
    assert_far(transform(transform(values, SQUARE, h), SQUARE, g), transform(values, SQUARE, h @ g))


def hexagon(size, seed=0):
    """Random values on a hexagon of sites, zero around it."""
    mask = HEXAGONAL.kernel_mask((size, size)).reshape(size, size)
    return randn(2, size, size, seed=seed) * mask


@pytest.mark.parametrize("g", dihedral(6).elements, ids=range(12))
def test_hexagonal_symmetries_move_sites_to_sites(g):
    values = hexagon(7)
    moved = transform(values, HEXAGONAL, g)
    assert moved.shape == values.shape
    assert_close(moved.flatten(1).sort().values, values.flatten(1).sort().values, 0.0)
    positions = HEXAGONAL.positions((7, 7))
    nearest = distances(positions @ g, positions)  # rows: g^-1 x
    expected = values.flatten(1)[:, nearest.argmin(1)] * (nearest.amin(1) < 1e-9)
    assert torch.equal(moved.flatten(1), expected)


def test_hexagonal_compositions():
    values = hexagon(5)
    for g, h in product(dihedral(6).elements, repeat=2):
        twice = transform(transform(values, HEXAGONAL, h), HEXAGONAL, g)
        assert torch.equal(twice, transform(values, HEXAGONAL, g @ h))


def test_half_turn_of_a_hexagonal_array_flips_both_axes():
    values = randn(2, 6, 4)
    assert torch.equal(transform(values, HEXAGONAL, -torch.eye(2)), values.flip(-1, -2))


def test_what_leaves_the_array_is_lost_and_zero_comes_in():
    corner = torch.zeros(5, 5).double()
    corner[0, 0] = 1.0
    turned = transform(corner[None], HEXAGONAL, planar_rotation(math.pi / 3))
    assert float(turned.abs().sum()) == 0.0


def test_which_elements_move_exactly():
    assert moves_exactly(SQUARE, QUARTER, (4, 7))
    assert moves_exactly(SQUARE, QUARTER.float(), (4, 7))
    assert not moves_exactly(SQUARE, planar_rotation(math.pi / 4), (5, 5))
    assert moves_exactly(HEXAGONAL, planar_rotation(math.pi / 3), (5, 5))
    assert not moves_exactly(HEXAGONAL, QUARTER, (5, 5))
    assert moves_exactly(CUBIC, rotation([1, 1, 1], 2 * math.pi / 3), (4, 4, 4))
    stretched = lattice("square", 2, (2.0, 1.0))
    assert not moves_exactly(stretched, QUARTER, (5, 5))
    assert moves_exactly(stretched, -torch.eye(2), (5, 4))


def test_anisotropic_grids_move_in_physical_space():
    """A square of 8 x 8 units, sampled every 2 units along y and every 1 along x, turned by a quarter."""
    grid = lattice("cubic", 3, (1.0, 2.0, 1.0))
    volume = randn(1, 5, 3, 5)
    about_y = rotation([0, 1, 0], math.pi / 2)
    assert torch.equal(transform(volume, grid, about_y), torch.rot90(volume, 1, (-3, -1)))
    assert not moves_exactly(grid, rotation([0, 0, 1], math.pi / 2), (5, 3, 5))


def smooth(grid, shape, centre):
    return torch.exp(-((grid.positions(shape) - centre) ** 2).sum(-1) / 18).reshape(1, 1, *shape)


@pytest.mark.parametrize("grid", [SQUARE, lattice("square", 2, (2.0, 1.0)), HEXAGONAL], ids=str)
def test_interpolation_turns_about_the_centre(grid):
    """A smooth bump at c comes to lie at g c."""
    shape, centre = (21, 41) if grid.spacing[0] == 2.0 else (41, 41), torch.tensor([4.0, 2.0]).double()
    g = planar_rotation(0.5)
    moved = transform(smooth(grid, shape, centre), grid, g)
    inside = grid.positions(shape).norm(dim=-1).reshape(shape) < 12
    assert_close(moved[..., inside], smooth(grid, shape, g @ centre)[..., inside], 0.05)
    assert_far(moved[..., inside], smooth(grid, shape, g.mT @ centre)[..., inside], 0.2)


def test_interpolation_of_volumes():
    centre = torch.tensor([3.0, 1.0, -2.0]).double()
    g = rotation([1.0, 2.0, 0.5], 0.6)
    shape = (19, 21, 23)
    moved = transform(smooth(CUBIC, shape, centre), CUBIC, g)
    inside = CUBIC.positions(shape).norm(dim=-1).reshape(shape) < 7
    assert_close(moved[..., inside], smooth(CUBIC, shape, g @ centre)[..., inside], 0.05)
    assert_far(moved[..., inside], smooth(CUBIC, shape, g.mT @ centre)[..., inside], 0.2)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_modes_of_interpolation(mode):
    image = smooth(SQUARE, (31, 31), torch.tensor([4.0, 2.0]).double())
    g = planar_rotation(0.5)
    error = (transform(image, SQUARE, g, mode) - smooth(SQUARE, (31, 31), g @ torch.tensor([4.0, 2.0]).double())).abs()
    assert float(error[..., 8:-8, 8:-8].max()) < {"bilinear": 0.03, "nearest": 0.2, "bicubic": 0.02}[mode]


def test_the_identity_and_precision():
    image = randn(2, 3, 5, 4)
    assert torch.equal(transform(image, SQUARE, torch.eye(2)), image)
    assert transform(image.float(), SQUARE, QUARTER).dtype == torch.float32
    assert transform(image.float(), SQUARE, planar_rotation(0.3)).dtype == torch.float32
    assert transform(image.long(), SQUARE, QUARTER).dtype == torch.long


def test_gradients_flow():
    image = randn(1, 4, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: transform(x, SQUARE, planar_rotation(0.3)), (image,))
    assert torch.autograd.gradcheck(lambda x: transform(x, SQUARE, QUARTER), (image,))


def test_a_line_turns_only_over():
    with pytest.raises(ValueError, match=r"transform: a line is moved by \+1 or -1 only"):
        transform(randn(1, 5), LINE, torch.tensor([[0.5]]))


def test_the_default_device_does_not_matter():
    """Positions are computed on the CPU, the result lives where the values live."""
    image, volume = randn(1, 2, 5, 5), randn(1, 2, 3, 4, 5)
    turns = [QUARTER, planar_rotation(0.3)]
    plain = [transform(image, SQUARE, g) for g in turns] + [transform(volume, CUBIC, rotation([0, 0, 1], 0.3))]
    with torch.device("meta"):
        again = [transform(image, SQUARE, g) for g in turns] + [transform(volume, CUBIC, rotation([0, 0, 1], 0.3))]
    assert all(torch.equal(a, b) for a, b in zip(again, plain, strict=True))
