"""Activations by name."""

from __future__ import annotations

import pytest
import torch

from steer.nn._activations import _NAMED, activation


@pytest.mark.parametrize("name", _NAMED)
def test_names_are_those_of_torch(name: str) -> None:
    x = torch.randn(50)
    expected = x if name == "identity" else getattr(torch.nn.functional, name)(x)
    assert torch.equal(activation(name, "")(x), expected)
    assert torch.equal(activation(f"p_{name}", "")(x), expected)
    assert torch.equal(activation(name, "", in_place=True)(x.clone()), expected)


def test_modules_pass_and_others_do_not() -> None:
    module = torch.nn.Hardtanh()
    assert activation(module, "") is module
    for wrong in ("heaviside", torch.relu, None):
        with pytest.raises(ValueError, match=r"Layer: one of elu, .* is required; received"):
            activation(wrong, "Layer")
