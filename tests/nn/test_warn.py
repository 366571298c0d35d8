"""Every warning of a layer points at the line that asked for it, however deep it was found."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch

from steer import gspaces, nn
from steer.group import cyclic
from steer.nn import BrokenSymmetryWarning, UnreachableIrrepsWarning

POINT = gspaces.no_base_space(gspaces.rot2dOnR2(4).fibergroup)
SPACE, HEXAGONS = gspaces.rot2dOnR2(4), gspaces.on(cyclic(6), "hexagonal")
GREY, CIRCLES = SPACE.type("0"), gspaces.rot2dOnR2(-1)


class Own(nn.Linear):
    """A layer of the user: its own line is nearer than the one that builds it."""

    def __init__(self) -> None:
        super().__init__(POINT.type("0"), POINT.type("0 + 1"))


def hooked() -> torch.nn.Module:
    layer = nn.ReLU(GREY)
    layer.register_forward_hook(lambda *_: None)
    return torch.nn.Sequential(layer)


STRIDED, HOOKED, X = (
    torch.nn.Sequential(torch.nn.Sequential(nn.PointwiseMaxPool(GREY, 2))),
    hooked(),
    torch.zeros(1, 1, 9, 9),
)

CASES: dict[str, tuple[Callable[[], object], type[Warning]]] = {
    "Linear": (lambda: nn.Linear(POINT.type("0"), POINT.type("0 + 1")), UnreachableIrrepsWarning),
    "R2Conv": (lambda: nn.R2Conv(CIRCLES.type("0"), CIRCLES.type("0 + 9"), 3), UnreachableIrrepsWarning),
    "R2ConvTransposed": (lambda: nn.R2ConvTransposed(CIRCLES.type("0"), CIRCLES.type("0 + 9"), 3), UnreachableIrrepsWarning),
    "a subclass": (Own, UnreachableIrrepsWarning),
    "uneven axes of a convolution": (lambda: nn.R2Conv(GREY, GREY, 3, stride=(1, 2)), BrokenSymmetryWarning),
    "uneven axes of pooling": (lambda: nn.PointwiseMaxPool(GREY, (2, 3)), BrokenSymmetryWarning),
    "boxes on hexagons": (lambda: nn.PointwiseAdaptiveAvgPool(HEXAGONS.type("0"), 2), BrokenSymmetryWarning),
    "padding on one side": (
        lambda: nn.R2ConvTransposed(GREY, GREY, 3, stride=2, output_padding=1),
        BrokenSymmetryWarning,
    ),
    "a size, through networks of torch": (lambda: STRIDED(X), BrokenSymmetryWarning),
    "hooks": (lambda: nn.export(HOOKED), UserWarning),
}


@pytest.mark.parametrize("name", CASES)
def test_points_at_the_line(name: str) -> None:
    act, category = CASES[name]
    lines = {line for *_, line in (Own.__init__ if act is Own else act).__code__.co_lines()}
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        act()
    assert found
    for warning in found:
        assert warning.category is category
        assert warning.filename == __file__
        assert warning.lineno in lines
