"""Maps of fibres irrep by irrep, against the dense kernels of the same weights."""

from __future__ import annotations

import pickle

import pytest
import torch

from steer.expansion import POINT, lattice, plan, sampling, schur, work
from steer.field import FieldType
from steer.gspaces import no_base_space
from steer.representation import Representation
from tests.cases import GROUPS, Case, assert_close, assert_far, build, each, named, randn, representations

SMALL = [case for case in GROUPS if case.order <= 24 or case.order == float("inf")]


def fields(case: Case) -> tuple[Representation, ...]:
    """Fields of every kind, some twice and apart; tensor products and induced fields have atoms inside."""
    found = list(representations(case).values())
    return (*found, *found[::-2])


def compare(into: tuple[Representation, ...], out: tuple[Representation, ...]) -> None:
    """Values and derivatives in weights, fields and bias."""
    found = plan(into, out, POINT)
    blocks = schur(found)
    weight, x, upper = randn(found.size), randn(found.layout_in.dim, 4, seed=1), randn(found.layout_out.dim, 4, seed=2)
    inputs = [weight.requires_grad_(), x.requires_grad_()]
    dense = found.expand(weight, found.constants)[:, :, 0] @ x
    ours = blocks.apply(x, blocks.matrices(weight, blocks.constants), None, blocks.constants)
    scale = max(1.0, float(dense.detach().abs().max()))
    assert_close(ours.detach(), dense.detach(), 1e-12 * scale)
    both = [torch.autograd.grad((y.square() * upper).sum(), inputs, materialize_grads=True) for y in (dense, ours)]
    for a, b in zip(*both, strict=True):
        assert_close(b, a, 1e-12 * max(1.0, float(a.abs().max())))


@each(SMALL)
def test_the_dense_map_in_other_bases(case: Case) -> None:
    all_fields = fields(case)
    compare(all_fields, all_fields)
    compare(all_fields[1:], all_fields[::-1])


@each(named("icosahedral()", "full_octahedral()"))
def test_regular_fields_of_large_groups(case: Case) -> None:
    compare((case.group.regular,) * 2, (case.group.regular, case.irreps[-1]))


@each(named("cyclic(4)", "so2()", "binary_tetrahedral()", "so3()"))
def test_a_bias_acts_on_invariants(case: Case) -> None:
    kind = FieldType(no_base_space(case.group), [case.irreps[0], *case.irreps, case.irreps[0]])
    found = plan(kind.representations[1:], kind.representations, POINT)
    blocks = schur(found)
    bias = torch.zeros(kind.size, dtype=torch.float64)
    bias[0], bias[-1] = 2.0, -3.0
    x, weight = randn(found.layout_in.dim, 3), randn(found.size)
    plain = blocks.apply(x, blocks.matrices(weight, blocks.constants), None, blocks.constants)
    assert_close(blocks.apply(x, blocks.matrices(weight, blocks.constants), bias, blocks.constants), plain + bias[:, None])
    assert_far(plain, torch.zeros(()))


def test_what_nothing_reaches_is_zero() -> None:
    group = build("so3()")
    found = plan((group.irrep(1),) * 2, (group.irrep(2), group.irrep(1), group.irrep(0)), POINT)
    blocks = schur(found)
    y = blocks.apply(randn(6, 2), blocks.matrices(randn(found.size), blocks.constants), None, blocks.constants)
    assert_close(y[:5], torch.zeros(5, 2, dtype=torch.float64))
    assert_close(y[8:], torch.zeros(1, 2, dtype=torch.float64))
    assert_far(y[5:8], torch.zeros(()))


def test_one_tap_of_a_grid_is_a_point() -> None:
    group = build("dihedral(4)")
    found = plan((group.regular,) * 2, (group.regular, group.standard), sampling(lattice("square", 2), (1, 1)))
    blocks = schur(found)
    weight, x = randn(found.size), randn(16, 3)
    assert_close(
        blocks.apply(x, blocks.matrices(weight, blocks.constants), None, blocks.constants),
        found.expand(weight, found.constants)[:, :, 0] @ x,
        1e-11,
    )
    with pytest.raises(ValueError, match="a kernel with one tap is required; received 9 taps"):
        schur(plan((group.regular,), (group.regular,), sampling(lattice("square", 2), (3, 3))))


def test_counts() -> None:
    """C8: five irreps, three of them of complex type; D8: four of dimension one, three of dimension two, twice."""
    for text, blocks, dim in (("cyclic(8)", 14, 8), ("dihedral(8)", 28, 16), ("octahedral()", 64, 24)):
        regular = build(text).regular
        found = work(plan((regular,) * 3, (regular,) * 3, POINT))
        assert found.dense == 9 * dim**2
        assert found.blocks == 9 * blocks + 2 * 3 * dim**2
        assert found.moved == 4 * 3 * dim
    group = build("so3()")
    apart = (group.irrep(0), group.irrep(1), group.irrep(0))
    assert work(plan(apart, apart, POINT)).moved == 4 * 5  # gathered
    assert work(plan(apart[:2], apart[:2], POINT)).blocks == 1 + 3


def test_a_pickle_holds_the_recipe() -> None:
    group = build("octahedral()")
    blocks = schur(plan((group.regular,) * 2, (group.regular,) * 2, POINT))
    text = pickle.dumps(blocks)
    assert len(text) < 4000
    assert pickle.loads(text).constants.keys() == blocks.constants.keys()
