"""Harmonics: how they turn, their size, their orthogonality, their basis."""

import math

import pytest
import torch

from steer.group import o2, o3, octahedral, so2, so3
from steer.kernel import HarmonicRepresentation, harmonic_dim, harmonics
from tests.cases import (
    SPATIAL,
    assert_close,
    assert_far,
    assert_homomorphism,
    assert_orthogonal,
    average,
    each,
    elements,
    randn,
    vector,
)
from tests.representation.test_wigner import second_degree, third_degree


@each(SPATIAL)
@pytest.mark.parametrize("degree", [0, 1, 2, 5])
def test_they_turn_with_their_argument(case, degree):
    """`Y(g x) = D(g) Y(x)`, at the origin too."""
    group = case.group
    g = elements(group, 5)
    x = torch.cat([randn(6, group.d), torch.zeros(1, group.d).double()])
    representation = HarmonicRepresentation(group, degree)
    moved = harmonics(torch.einsum("gij,nj->gni", g, x), degree)
    assert moved.shape == (len(g), 7, harmonic_dim(group.d, degree))
    assert_close(moved, torch.einsum("gij,nj->gni", representation(g), harmonics(x, degree)))


def test_the_wrong_parity_fails_the_law():
    """The negative control: degree 2 under the representation of odd parity."""
    g, x = elements(o3(), 5), randn(6, 3)
    moved = harmonics(torch.einsum("gij,nj->gni", g, x), 2)
    assert_far(moved, torch.einsum("gij,nj->gni", o3().irrep("2o")(g), harmonics(x, 2)))


@each(SPATIAL)
@pytest.mark.parametrize("degree", [0, 1, 3])
def test_the_action_is_an_orthogonal_representation(case, degree):
    representation = HarmonicRepresentation(case.group, degree)
    g = elements(case.group, 4)
    assert representation.degree == degree
    assert_homomorphism(representation, g)
    assert_orthogonal(representation(g))
    assert sum(i.dim for i in representation.irreps) == representation.dim == harmonic_dim(case.group.d, degree)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("degree", [0, 1, 2, 7, 12])
def test_they_have_length_one_and_vanish_at_the_origin(d, degree):
    x = torch.cat([1e-8 * randn(3, d), randn(3, d), 1e8 * randn(3, d)])
    values = harmonics(x, degree)
    if harmonic_dim(d, degree) == 0:
        assert (d, values.shape) == (1, (9, 0))
    else:
        assert_close(values.norm(dim=-1), torch.ones(9).double())
        assert_close(harmonics(3 * x, degree), values)
    origin = harmonics(torch.zeros(1, d).double(), degree)
    assert_close(origin, torch.full_like(origin, float(degree == 0)), 0.0)


@pytest.mark.parametrize("group", [o2(), o3()], ids=str)
def test_they_are_orthogonal_on_the_sphere(group):
    """Over the sphere, `mean Y_a Y_b = delta_ab / dim`, of all degrees upto four together."""
    top = 4
    pole = torch.eye(group.d).double()[0]

    def gram(g):
        values = torch.cat([harmonics(g @ pole, degree) for degree in range(top + 1)], -1)
        return values[:, :, None] * values[:, None]

    expected = torch.cat(
        [torch.full((harmonic_dim(group.d, k),), 1 / harmonic_dim(group.d, k)).double() for k in range(top + 1)]
    )
    assert_close(average(group, 2 * top, gram), torch.diag(expected), 1e-8)


def test_degree_one_is_the_direction():
    for d in (1, 2, 3):
        x = randn(5, d)
        assert_close(harmonics(x, 1), x / x.norm(dim=-1, keepdim=True), 1e-15)


@pytest.mark.parametrize("degree", [1, 2, 5])
def test_in_the_plane_they_are_cosine_and_sine(degree):
    angle = torch.linspace(-3, 3, 7, dtype=torch.float64)
    x = torch.stack([torch.cos(angle), torch.sin(angle)], -1) * 2.5
    assert_close(harmonics(x, degree), torch.stack([torch.cos(degree * angle), torch.sin(degree * angle)], -1))


@pytest.mark.parametrize(("degree", "polynomials"), [(2, second_degree), (3, third_degree)])
def test_in_space_they_are_those_of_e3nn(degree, polynomials):
    x = randn(8, 3)
    x = x / x.norm(dim=-1, keepdim=True)
    assert_close(harmonics(x, degree), polynomials(x))


@pytest.mark.parametrize("degree", [1, 2, 5, 12])
def test_addition_theorem(degree):
    """`Y(x) . Y(y) = P_l(x . y)` in space, `cos(k angle)` in the plane."""
    x, y = randn(2, 6, 3, seed=4)
    x, y = x / x.norm(dim=-1, keepdim=True), y / y.norm(dim=-1, keepdim=True)
    cosine = (x * y).sum(-1)
    before, legendre = torch.ones(6).double(), cosine
    for l in range(1, degree):
        before, legendre = legendre, ((2 * l + 1) * cosine * legendre - l * before) / (l + 1)
    assert_close((harmonics(x, degree) * harmonics(y, degree)).sum(-1), legendre)


def test_irreps_of_the_continuous_groups():
    """Degree l of O(3) is "le" or "lo" by its parity, with the same matrices; frequency k of O(2) is "k"."""
    for degree in range(5):
        label = f"{degree}{'eo'[degree % 2]}"
        g = elements(o3(), 4)
        assert HarmonicRepresentation(o3(), degree).irreps == (o3().irrep(label),)
        assert_close(HarmonicRepresentation(o3(), degree)(g), o3().irrep(label)(g))
        assert HarmonicRepresentation(so3(), degree).irreps == (so3().irrep(degree),)
    for degree in range(1, 4):
        g = elements(o2(), 4)
        assert_close(HarmonicRepresentation(o2(), degree)(g), o2().irrep(degree)(g))


def test_precision_and_derivatives():
    x = randn(3, 3)
    assert harmonics(x.float(), 3).dtype == torch.float32
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: harmonics(p, 3), (x,))


def test_shapes():
    assert harmonics(randn(2, 5, 3), 2).shape == (2, 5, 5)
    assert [harmonic_dim(1, k) for k in range(4)] == [1, 1, 0, 0]
    assert [harmonic_dim(2, k) for k in range(4)] == [1, 2, 2, 2]
    assert [harmonic_dim(3, k) for k in range(4)] == [1, 3, 5, 7]
    assert str(HarmonicRepresentation(so3(), 2)) == "harmonics[2]"


def test_the_quarter_point():
    """The first harmonics at (0, 1, 0), the polar axis: only order zero is there."""
    y = vector(0.0, 1.0, 0.0)
    for degree in (1, 2, 3):
        expected = torch.zeros(2 * degree + 1).double()
        expected[degree] = 1.0
        assert_close(harmonics(y, degree), expected, 1e-15)
    assert math.isclose(float(harmonics(vector(0.0, -1.0, 0.0), 3)[3]), -1.0)


def test_four_dimensions():
    with pytest.raises(ValueError, match="harmonics: 1, 2 or 3 dimensions are required; received d = 4"):
        harmonics(randn(2, 4), 1)


@pytest.mark.parametrize("group", [so2(), o2(), so3(), o3()], ids=str)
@pytest.mark.parametrize("degree", range(6))
def test_harmonics_of_the_whole_space_are_irreps_in_their_own_basis(group, degree):
    representation = HarmonicRepresentation(group, degree)
    irrep = representation.as_irrep
    g = group.sample(5, torch.Generator().manual_seed(0))
    assert_close(irrep.matrices(g), representation.matrices(g))
    assert irrep.degree == degree
    assert HarmonicRepresentation(octahedral(), degree).as_irrep is None
