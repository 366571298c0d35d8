"""Joint norms: the law, lengths and proportions, special cases, errors."""

from __future__ import annotations

import pytest
import torch

from steer import group, gspaces, nn
from tests.cases import assert_close, assert_far, randn, seeded

CASES = {
    "so2": (group.so2(), "0 + 1 + 0 + 2"),
    "o2": (group.o2(), "0e + 1 + 0o + 2"),
    "so3": (group.so3(), "0 + 1 + 2 + 1"),
    "o3": (group.o3(), "0e + 1o + 2e + 0o"),
    "cyclic(8)": (group.cyclic(8), "regular + 1 + 0 + 4"),
    "dihedral(4)": (group.dihedral(4), "regular + standard + trivial + regular"),
    "octahedral": (group.octahedral(), "standard + regular + trivial + 2"),
}
SHARING = [[0, 2], [3, 1]]


@pytest.mark.parametrize("function", ["relu", "sigmoid", "squash"])
@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_law_and_proportions(name: str, function: str) -> None:
    of, text = CASES[name]
    kind = gspaces.no_base_space(of).type(text)
    layer = nn.SharedNormNonLinearity(kind, SHARING, function).double()
    for value in layer.parameters():
        value.add_(randn(*value.shape))
    x = 2 * randn(5, kind.size)
    y = layer(x)
    for g in of.sample(4, seeded(1)):
        assert_close(layer(kind.transform_fibers(x, g)), kind.transform_fibers(y, g))
    ratio = y / x
    spans = [span for _, span in kind.channels()]
    for a, b in SHARING:
        both = torch.cat([ratio[:, spans[a]], ratio[:, spans[b]]], 1)
        assert_close(both, both[:, :1].expand_as(both), 1e-10)
    single = nn.NormNonLinearity(kind, function).double()
    assert_far(single(x), y)
    alone = nn.SharedNormNonLinearity(kind, [[0], [1], [2], [3]], function).double()
    assert_close(alone(x), single(x))


def test_sharing_parts_of_a_field_breaks_the_law() -> None:
    of, text = CASES["so3"]
    kind = gspaces.no_base_space(of).type(text)
    wrong = gspaces.no_base_space(group.so3()).type("12x0")
    layer = nn.SharedNormNonLinearity(wrong, [[0, 1, 5], [2, 3, 4, 6, 7, 8, 9, 10, 11]], "squash")
    x, g = randn(5, 12), of.sample(1, seeded(1))[0]
    assert_far(layer(kind.transform_fibers(x, g)), kind.transform_fibers(layer(x), g))


def test_gradient_is_finite_at_zero() -> None:
    kind = gspaces.rot2dOnR2(-1).type("0 + 1 + 0 + 2")
    x = torch.zeros(2, 6, 3, 3, requires_grad=True)
    nn.SharedNormNonLinearity(kind, SHARING)(x).sum().backward()
    assert bool(x.grad.isfinite().all())


@pytest.mark.parametrize("sharing", [[[0, 1]], [[0, 1], [1, 2, 3]], [[0, 1, 2, 3], []], [[0, 1, 2, 4]]])
def test_errors(sharing: list[list[int]]) -> None:
    kind = gspaces.rot2dOnR2(-1).type("0 + 1 + 0 + 2")
    with pytest.raises(ValueError, match="lists that hold every position from 0 to 3 once, is required; received"):
        nn.SharedNormNonLinearity(kind, sharing)
