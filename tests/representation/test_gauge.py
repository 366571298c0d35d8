"""The canonical gauge: one basis for every subspace."""

import pytest
import torch

from steer.representation import canonical_basis, canonicalise
from tests.cases import assert_close, assert_far, assert_orthonormal, randn, random_orthogonal

SIZES = [(1, 1), (1, 5), (3, 3), (3, 8), (7, 20), (12, 40)]


def subspace(rank, size, seed):
    """Orthonormal rows of a generic subspace."""
    return torch.linalg.qr(randn(size, rank, seed=seed))[0].mT


@pytest.mark.parametrize(("rank", "size"), SIZES)
@pytest.mark.parametrize("seed", [0, 1])
def test_mixing_the_rows_does_not_change_the_basis(rank, size, seed):
    rows = subspace(rank, size, seed)
    mixed = random_orthogonal(rank, seed + 7) @ rows
    assert_close(canonicalise(mixed), canonicalise(rows))
    assert_close(canonicalise(-rows), canonicalise(rows))
    assert_close(canonicalise(rows.flip(0)), canonicalise(rows))


def test_the_rows_themselves_do_change():
    rows = subspace(3, 8, 0)
    assert_far(random_orthogonal(3, 7) @ rows, rows)


@pytest.mark.parametrize(("rank", "size"), SIZES)
def test_it_is_orthonormal_and_spans_the_same_space(rank, size):
    rows = subspace(rank, size, 3)
    basis = canonicalise(rows)
    assert basis.shape == (rank, size)
    assert_orthonormal(basis)
    assert_close(basis.mT @ basis, rows.mT @ rows)


@pytest.mark.parametrize(("rank", "size"), SIZES)
def test_projector_and_rows_give_one_basis(rank, size):
    rows = subspace(rank, size, 4)
    assert_close(canonical_basis(rows.mT @ rows), canonicalise(rows))
    assert_close(canonicalise(canonicalise(rows)), canonicalise(rows))


@pytest.mark.parametrize(("rank", "size"), SIZES)
def test_every_row_is_positive_at_a_pivot_where_later_rows_vanish(rank, size):
    basis = canonicalise(subspace(rank, size, 5))
    for k, row in enumerate(basis):
        free = (basis[k + 1 :].abs() < 1e-12).all(0)
        assert bool((free & (row > 1e-3)).any())


def test_unit_vectors_come_in_order():
    unit = torch.eye(5).double()
    assert_close(canonicalise(unit[[3, 1]]), unit[[1, 3]])
    assert_close(canonicalise(-unit), unit)


def test_rounding_noise_does_not_move_the_basis():
    rows = subspace(6, 30, 6)
    noisy = rows + 1e-15 * randn(6, 30, seed=9)
    assert_close(canonicalise(noisy), canonicalise(rows), 1e-12)


def test_a_zero_space():
    assert canonicalise(torch.zeros(0, 4).double()).shape == (0, 4)
    assert canonical_basis(torch.zeros(4, 4).double()).shape == (0, 4)
