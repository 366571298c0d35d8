"""Digits as smooth functions: quarter turns are exact, and no angle is blurred more than another."""

from __future__ import annotations

import pytest
import torch

from steer.cli._data import load
from steer.cli._render import SIZE, field_of_view, render


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    return load(None, 0).x_test[:20].double()


def test_quarter_turns_are_exact(digits: torch.Tensor) -> None:
    upright = render(digits, 0, 5.5)
    assert upright.shape == (20, 1, SIZE, SIZE)
    for quarters in (1, 2, 3):
        turned = render(digits, 90 * quarters, 5.5)
        assert (turned - torch.rot90(upright, quarters, (-2, -1))).abs().max() < 1e-12


def test_every_angle_keeps_ink_and_sharpness(digits: torch.Tensor) -> None:
    radius = field_of_view(digits)
    upright = render(digits, 0, radius)
    for angle in (15, 45, 123):
        turned = render(digits, angle, radius)
        assert torch.allclose(turned.sum((1, 2, 3)), upright.sum((1, 2, 3)), rtol=0.02)
        assert torch.allclose(turned.square().sum((1, 2, 3)), upright.square().sum((1, 2, 3)), rtol=0.02)
        assert (turned - upright).norm() > 0.3 * upright.norm()


def test_constant_pictures_stay_constant() -> None:
    inner = render(torch.ones(1, 40, 40, dtype=torch.float64), 30, 8.0)
    assert (inner - 1).abs().max() < 0.02


def test_field_of_view_holds_the_ink(digits: torch.Tensor) -> None:
    dot = torch.zeros(1, 9, 9)
    dot[0, 4, 7] = 1.0
    assert field_of_view(dot) == 3.5
    assert 4.0 < field_of_view(digits) < 6.2
