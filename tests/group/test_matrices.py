"""Named constructors of matrices."""

import math

import pytest
import torch

from steer.group import planar_reflection, planar_rotation, reflection_across, rotation
from steer.group._matrices import block_diagonal, snap
from tests.cases import assert_close, assert_orthogonal, randn, vector

UNITS = torch.eye(3).double()


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 2, -2.0, 5.0])
def test_planar_matrices(angle):
    turn, flip = planar_rotation(angle), planar_reflection(angle)
    assert_orthogonal(torch.stack([turn, flip]))
    along = vector(math.cos(angle), math.sin(angle))
    across = vector(-math.sin(angle), math.cos(angle))
    assert_close(turn[:, 0], along)  # counter-clockwise: x goes to the angle
    assert_close(turn[:, 1], across)
    assert_close(flip @ along, along)
    assert_close(flip @ across, -across)


@pytest.mark.parametrize("axis", [[0, 0, 1], [1.0, 2.0, -0.5], [0, -3, 0]])
@pytest.mark.parametrize("angle", [0.3, math.pi / 2, math.pi, -1.0])
def test_rotations_of_space(axis, angle):
    turn = rotation(axis, angle)
    n = vector(*axis)
    n /= n.norm()
    assert_orthogonal(turn)
    assert_close(torch.linalg.det(turn), torch.tensor(1.0).double())
    assert_close(turn @ n, n)
    v = torch.linalg.cross(n, randn(3, seed=0))
    assert_close(turn @ v, math.cos(angle) * v + math.sin(angle) * torch.linalg.cross(n, v))  # right-handed


def test_quarter_turns_are_right_handed_and_exact():
    assert torch.equal(rotation([0, 0, 1], math.pi / 2) @ UNITS[0], UNITS[1])
    assert torch.equal(rotation([1, 0, 0], math.pi / 2) @ UNITS[1], UNITS[2])
    assert torch.equal(rotation([0, 1, 0], math.pi / 2) @ UNITS[2], UNITS[0])
    assert torch.equal(planar_rotation(math.pi / 2), torch.tensor([[0.0, -1.0], [1.0, 0.0]]).double())


def test_reflections():
    normal = randn(4, seed=1)
    flip = reflection_across(normal.tolist())
    assert_orthogonal(flip)
    assert_close(flip @ normal, -normal)
    assert_close(torch.linalg.det(flip), torch.tensor(-1.0).double())
    assert_close(flip @ flip, torch.eye(4).double())


def test_snapping_moves_rounding_errors_only():
    values = vector(6e-17, -0.5 + 1e-16, 1 - 1e-15, -1e-15, 1e-13, 0.5 + 1e-13, 0.3)
    expected = vector(0.0, -0.5, 1.0, 0.0, 1e-13, 0.5 + 1e-13, 0.3)
    assert torch.equal(snap(values), expected)
    assert not bool(torch.signbit(snap(values)[3]))


def test_block_diagonal_broadcasts():
    a, b = randn(5, 1, 2, 2), randn(3, 1, 1)
    out = block_diagonal(a, b)
    assert out.shape == (5, 3, 3, 3)
    assert_close(out[4, 1], torch.block_diag(a[4, 0], b[1]), 0.0)


@pytest.mark.parametrize("axis", [[0, 0, 0], [1, 0], [1, 0, 0, 0]])
def test_bad_axes(axis):
    with pytest.raises(ValueError, match="axis: three finite numbers, not all zero, are required; received"):
        rotation(axis, 1.0)


@pytest.mark.parametrize("normal", [[0.0, 0.0], [[1.0, 0.0]]])
def test_bad_normals(normal):
    with pytest.raises(ValueError, match="normal: a finite, non-zero vector is required; received"):
        reflection_across(normal)
