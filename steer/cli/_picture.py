"""The picture of the demo: accuracy against angle, and a feature field that turns with its input."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steer import nn, plot
from steer.cli._data import Digits
from steer.cli._render import render
from steer.cli._results import Results
from steer.expansion import transform
from steer.field import GeometricTensor
from steer.group import planar_rotation
from steer.plot import FAINT, INK, PLAIN, STEERABLE

SHOWN = (0, 50, 100, 150)  # but for 0, no element of the group that the network was built with
GREY = "#5a6478"
FINE = 165  # samples across a digit in the picture
COLOURS = {"steerable": STEERABLE, "plain": PLAIN}


def draw(
    path: Path, results: Results, models: dict[str, torch.nn.Module], digits: Digits, radius: float, scale: float
) -> None:
    """Write the picture as a PNG file.

    Args:
        path: of the file.
        results: with the curves of both networks.
        models: the networks, "plain" and "steerable", on the CPU.
        digits: whose test images are shown.
        radius, scale: with which digits are rendered for the networks.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"font.family": "DejaVu Sans", "text.color": INK}):
        figure = Figure(figsize=(13.2, 6.6), dpi=100, facecolor="white")
        FigureCanvasAgg(figure)
        title = "Learn upright, recognise at any angle" if digits.upright else "Digits at any angle"
        learned = "learned from upright images only" if digits.upright else "learned from rotated images"
        figure.text(0.03, 0.915, title, fontsize=23, fontweight="bold")
        line = f"{results.settings['data']}, {learned}, by a plain and a steerable network of the same dense shapes"
        figure.text(0.03, 0.868, line, fontsize=12.5, color=GREY)
        _curves(figure, results)
        _field(figure, models, digits, _example(models, digits, radius, scale), radius, scale)
        figure.savefig(path, metadata={"Software": "steer demo"})


def _curves(figure: Any, results: Results) -> None:
    ax = figure.add_axes((0.05, 0.145, 0.33, 0.60), projection="polar")
    plot.accuracy_by_angle({name: network.curve for name, network in results.networks.items()}, ax)
    ax.set_theta_zero_location("N")
    figure.text(0.215, 0.812, "accuracy by rotation of the digit", ha="center", fontsize=11.5)
    for name, x, side in (("steerable", 0.03, "left"), ("plain", 0.40, "right")):
        curve = results.networks[name].curve
        text = f"{name}\n{curve[0]:.1f} % not turned\n{min(curve.values()):.1f} % at worst"
        figure.text(x, 0.03, text, fontsize=11.5, ha=side, color=COLOURS[name], fontweight="bold", linespacing=1.5)


def _field(figure: Any, models: dict[str, torch.nn.Module], digits: Digits, item: int, radius: float, scale: float) -> None:
    steerable = models["steerable"]
    assert isinstance(steerable, nn.Sequential)
    digit, label = digits.x_test[item : item + 1], int(digits.y_test[item])
    inputs = torch.cat([render(digit, angle, radius) / scale for angle in SHOWN])
    with torch.no_grad():
        said = {name: models[name].eval()(inputs).argmax(1).tolist() for name in COLOURS}
    feature = _feature(steerable, inputs)
    field = _strongest(feature)
    longest = float(plot.feature_vectors(feature, field).norm(dim=0).max())
    width, left, gap = 0.136, 0.425, 0.006
    for column, angle in enumerate(SHOWN):
        x = left + column * (width + gap)
        ax = _disc(figure, (x, 0.512, width, 2 * width), FINE / 2)
        box = (-FINE / 2, FINE / 2) * 2
        picture = ax.imshow(render(digit, angle, radius, FINE)[0, 0].numpy(), cmap="gray_r", extent=box)
        picture.set_clip_path(ax.patches[0])
        ax.set_title(f"{angle}°", fontsize=12, color=INK, pad=4)
        for row, (name, colour) in enumerate(COLOURS.items()):
            answer = said[name][column]
            mark, weight = ("✓", "bold") if answer == label else ("✗", "normal")
            place = (x + width / 2, 0.475 - 0.037 * row)
            figure.text(*place, f"{name}: {answer} {mark}", ha="center", fontsize=11, color=colour, fontweight=weight)
        reach = feature.shape[-1] / 2
        ax = _disc(figure, (x, 0.125, width, 2 * width), reach)
        plot.feature_field(feature, field, column, ax, longest=longest, length=1.7)
        ax.set(xlim=(-1.01 * reach, 1.01 * reach), ylim=(-1.01 * reach, 1.01 * reach))
        note = "not turned" if column == 0 else f"{_deviation(feature, field, column, angle):.1f} % from exact"
        figure.text(x + width / 2, 0.093, note, ha="center", fontsize=10, color=GREY)
    _wheel(figure, (left + 0.004, 0.022, 0.029, 0.058))
    text = "The digit turns, and a field inside the steerable network turns with it: place and direction."
    figure.text(left + 0.040, 0.042, text, fontsize=10.5)


def _disc(figure: Any, box: tuple[float, float, float, float], radius: float) -> Any:
    """Axes around the origin with a circle that clips what is drawn."""
    from matplotlib.patches import Circle

    ax = figure.add_axes(box)
    ax.add_patch(Circle((0, 0), radius, facecolor="none", edgecolor=FAINT, linewidth=1.3, clip_on=False))
    ax.axis("off")
    ax.set(xlim=(-1.01 * radius, 1.01 * radius), ylim=(-1.01 * radius, 1.01 * radius), aspect="equal")
    return ax


def _wheel(figure: Any, box: tuple[float, float, float, float]) -> None:
    """The colours of the directions."""
    ax = figure.add_axes(box)
    y, x = np.mgrid[1:-1:101j, -1:1:101j]
    inside = (np.hypot(x, y) < 0.97) & (np.hypot(x, y) > 0.45)
    colours = np.concatenate([plot.direction_colours(x, y), inside[..., None]], -1)
    ax.imshow(colours, interpolation="bilinear")
    ax.axis("off")


def _example(models: dict[str, torch.nn.Module], digits: Digits, radius: float, scale: float) -> int:
    """The first test image that both networks read rightly when it stands upright; the first one if there is none.

    Not a 0, 1, 6, 8 or 9: half a turn makes another digit of it, or the same.
    """
    upright = render(digits.x_test, 0, radius) / scale
    with torch.no_grad():
        right = [model.eval()(upright).argmax(1) == digits.y_test for model in models.values()]
    good = torch.stack(right).all(0)
    fitting = good & torch.isin(digits.y_test, torch.tensor([2, 3, 4, 5, 7]))
    chosen = fitting if bool(fitting.any()) else good
    return int(chosen.int().argmax())


def _feature(model: nn.Sequential, inputs: Tensor) -> GeometricTensor:
    """The features after the first pooling."""
    last = next(i for i, layer in enumerate(model) if isinstance(layer, nn.PointwiseAvgPoolAntialiased))
    assert model.in_type is not None
    with torch.no_grad():
        return model.eval()[: last + 1](GeometricTensor(inputs, model.in_type))


def _strongest(feature: GeometricTensor) -> int:
    """The field with the most to show: the longest vectors, relative to its values."""
    strength = [
        float(plot.feature_vectors(feature, i).norm() / (feature.tensor[0, span].norm() + 1e-12))
        for i, (_, span) in enumerate(feature.type.channels())
    ]
    return strength.index(max(strength))


def _deviation(feature: GeometricTensor, field: int, item: int, angle: float) -> float:
    """How far the field of a turned input is from the field of the upright one, turned; in percent of its norm.

    To turn a field, its samples are interpolated, which is part of the number.
    """
    lattice = feature.type.gspace.lattice
    assert lattice is not None
    upright, turned = (plot.feature_vectors(feature, field, i).double() for i in (0, item))
    g = planar_rotation(math.radians(angle))
    expected = transform(torch.einsum("ij,jyx->iyx", g, upright), lattice, g, "bicubic")
    return 100 * float((expected - turned).norm() / turned.norm())
