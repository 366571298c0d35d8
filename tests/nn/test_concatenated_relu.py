"""Positive and negative parts: the law on signed permutations, types, nothing lost, errors."""

from __future__ import annotations

import pytest
import torch

from steer import group, gspaces, nn
from tests.cases import assert_close, assert_far, randn

CASES = {
    "signs of C8": (group.cyclic(8), "4 + 0 + 2x4"),
    "signs of D4": (group.dihedral(4), "0e + standard + regular"),
    "octahedral": (group.octahedral(), "standard + trivial + regular"),
    "mirror": (group.reflection(2), "standard + regular"),
    "full octahedral": (group.full_octahedral(), "standard"),
    "C4 standard": (group.cyclic(4), "standard + 2 + 1"),
    "trivial of O(3)": (group.o3(), "2xtrivial"),
}


@pytest.mark.parametrize("name", CASES)
def test_law(name: str) -> None:
    of, text = CASES[name]
    text = text.replace("0e", "trivial")
    space = gspaces.no_base_space(of)
    layer = nn.ConcatenatedReLU(space.type(text))
    assert layer.out_type.is_permutation
    assert layer.out_type.size == 2 * layer.in_type.size
    x = randn(4, layer.in_type.size)
    y = layer(x)
    elements = of.elements if of.is_finite else of.sample(5, torch.Generator().manual_seed(0))
    for g in elements:
        assert_close(layer(layer.in_type.transform_fibers(x, g)), layer.out_type.transform_fibers(y, g))
    assert_close(y.sort(1).values, torch.cat([x.relu(), (-x).relu()], 1).sort(1).values)
    nn.ReLU(layer.out_type)  # pointwise layers take what it gives


def test_types() -> None:
    space = gspaces.rot2dOnR2(8)
    regular = nn.ConcatenatedReLU(space.type("regular"))
    assert regular.out_type == space.type("2xregular")
    signs = nn.ConcatenatedReLU(space.type("4"))
    assert signs.out_type == nn.FieldType(space, [space.quotient_repr(4)])
    assert nn.CReLU is nn.ConcatenatedReLU


def test_relu_on_signs_breaks_the_law() -> None:
    kind = gspaces.no_base_space(group.cyclic(8)).type("4")
    x, g = randn(4, 1), group.cyclic(8).elements[1]
    assert_far(kind.transform_fibers(x, g).relu(), kind.transform_fibers(x.relu(), g))


def test_in_a_network_on_the_grid() -> None:
    space = gspaces.flipRot2dOnR2(4)
    layer = nn.ConcatenatedReLU(space.type("standard + regular"))
    x = randn(1, 10, 5, 5)
    for g in space.exact_group.elements:
        assert_close(layer(layer.in_type.transform(x, g)), layer.out_type.transform(layer(x), g))


@pytest.mark.parametrize(
    ("of", "text"), [(group.so2(), "1"), (group.o2(), "0o"), (group.cyclic(8), "1"), (group.icosahedral(), "1")]
)
def test_errors(of: group.Group, text: str) -> None:
    with pytest.raises(ValueError, match="fields whose channels it permutes up to signs, are required; received"):
        nn.ConcatenatedReLU(gspaces.no_base_space(of).type(text))
