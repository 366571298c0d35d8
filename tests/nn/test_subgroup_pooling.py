"""Pooling over cosets: the law for chains of subgroups, what it pools, its special cases, errors."""

from __future__ import annotations

import pytest
import torch

from steer import group, gspaces, nn
from tests.cases import assert_close, assert_far, randn

CASES = {
    "C8 by 2": (gspaces.rot2dOnR2(8), 2),
    "C8 by 4": (gspaces.rot2dOnR2(8), 4),
    "D4 by rotations": (gspaces.flipRot2dOnR2(4), group.cyclic(4)),
    "D4 by a reflection": (gspaces.flipRot2dOnR2(4), group.reflection(2)),
    "octahedral by tetrahedral": (gspaces.octaOnR3(), group.tetrahedral()),
    "octahedral by klein": (gspaces.octaOnR3(), group.klein()),
}


@pytest.mark.parametrize("function", ["max", "mean"])
@pytest.mark.parametrize("case", CASES)
def test_law(case: str, function: str) -> None:
    space, subgroup = CASES[case]
    middle = space.quotient_repr(subgroup)
    kind = nn.FieldType(space, ["regular", "trivial", middle, "regular"])
    pool = nn.SubgroupPooling(kind, subgroup, function)
    assert pool.out_type == nn.FieldType(space, [middle, "trivial", middle, middle])
    x = randn(3, kind.size, *(3,) * space.dimensionality)
    y = pool(x)
    for g in space.fibergroup.elements:
        assert_close(pool(kind.transform_fibers(x, g)), pool.out_type.transform_fibers(y, g))
    for g in space.exact_group.elements:
        assert_close(pool(kind.transform(x, g)), pool.out_type.transform(y, g))


def test_right_cosets_in_place_of_left_ones_break_the_law() -> None:
    space, subgroup = CASES["D4 by a reflection"]
    kind = space.type("regular")
    pool = nn.SubgroupPooling(kind, subgroup)
    right = space.fibergroup.cosets(subgroup, "right")
    x = randn(3, 8, 1, 1)
    wrong = [x[:, right].amax(2), kind.transform_fibers(x, space.fibergroup.elements[1])[:, right].amax(2)]
    assert_far(wrong[1], pool.out_type.transform_fibers(wrong[0], space.fibergroup.elements[1]))


def test_over_all_of_the_group_it_is_group_pooling() -> None:
    kind = gspaces.octaOnR3().type("2xregular")
    x = randn(2, 48, 2, 2, 2)
    for function in ("max", "mean"):
        whole, stock = nn.SubgroupPooling(kind, group.octahedral(), function), nn.GroupPooling(kind, function)
        assert whole.out_type == stock.out_type
        assert_close(whole(x), stock(x))


def test_over_the_trivial_group_nothing_changes() -> None:
    kind = gspaces.rot2dOnR2(8).type("regular")
    x = randn(2, 8, 2, 2)
    assert torch.equal(nn.SubgroupPooling(kind, 1)(x), x)


def test_in_steps_it_is_the_same_as_at_once() -> None:
    kind = gspaces.rot2dOnR2(8).type("2xregular")
    first = nn.SubgroupPooling(kind, 2)
    second = nn.SubgroupPooling(first.out_type, 4)
    x = randn(2, 16, 3, 3)
    assert_close(second(first(x)), nn.SubgroupPooling(kind, 4)(x))


def test_errors() -> None:
    space = gspaces.rot2dOnR2(8)
    with pytest.raises(
        ValueError, match="regular fields, or quotient fields by subgroups of .* are required; received 1 of"
    ):
        nn.SubgroupPooling(space.type("1"), 2)
    with pytest.raises(ValueError, match="pool over a larger subgroup"):
        nn.SubgroupPooling(nn.FieldType(space, [space.quotient_repr(4)]), 2)
    with pytest.raises(ValueError, match="'max' or 'mean', is required; received 'sum'"):
        nn.SubgroupPooling(space.type("regular"), 2, "sum")
    with pytest.raises(ValueError, match="is not contained in it"):
        nn.SubgroupPooling(space.type("regular"), 3)
