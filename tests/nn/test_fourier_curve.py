"""The error of Fourier nonlinearities against the number of samples: the tables of the documentation, measured again."""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path

import pytest
import torch

from steer import gspaces, nn
from steer.field import FieldType
from tests.cases import TOLERANCE, build, randn, seeded

GROUPS = {
    **{"SO(2)": "so2()", "O(2)": "o2()", "SO(3)": "so3()", "O(3)": "o3()", "sphere": "so3()"},
    **{"C8": "cyclic(8)", "D4": "dihedral(4)", "octahedral": "octahedral()", "icosahedral": "icosahedral()"},
}
FINITE = ("C8", "D4", "octahedral", "icosahedral")
PAGE = Path(__file__).parents[2] / "docs" / "theory" / "layers.md"
Row = tuple[str, str, int, float, float]
PEER = {"elu": 0.006, "relu": 0.021}
"""Of escnn 1.0.11 on SO(2), frequency <= 3, at the 16 samples that its examples take."""


def layer_of(group: str, degree: str, samples: int | None, function: str) -> nn.FourierPointwise:
    space = gspaces.no_base_space(build(GROUPS[group]))
    if group == "sphere":
        kind = space.type(" + ".join(map(str, range(int(degree) + 1))))
        return nn.FourierPointwise(kind, function, samples, subgroup=build("so2(d=3)")).double()
    if group in FINITE:
        return nn.FourierPointwise(FieldType(space, [space.fourier_repr(100)]), function).double()
    return nn.FourierPointwise(FieldType(space, [space.fourier_repr(int(degree))]), function, samples).double()


@cache
@torch.no_grad()
def measured(group: str, degree: str, samples: int | None, function: str) -> float:
    """Root mean square over white input and uniform elements, relative to the input."""
    layer = layer_of(group, degree, samples, function)
    kind = layer.in_type
    x = randn(200, kind.size)
    y = layer(x)
    elements = kind.fibergroup.sample(100, seeded(3))
    moved = [layer(kind.transform_fibers(x, g)) - kind.transform_fibers(y, g) for g in elements]
    return float((torch.stack(moved).square().sum() / len(elements) / x.square().sum()).sqrt())


def rows(text: str) -> list[Row]:
    """Of a table `| group, degree | samples | ELU | ReLU |`."""
    found = re.findall(r"^\s*\| ([\w()]+), (\w+) \| (\d+)(?: \(default\))? \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
    return [(group, degree, int(n), float(elu), float(relu)) for group, degree, n, elu, relu in found]


TABLES = {"page": rows(PAGE.read_text(encoding="utf-8")), "docstring": rows(inspect.getdoc(nn.FourierPointwise) or "")}
CURVES = sorted({row[:2] for row in TABLES["page"] if row[0] not in FINITE})


def test_the_page_has_a_curve_for_every_group() -> None:
    assert {group for group, *_ in TABLES["page"]} == set(GROUPS)
    assert len(TABLES["docstring"]) >= 15
    for curve in CURVES:
        assert len([row for row in TABLES["page"] if row[:2] == curve]) >= 4


@pytest.mark.parametrize("table", TABLES)
def test_figures_are_what_is_measured(table: str) -> None:
    for group, degree, samples, *figures in TABLES[table]:
        for function, figure in zip(("elu", "relu"), figures, strict=True):
            found = measured(group, degree, samples, function)
            if group in FINITE:
                assert figure == 0.0
                assert found < TOLERANCE
            else:
                assert found == pytest.approx(figure, rel=0.1), (group, degree, samples, function)


@pytest.mark.parametrize("curve", CURVES)
def test_errors_fall_with_samples(curve: tuple[str, str]) -> None:
    for function in (3, 4):
        errors = [row[function] for row in sorted(TABLES["page"], key=lambda row: row[2]) if row[:2] == curve]
        assert errors == sorted(set(errors), reverse=True)
        assert errors[-1] < 0.3 * errors[0]


@pytest.mark.parametrize("function", PEER)
@pytest.mark.parametrize("group", ["SO(2)", "O(2)"])
def test_the_default_is_below_the_figures_of_the_peer(group: str, function: str) -> None:
    assert measured(group, "3", None, function) < 0.5 * PEER[function]
    assert measured(group, "3", 16, function) == pytest.approx(PEER[function], rel=0.1)  # its samples, its figure


@pytest.mark.parametrize("group", FINITE)
def test_a_finite_group_is_sampled_whole(group: str) -> None:
    layer = layer_of(group, "all", None, "elu")
    assert layer.exact_group == layer.in_type.fibergroup
