"""Grouped convolutions of types whose fields do not come part by part: the map, the law, copies, checkpoints, errors."""

from __future__ import annotations

import copy
import itertools
import time

import pytest
import torch

from steer import check_equivariance, group, gspaces, nn
from steer.nn._parts import part_by_part
from tests.cases import assert_close, assert_far, randn

CASES = {
    "line": (nn.R1Conv, nn.R1ConvTransposed, gspaces.flipOnR1(), ("4x0 + 2x1 + 2xregular", "2xregular + 4x1")),
    "C4": (nn.R2Conv, nn.R2ConvTransposed, gspaces.rot2dOnR2(4), ("2x0 + 2x1", "2x0 + 2x1")),
    "O(2)": (nn.R2Conv, nn.R2ConvTransposed, gspaces.flipRot2dOnR2(-1), ("2x0e + 2x1 + 2x2", "2x1 + 4x0e + 2x2")),
    "hexagonal": (
        *(nn.R2Conv, nn.R2ConvTransposed, gspaces.on(group.dihedral(6), "hexagonal")),
        ("2xregular + 2x1", "4x1 + 2x0e"),
    ),
    "SO(3)": (nn.R3Conv, nn.R3ConvTransposed, gspaces.rot3dOnR3(), ("2x0 + 2x1 + 2x2", "4x0 + 2x1")),
}
PARAMETERS = list(itertools.product(CASES, (0, 1)))


def pair(name: str, transposed: bool, groups: int = 2, by_part: bool = False):
    """A layer, and the types that its parts see; with `by_part` the layer between these types, one part after another."""
    *layers, space, (into, out) = CASES[name]
    kinds = [space.type(fields) for fields in (into, out)]
    orders = [part_by_part(kind.representations, groups) for kind in kinds]
    if by_part:
        kinds = [nn.Reshuffle(kind, order).out_type for kind, order in zip(kinds, orders, strict=True)]
    torch.manual_seed(0)
    layer = layers[transposed](*kinds, 3, padding=1, groups=groups).double()
    if layer.bias is not None:
        with torch.no_grad():
            layer.bias.normal_()
    return layer, orders


@pytest.mark.parametrize(("name", "transposed"), PARAMETERS)
@torch.no_grad()
def test_it_is_the_layer_of_sorted_types_between_two_reshuffles(name: str, transposed: bool) -> None:
    layer, (into, out) = pair(name, transposed)
    twin, _ = pair(name, transposed, by_part=True)
    x = randn(2, layer.in_type.size, *(5,) * layer.d)
    back = nn.Reshuffle(twin.out_type, [out.index(i) for i in range(len(out))])
    expected = back(twin(nn.Reshuffle(layer.in_type, into)(x)))
    assert back.out_type == layer.out_type
    assert torch.equal(layer(x), expected)
    assert_far(layer(x), twin(x), 1e-2)
    assert list(layer.state_dict()) == list(twin.state_dict())
    assert twin.parts.moved is None
    assert type(twin.export()) is not torch.nn.Sequential


@pytest.mark.parametrize(("name", "transposed"), PARAMETERS)
def test_the_law_and_what_each_part_sees(name: str, transposed: bool) -> None:
    layer, (into, out) = pair(name, transposed)
    check_equivariance(layer, size=5).assert_exact(1e-12)
    x = randn(1, layer.in_type.size, *(5,) * layer.d).requires_grad_()
    fields = zip(layer.out_type.channels(), range(len(layer.out_type)), strict=True)
    for (_, channels), field in fields:
        (grad,) = torch.autograd.grad(layer(x)[:, channels].square().sum(), x)
        read = {i for i, (_, span) in enumerate(layer.in_type.channels()) if bool(grad[:, span].any())}
        part = out.index(field) // (len(out) // 2)
        assert read == set(into[part * len(into) // 2 : (part + 1) * len(into) // 2])


def test_shuffled_channels_are_noticed() -> None:
    """The negative control: the same numbers without the moves."""
    layer, _ = pair("C4", False)
    broken = copy.deepcopy(layer)
    broken.parts.enter = lambda x: x
    assert check_equivariance(broken, size=5).error() > 1e-2


@torch.no_grad()
def test_exports_and_dense_kernels_of_any_kind_of_layer() -> None:
    for (name, transposed), groups in itertools.product(PARAMETERS, (1, 2)):
        layer, _ = pair(name, transposed, groups)
        stock, x = layer.export(), randn(2, layer.in_type.size, *(6,) * layer.d)
        assert torch.equal(stock(x), layer(x))
        assert all(type(module).__module__.startswith("torch.") for module in stock.modules())
        twin = copy.deepcopy(layer)
        twin.reset_parameters()
        assert twin.from_dense(*layer.dense()) < 1e-12
        assert_close(twin(x), layer(x))


def test_types_that_come_in_parts_are_not_moved() -> None:
    space = gspaces.rot2dOnR2(-1)
    assert part_by_part(space.type("0 + 1 + 0 + 1").representations, 2) == [0, 1, 2, 3]
    assert part_by_part(space.type("2x0 + 2x1").representations, 2) == [0, 2, 1, 3]
    assert part_by_part(space.type("0 + 1 + 1 + 0").representations, 2) == [0, 1, 3, 2]
    assert part_by_part(space.type("1 + 4x0 + 1").representations, 2) == [0, 1, 2, 5, 3, 4]
    assert part_by_part(space.type("1 + 4x0 + 1").representations, 1) == [0, 1, 2, 3, 4, 5]


def test_many_fields_are_sorted_in_time_proportional_to_their_number() -> None:
    """Looking every field up in a list of its kind takes seconds here; one pass takes a fiftieth."""
    space = gspaces.rot2dOnR2(-1)
    fields = space.type("0 + 1").representations * 30_000
    start = time.process_time()
    assert part_by_part(fields, 1) == part_by_part(fields, 2) == list(range(len(fields)))
    assert time.process_time() - start < 1


def test_parts_hold_their_index_lists_as_constants() -> None:
    layer, _ = pair("C4", False)
    assert [name for name, _ in layer.parts.named_buffers()] == ["index.entering", "index.leaving"]
    assert not any("parts" in key for key in layer.state_dict())
    assert {f"parts.index.{name}" for name in ("entering", "leaving")} <= set(
        nn.keep_constants_local(layer)._ddp_params_and_buffers_to_ignore
    )
    assert "parts" not in repr(layer)


def test_a_checkpoint_belongs_to_one_order_of_the_fields() -> None:
    space = gspaces.rot2dOnR2(-1)
    first, second = space.type("2x0 + 2x1"), space.type("0 + 1 + 1 + 0")
    layer, other = (nn.R2Conv(kind, kind, 3, groups=2) for kind in (first, second))
    assert layer.plan.recipe == other.plan.recipe
    with pytest.raises(RuntimeError, match="the checkpoint was written over"):
        other.load_state_dict(layer.state_dict())
    nn.R2Conv(first, first, 3, groups=2).load_state_dict(layer.state_dict())


def test_types_that_no_order_divides() -> None:
    space = gspaces.rot2dOnR2(-1)
    kind, out = space.type("4x0 + 6x1 + 2x0"), space.type("4x0 + 12x1")
    for layer in (nn.R2Conv, nn.R2ConvTransposed):
        for groups in (4, 12, 0, True, 2.0):
            with pytest.raises(ValueError, match=rf"groups: a divisor .* so of 6 for .* is required; received {groups}"):
                layer(kind, kind, 3, groups=groups)
        with pytest.raises(ValueError, match=r"so of 2 for .* is required; received 6; .* side by side in an nn.DirectSum"):
            layer(kind, out, 3, groups=6)
        assert layer(kind, kind, 3, groups=6).out_type == kind
