"""Kernels and band limits of a convolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from steer import gspaces, nn, plot


@pytest.fixture
def conv() -> nn.R2Conv:
    space = gspaces.rot2dOnR2(4)
    return nn.R2Conv(space.type("0"), space.type("3xregular"), 5)


def test_kernels_are_the_dense_ones(conv: nn.R2Conv) -> None:
    figure = plot.kernels(conv, outputs=4)
    assert len(figure.axes) == 4
    drawn = [ax.images[0].get_array() for ax in figure.axes]
    assert np.allclose(drawn[0], conv.dense()[0][0, 0].detach())
    assert np.allclose(np.rot90(drawn[0]), drawn[1], atol=1e-6)  # one pattern, turned
    figure.canvas.draw()


def test_band_limits_of_every_ring(conv: nn.R2Conv) -> None:
    ax = plot.band_limit(conv)
    assert [text.get_text() for text in ax.texts] == ["frequency ≤ 0", "≤ 2", "≤ 2"]
    ax.figure.canvas.draw()
    volume = gspaces.rot3dOnR3().type("0 + 1")
    other = plot.band_limit(nn.R3Conv(volume, volume, 3))
    assert other.texts[0].get_text() == "degree ≤ 0"


def test_other_modules() -> None:
    with pytest.raises(TypeError, match="kernels: an R2Conv is required; received Linear"):
        plot.kernels(torch.nn.Linear(1, 1))
    with pytest.raises(TypeError, match="band_limit: a steerable convolution is required; received Linear"):
        plot.band_limit(torch.nn.Linear(1, 1))
