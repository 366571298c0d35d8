"""Normalisation by field statistics: the projection, the plain formula, and the derivative that is its own."""

from __future__ import annotations

import pytest
import torch

from steer import gspaces, nn
from steer.nn._normalise import FieldStatistics, Normalise, normalise
from tests.cases import assert_close, randn

PLANE, ROTATIONS = gspaces.flipRot2dOnR2(4), gspaces.rot3dOnR3()
KINDS = {
    "permuted": PLANE.type("regular + 2x0e + regular"),
    "irreps": ROTATIONS.type("1 + 0 + 2 + 2x0 + 1"),
    "no invariants": ROTATIONS.type("1 + 2"),
    "tensor products": ROTATIONS.type(ROTATIONS.irrep(1) @ ROTATIONS.irrep(1), "0"),
    "two invariants": nn.FieldType(PLANE, [PLANE.regular_repr + PLANE.trivial_repr, PLANE.irrep(1)]),
}


def statistics_of(name: str) -> FieldStatistics:
    return nn.NormBatchNorm(KINDS[name]).double().statistics


@pytest.mark.parametrize("name", KINDS)
def test_projection_is_on_the_invariants(name: str) -> None:
    kind, statistics = KINDS[name], statistics_of(name)
    vector = randn(kind.size)
    invariant = statistics.project(vector)
    assert_close(statistics.project(invariant), invariant)
    for g in kind.fibergroup.sample(4, torch.Generator().manual_seed(0)):
        assert_close(kind.transform_fibers(invariant[None], g)[0], invariant)
        assert_close(statistics.project(kind.transform_fibers(vector[None], g)[0]), invariant)
    means = torch.stack([vector[span].mean() for _, span in kind.channels()])
    assert_close(statistics.field_mean(vector), means)


@pytest.mark.parametrize("name", KINDS)
def test_derivatives(name: str) -> None:
    kind, statistics = KINDS[name], statistics_of(name)
    x = (randn(2, kind.size, 2) + randn(kind.size, 1, seed=1)).requires_grad_()
    weight, shift = randn(len(kind), seed=2).requires_grad_(), randn(kind.size, seed=3).requires_grad_()

    def fast(*arguments: torch.Tensor) -> torch.Tensor:
        return Normalise.apply(*arguments, statistics, 1e-2)[0]

    assert_close(fast(x, weight, shift).detach(), normalise(x, weight, shift, statistics, 1e-2)[0].detach())
    torch.autograd.gradcheck(fast, (x, weight, shift))
    if kind.size < 20:
        torch.autograd.gradgradcheck(fast, (x, weight, shift))


def test_transforms() -> None:
    statistics = statistics_of("irreps")
    x = randn(3, 2, KINDS["irreps"].size, 4)
    weight, shift = randn(len(KINDS["irreps"])), randn(KINDS["irreps"].size)

    def fast(x: torch.Tensor) -> torch.Tensor:
        return Normalise.apply(x, weight, shift, statistics, 1e-2)[0]

    assert_close(torch.func.vmap(fast)(x), torch.stack([fast(one) for one in x]))
    gradient = torch.func.grad(lambda one: fast(one).sin().sum())
    assert_close(torch.func.vmap(gradient)(x), torch.stack([gradient(one) for one in x]))
