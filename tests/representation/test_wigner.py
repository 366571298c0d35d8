"""Wigner matrices: e3nn's basis, high degrees, derivatives."""

import math

import pytest
import torch

from steer.group import quaternion_to_matrix, rotation, so3
from steer.representation import gradient_coupling, real_harmonics_from_complex, wigner_d, wigner_d_from_angles, wigner_j
from tests.cases import assert_close, assert_far, assert_homomorphism, assert_orthogonal, randn, seeded


def second_degree(points):
    """The harmonics of degree 2 in the order and normalisation of e3nn (component sum of squares one)."""
    x, y, z = points.unbind(-1)
    s = math.sqrt(3)
    return torch.stack([s * x * z, s * x * y, y**2 - (x**2 + z**2) / 2, s * y * z, s / 2 * (z**2 - x**2)], -1)


def third_degree(points):
    """The harmonics of degree 3 of e3nn."""
    x, y, z = points.unbind(-1)
    first, last = second_degree(points)[..., 0], second_degree(points)[..., 4]
    planar = x**2 + z**2
    return torch.stack(
        [
            math.sqrt(5 / 6) * (first * z + last * x),
            math.sqrt(5) * first * y,
            math.sqrt(3 / 8) * (4 * y**2 - planar) * x,
            y * (2 * y**2 - 3 * planar) / 2,
            math.sqrt(3 / 8) * z * (4 * y**2 - planar),
            math.sqrt(5) * last * y,
            math.sqrt(5 / 6) * (last * z - first * x),
        ],
        -1,
    )


def test_degree_zero_is_one():
    assert_close(wigner_d(0, so3().sample(4, seeded(0))), torch.ones(4, 1, 1).double(), 0.0)


def test_degree_one_is_the_rotation():
    g = so3().sample(10, seeded(0))
    assert_close(wigner_d(1, g), g, 1e-15)


@pytest.mark.parametrize(("degree", "polynomials"), [(2, second_degree), (3, third_degree)])
def test_the_basis_is_that_of_e3nn(degree, polynomials):
    g, x = so3().sample(10, seeded(1)), randn(6, 3)
    moved = polynomials(torch.einsum("gij,nj->gni", g, x))
    assert_close(moved, torch.einsum("gij,nj->gni", wigner_d(degree, g), polynomials(x)))
    shuffled = polynomials(x.roll(1, -1))
    assert_far(moved, torch.einsum("gij,nj->gni", wigner_d(degree, g), shuffled))


@pytest.mark.parametrize("degree", range(13))
def test_laws_upto_degree_twelve(degree):
    irrep = so3().irrep(degree)
    g = so3().sample(4, seeded(degree))
    assert_orthogonal(irrep(g))
    assert_homomorphism(irrep, g)


@pytest.mark.parametrize("degree", [1, 2, 5, 12, 16])
def test_characters(degree):
    """`chi(a) = sin((2 l + 1) a / 2) / sin(a / 2)` for a turn by a about any axis."""
    for angle in (0.3, 1.7, 3.0):
        g = rotation(randn(3, seed=degree).tolist(), angle)
        expected = math.sin((2 * degree + 1) * angle / 2) / math.sin(angle / 2)
        assert abs(float(wigner_d(degree, g).trace()) - expected) < 1e-12 * (2 * degree + 1)


@pytest.mark.parametrize("degree", [1, 2, 7])
def test_turns_about_the_polar_axis_mix_opposite_orders_only(degree):
    """The polar axis is y: order m turns by m times the angle."""
    angle = 0.4
    d = wigner_d(degree, rotation([0, 1, 0], angle))
    m = torch.arange(-degree, degree + 1).double()
    assert_close(d.diagonal(), torch.cos(m * angle))
    assert_close(d.flip(1).diagonal().abs(), torch.where(m == 0, 1.0, torch.sin(m * angle).abs()))
    assert int((d.abs() > 1e-9).sum()) == 4 * degree + 1


def test_degenerate_rotations_have_no_poles():
    for g in (torch.eye(3), rotation([0, 1, 0], math.pi), rotation([1, 0, 0], math.pi / 2), rotation([0, 1, 0], 1e-9)):
        d = wigner_d(6, g.double())
        assert_orthogonal(d)
        near = wigner_d(6, g.double() @ rotation([0.3, 0.2, 0.1], 1e-6))
        assert_close(d, near, 1e-4)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_derivatives(degree):
    g = so3().sample(1, seeded(5)).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: wigner_d(degree, r), (g,))


def test_derivatives_through_a_quaternion():
    q = randn(1, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: wigner_d(2, quaternion_to_matrix(p)), (q,))


def test_the_derivative_is_the_algebra():
    """`d/dt D(exp(t X) g)` at 0 is antisymmetric times D(g)."""
    g = so3().sample(1, seeded(6))[0]
    generator = so3().algebra[0]
    _, slope = torch.autograd.functional.jvp(
        lambda t: wigner_d(3, torch.linalg.matrix_exp(t * generator) @ g),
        torch.tensor(0.0).double(),
        torch.tensor(1.0).double(),
    )
    algebra = slope @ wigner_d(3, g).mT
    assert_close(algebra, -algebra.mT)
    assert_far(algebra, torch.zeros_like(algebra))


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
def test_batches(shape):
    g = so3().sample(max(1, math.prod(shape)), seeded(2))[: math.prod(shape)].reshape(*shape, 3, 3)
    values = wigner_d(3, g)
    assert values.shape == (*shape, 7, 7)
    assert wigner_d(3, g.float()).dtype == torch.float32
    if math.prod(shape) == 6:
        assert_close(values[1, 2], wigner_d(3, g[1, 2]), 1e-15)


@pytest.mark.parametrize("degree", [1, 2, 5, 12])
def test_gradient_couplings_are_isometries(degree):
    a = gradient_coupling(degree).flatten(1)
    assert_close(a @ a.mT, torch.eye(2 * degree + 1).double())


@pytest.mark.parametrize("degree", [0, 1, 4])
def test_real_from_complex_is_unitary(degree):
    u = real_harmonics_from_complex(degree)
    assert_close((u @ u.mH).real, torch.eye(2 * degree + 1).double())
    assert_close((u @ u.mH).imag, torch.zeros(2 * degree + 1, 2 * degree + 1).double())


def _about_pole_generator(degree):
    """d/dt at 0 of rotations about y: order m and -m turn into each other, m times as fast."""
    m = torch.arange(-degree, degree + 1).double()
    return torch.diag(-m).flip(-1)


@pytest.mark.parametrize("degree", range(1, 31))
def test_wigner_matrices_are_exponentials_of_their_generators(degree):
    """An independent way: the generator about y is known, that about x follows by the exchange of the axes, and the Casimir
    operator says that both belong to one irrep of this degree."""
    pole = _about_pole_generator(degree)
    side = wigner_j(degree) @ pole @ wigner_j(degree)
    third = side @ pole - pole @ side
    casimir = -(pole @ pole + side @ side + third @ third)
    assert_close(casimir, degree * (degree + 1) * torch.eye(2 * degree + 1).double(), 1e-9)
    for angle in (0.3, 1.9):
        about_y, about_x = rotation([0, 1, 0], angle), rotation([1, 0, 0], angle)
        assert_close(torch.matrix_exp(angle * pole), wigner_d(degree, about_y), 1e-9)
        assert_close(torch.matrix_exp(angle * side), wigner_d(degree, about_x), 1e-9)
        assert_far(torch.matrix_exp(-angle * pole), wigner_d(degree, about_y), 1e-3)


@pytest.mark.parametrize("degree", [0, 1, 4, 11, 30])
def test_from_angles(degree):
    alpha, beta, gamma = (torch.rand(3, 5, generator=seeded(degree)).double() * 6.0).unbind()
    expected = torch.stack(
        [
            wigner_d(degree, rotation([0, 1, 0], a) @ rotation([1, 0, 0], b) @ rotation([0, 1, 0], c))
            for a, b, c in zip(alpha.tolist(), beta.tolist(), gamma.tolist(), strict=True)
        ]
    )
    assert_close(wigner_d_from_angles(degree, alpha, beta, gamma), expected, 1e-12)
    assert_close(wigner_j(degree) @ wigner_j(degree), torch.eye(2 * degree + 1).double(), 1e-12)
