"""Direct products."""

import math

import pytest
import torch

from steer.group import FiniteGroup, cyclic, cylindrical, dihedral, o2, reflection, so2, so3
from tests.cases import assert_close, assert_orthogonal, seeded

PAIRS = [
    (cyclic(4), reflection(1)),
    (dihedral(3), cyclic(5)),
    (so2(), reflection(1)),
    (reflection(1), so2()),
    (so2(), so2()),
    (o2(), cyclic(3)),
    (so3(), o2()),
]


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=[f"{a} * {b}" for a, b in PAIRS])
def test_a_product_holds_the_pairs(a, b):
    product = a * b
    assert product.d == a.d + b.d
    assert product.order == a.order * b.order
    assert str(product) == f"{a} * {b}"
    sample = product.sample(20, seeded(0))
    assert_orthogonal(sample)
    assert bool(a.contains(sample[:, : a.d, : a.d]).all())
    assert bool(b.contains(sample[:, a.d :, a.d :]).all())
    assert_close(sample[:, : a.d, a.d :], torch.zeros(20, a.d, b.d).double(), 0.0)
    pairs = torch.stack(
        [torch.block_diag(g, h) for g, h in zip(a.sample(9, seeded(1)), b.sample(9, seeded(2)), strict=True)]
    )
    assert bool(product.contains(pairs).all())
    assert bool(product.contains(product.generators).all())


def test_the_first_factor_varies_slowest():
    a, b = dihedral(3), cyclic(4)
    product = a * b
    assert isinstance(product, FiniteGroup)
    for i in range(a.order):
        for j in range(b.order):
            assert_close(product.elements[4 * i + j], torch.block_diag(a.elements[i], b.elements[j]), 0.0)


def test_factors_commute():
    product = dihedral(3) * cyclic(4)
    left = torch.block_diag(dihedral(3).elements[4], torch.eye(2))
    right = torch.block_diag(torch.eye(2), cyclic(4).elements[1])
    assert_close(left @ right, right @ left, 0.0)
    assert product.table[product.index(left), product.index(right)] == product.index(left @ right)


def test_the_cylinder():
    assert so2() * reflection(1) == cylindrical()


def test_products_of_three():
    product = so2() * (reflection(1) * reflection(1))
    assert product == (so2() * reflection(1)) * reflection(1)
    assert product.order == math.inf


@pytest.mark.parametrize("group", [cyclic(3), so2()], ids=str)
def test_a_product_with_something_else(group):
    with pytest.raises(TypeError, match=r"a \* b: two groups are required; received int"):
        group * 3
