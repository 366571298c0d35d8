"""The module that stands for a function on plain tensors."""

from __future__ import annotations

import pickle

import torch
from torch import Tensor

from steer.nn._plain import Plain


def scaled(x: Tensor, factor: Tensor, shift: Tensor, inner: torch.nn.Module, power: int, training: bool) -> Tensor:
    return x if training else inner(x * factor + shift) ** power


def test_holds_copies_of_what_it_is_given() -> None:
    factor, shift, inner = torch.nn.Parameter(torch.tensor(2.0)), torch.tensor(1.0), torch.nn.Linear(3, 3)
    module = Plain(scaled, factor=factor, shift=shift, inner=inner, power=2, training=False)
    x = torch.randn(4, 3)
    expected = inner(x * 2 + 1) ** 2
    torch.testing.assert_close(module(x), expected)
    assert set(module.state_dict()) == {"factor", "shift", "inner.weight", "inner.bias"}
    with torch.no_grad():
        factor.zero_()
        inner.weight.zero_()
    torch.testing.assert_close(module(x), expected)
    torch.testing.assert_close(pickle.loads(pickle.dumps(module))(x), expected)
    assert module.train()(x) is x
    assert "scaled" in repr(module)
