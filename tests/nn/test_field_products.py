"""Products of fields: the numbers, every derivative, transforms, and what compilers see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from steer.nn._field_products import dot, scale, squared_norm
from tests.cases import assert_close, randn

DIMS = [1, 2, 3, 8, 9, 24]


@pytest.mark.parametrize("dim", DIMS)
def test_numbers(dim: int) -> None:
    a, b, s = randn(2, 3, dim, 4), randn(2, 3, dim, 4, seed=1), randn(2, 3, 4, seed=2)
    assert_close(dot(a, b), torch.einsum("bnd...,bnd...->bn...", a, b))
    assert_close(squared_norm(a), a.square().sum(2))
    assert_close(squared_norm(a, 0.25), a.square().sum(2) + 0.25)
    assert_close(scale(a, s), torch.einsum("bnd...,bn...->bnd...", a, s))
    last = a.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)  # channels last
    assert_close(scale(last, s), scale(a, s), 0.0)
    assert scale(last, s).stride() == last.stride()
    assert squared_norm(a.half()).dtype == torch.float32
    assert scale(a.half(), s.float()).dtype == torch.float16


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # from torch's own forward derivatives
@pytest.mark.parametrize("dim", [1, 3, 9])
def test_derivatives(dim: int) -> None:
    fields, factor = randn(2, 2, dim, 2).requires_grad_(), randn(2, 2, 2, seed=1).requires_grad_()
    cases: list[tuple[Callable[..., Any], tuple[torch.Tensor, ...]]] = [(squared_norm, (fields,)), (scale, (fields, factor))]
    for function, inputs in cases:
        torch.autograd.gradcheck(function, inputs, check_forward_ad=True)
        torch.autograd.gradgradcheck(function, inputs)
    jacobian = torch.func.jacfwd(scale, argnums=(0, 1))(fields, factor)
    for ours, other in zip(jacobian, torch.func.jacrev(scale, argnums=(0, 1))(fields, factor), strict=True):
        assert_close(ours.detach(), other.detach())


def test_transforms() -> None:
    a, s = randn(5, 2, 3, 4, 6), randn(5, 2, 3, 6, seed=1)
    assert_close(torch.func.vmap(squared_norm)(a), torch.stack([squared_norm(x) for x in a]))
    assert_close(torch.func.vmap(scale)(a, s), torch.stack([scale(*x) for x in zip(a, s, strict=True)]))
    gradient = torch.func.grad(lambda x, y: scale(x, y).sin().sum())
    assert_close(torch.func.vmap(gradient)(a, s), torch.stack([gradient(*x) for x in zip(a, s, strict=True)]))
