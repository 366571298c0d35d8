"""Accuracy against angle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from steer import plot

CURVES = {
    "plain": {0: 99.0, 90: 20.0, 180: 40.0, 270: 25.0},
    "steerable": {0: 98.0, 90: 98.0, 180: 98.0, 270: 98.0},
    "mine": {0: 50.0},
}


def test_polar_curves_close() -> None:
    ax = plot.accuracy_by_angle(CURVES)
    assert ax.name == "polar"
    plain, _, single = ax.lines
    assert np.allclose(plain.get_xdata(), np.radians([0, 90, 180, 270, 360]))
    assert np.allclose(plain.get_ydata(), [99, 20, 40, 25, 99])
    assert len(single.get_xdata()) == 1
    assert [line.get_label() for line in ax.lines] == list(CURVES)
    assert len({line.get_color() for line in ax.lines}) == 3
    ax.figure.canvas.draw()


def test_cartesian_curves_stay_open_in_given_axes() -> None:
    ax = Figure().add_subplot()
    assert plot.accuracy_by_angle(CURVES, ax, polar=False, colours={"plain": "black"}) is ax
    assert list(ax.lines[0].get_xdata()) == [0, 90, 180, 270]
    assert ax.lines[0].get_color() == "black"
    assert ax.get_ylim() == (0, 100)


def test_part_of_a_circle_does_not_close() -> None:
    ax = plot.accuracy_by_angle({"plain": {0: 1.0, 30: 2.0, 60: 3.0}})
    assert math.isclose(ax.lines[0].get_xdata()[-1], math.pi / 3)


@pytest.mark.parametrize("curves", [{}, {"plain": {}}])
def test_no_curve(curves: dict[str, dict[float, float]]) -> None:
    with pytest.raises(ValueError, match="at least one curve with points is required; received"):
        plot.accuracy_by_angle(curves)
