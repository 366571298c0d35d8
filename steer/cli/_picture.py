"""The picture of the demo: accuracy against angle, and a feature field that turns with its input."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from steer import nn, plot
from steer.cli._data import Digits
from steer.cli._render import BLUR, render
from steer.cli._results import Results
from steer.field import GeometricTensor
from steer.group import planar_rotation
from steer.plot._matplotlib import FAINT, INK, PLAIN, STEERABLE

SHOWN = (0, 50, 100, 150)  # but for 0, no element of the group that the network was built with


def draw(
    path: Path, results: Results, models: dict[str, torch.nn.Module], digits: Digits, radius: float, scale: float
) -> None:
    """Write the picture.

    Args:
        path: of the PNG file.
        results: with the curves of both networks.
        models: the networks, on the CPU.
        digits: whose test images are shown.
        radius, scale: with which digits are rendered for the networks.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steerable = models["steerable"]
    assert isinstance(steerable, nn.Sequential)
    item = _example(models, digits, radius, scale)
    inputs = torch.cat([render(digits.x_test[item : item + 1], angle, radius) / scale for angle in SHOWN])
    feature = _feature(steerable, inputs)
    field = _strongest(feature)

    figure = Figure(figsize=(13.2, 6.6), dpi=110, facecolor="white")
    FigureCanvasAgg(figure)
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "text.color": INK}):
        figure.text(0.03, 0.925, "Learn upright, recognise at any angle", fontsize=23, fontweight="bold", color=INK)
        kept = results.settings["data"]
        trained = "learned from upright images only" if digits.upright else "learned from rotated images"
        figure.text(
            0.03, 0.875, f"{kept}, {trained}: a plain and a steerable network of equal cost", fontsize=12.5, color="#5a6478"
        )
        _curves(figure, results)
        _field_rows(figure, models, digits, item, inputs, feature, field, radius)
        figure.savefig(path, metadata={"Software": "steer demo"})


def _curves(figure: object, results: Results) -> None:
    ax = figure.add_axes((0.035, 0.115, 0.36, 0.66), projection="polar")  # type: ignore[attr-defined]
    plot.accuracy_by_angle({name: network.curve for name, network in results.networks.items()}, ax)
    figure.text(0.215, 0.815, "accuracy against the rotation of the digit", ha="center", fontsize=11.5)  # type: ignore[attr-defined]
    for i, (name, colour) in enumerate((("steerable", STEERABLE), ("plain", PLAIN))):
        network = results.networks[name]
        text = f"{name}: {network.curve[0]:.1f} % upright, {min(network.curve.values()):.1f} % at worst"
        figure.text(0.075, 0.052 - 0.035 * i, "●", color=colour, fontsize=13, va="center")  # type: ignore[attr-defined]
        figure.text(0.095, 0.052 - 0.035 * i, text, fontsize=11.5, va="center")  # type: ignore[attr-defined]


def _field_rows(
    figure: object,
    models: dict[str, torch.nn.Module],
    digits: Digits,
    item: int,
    inputs: Tensor,
    feature: GeometricTensor,
    field: int,
    radius: float,
) -> None:
    label = int(digits.y_test[item])
    with torch.no_grad():
        said = {name: model.eval()(inputs).argmax(1).tolist() for name, model in models.items()}
    fine = max(1, round(8 / BLUR)) * inputs.shape[-1] // 4
    longest = float(plot.feature_vectors(feature, field, 0).norm(dim=0).max())
    width, left, gap = 0.138, 0.425, 0.005
    for column, angle in enumerate(SHOWN):
        x = left + column * (width + gap)
        ax = figure.add_axes((x, 0.50, width, 2 * width))  # type: ignore[attr-defined]
        picture = render(digits.x_test[item : item + 1], angle, radius, size=fine)[0, 0]
        _round(ax, fine / 2).set_clip_path(None)
        shown = ax.imshow(picture.numpy(), cmap="gray_r", extent=(-fine / 2, fine / 2, -fine / 2, fine / 2))
        shown.set_clip_path(_round(ax, fine / 2))
        ax.axis("off")
        ax.set_title(f"{angle}°", fontsize=12, color=INK, pad=3)
        for row, (name, colour) in enumerate((("steerable", STEERABLE), ("plain", PLAIN))):
            right = said[name][column] == label
            figure.text(  # type: ignore[attr-defined]
                x + width / 2, 0.468 - 0.037 * row, f"{name}: {said[name][column]} {'✓' if right else '✗'}",
                ha="center", fontsize=11, color=colour, fontweight="bold" if right else "normal",
            )  # fmt: skip
        ax = figure.add_axes((x, 0.118, width, 2 * width))  # type: ignore[attr-defined]
        reach = feature.shape[-1] / 2
        plot.feature_field(feature, field, column, ax, longest=longest, length=1.6)
        edge = _round(ax, reach)
        edge.set(edgecolor=FAINT, linewidth=1.2)
        ax.set_xlim(-reach * 1.01, reach * 1.01)
        ax.set_ylim(-reach * 1.01, reach * 1.01)
        note = "a field in the network" if column == 0 else f"the first, turned: {_deviation(feature, field, column, angle):.1f} % off"
        figure.text(x + width / 2, 0.092, note, ha="center", fontsize=10, color="#5a6478")  # type: ignore[attr-defined]
    text = "Colour and arrow show the direction that each place prefers. The input turns, and place and direction turn with it."
    figure.text(left + 0.005, 0.035, text, fontsize=11.5, color=INK)  # type: ignore[attr-defined]


def _round(ax: object, radius: float) -> object:
    from matplotlib.patches import Circle

    return ax.add_patch(Circle((0, 0), radius, facecolor="none", edgecolor=FAINT, linewidth=1.2))  # type: ignore[attr-defined]


def _example(models: dict[str, torch.nn.Module], digits: Digits, radius: float, scale: float) -> int:
    """The first test image that both networks read rightly when it stands upright; the first one if there is none."""
    upright = render(digits.x_test, 0, radius) / scale
    with torch.no_grad():
        right = [model.eval()(upright).argmax(1) == digits.y_test for model in models.values()]
    both = right[0] & right[1]
    return int(both.nonzero()[0]) if bool(both.any()) else 0


def _feature(model: nn.Sequential, inputs: Tensor) -> GeometricTensor:
    """The features after the first pooling."""
    last = next(i for i, layer in enumerate(model) if isinstance(layer, nn.PointwiseAvgPoolAntialiased))
    assert model.in_type is not None
    with torch.no_grad():
        return model.eval()[: last + 1](GeometricTensor(inputs, model.in_type))


def _strongest(feature: GeometricTensor) -> int:
    """The field with the most to show: longest vectors, relative to its values."""
    spans = [span for _, span in feature.type.channels()]
    strength = [
        float(plot.feature_vectors(feature, i).norm() / (feature.tensor[0, span].norm() + 1e-12)) for i, span in enumerate(spans)
    ]
    return strength.index(max(strength))


def _deviation(feature: GeometricTensor, field: int, item: int, angle: float) -> float:
    """How far the field of a turned input is from the turned field of the upright one, in percent of its norm.

    The comparison turns vectors at the samples of the grid: those are interpolated, which is part of the number.
    """
    space = feature.type.gspace
    upright, turned = (plot.feature_vectors(feature, field, i).double() for i in (0, item))
    g = planar_rotation(math.radians(angle))
    assert space.lattice is not None
    from steer.expansion import transform

    moved = transform(torch.einsum("ij,jyx->iyx", g, upright), space.lattice, g, "bicubic")
    return 100 * float((moved - turned).norm() / turned.norm())
