"""Gates: which fields get one, and which one."""

from __future__ import annotations

import pytest
import torch

from steer import gspaces, nn
from tests.cases import assert_close, assert_far, randn

SPACE = gspaces.no_base_space(gspaces.rot3dOnR3().fibergroup)


@pytest.mark.parametrize("fields", ["2x0 + 2x1 + 2", "1 + 0 + 2 + 0 + 1 + 1", "2x1", "3x0"])
@torch.no_grad()
def test_each_field_has_the_gate_of_its_rank(fields: str) -> None:
    kind = SPACE.type(fields)
    layer = nn.GatedNonLinearity(kind, scalar="tanh", gate=torch.nn.Softplus())
    gated = sum(not field.is_trivial for field in kind.representations)
    assert layer.in_type.representations == kind.representations + (SPACE.trivial_repr,) * gated
    assert layer.out_type == kind
    x = randn(5, layer.in_type.size)
    y, next_gate = layer(x), kind.size
    for field, span in kind.channels():
        if field.is_trivial:
            assert_close(y[:, span], torch.tanh(x[:, span]))
        else:
            assert_close(y[:, span], x[:, span] * torch.nn.functional.softplus(x[:, next_gate : next_gate + 1]))
            next_gate += 1
    assert next_gate == x.shape[1]


def test_regular_and_sign_fields_are_gated_too() -> None:
    kind = gspaces.flipRot2dOnR2(4).type("regular + 0o + 0e")
    assert len(nn.GatedNonLinearity(kind).in_type) == 5


def test_negative_control() -> None:
    kind = SPACE.type("1")
    x = randn(20, 4)
    g = SPACE.fibergroup.sample(1, torch.Generator().manual_seed(0))[0]

    def wrong(x: torch.Tensor) -> torch.Tensor:  # gated by a component of the vector, which is not invariant
        return x[:, :3] * torch.sigmoid(x[:, :1])

    moved = torch.cat([kind.transform_fibers(x[:, :3], g), x[:, 3:]], 1)
    assert_far(wrong(moved), kind.transform_fibers(wrong(x), g))


def test_unknown_activation() -> None:
    kind = SPACE.type("0 + 1")
    with pytest.raises(
        ValueError, match=r"GatedNonLinearity: gate: one of .*relu.*, or a torch.nn module, .* received 'step'"
    ):
        nn.GatedNonLinearity(kind, gate="step")
    with pytest.raises(ValueError, match="GatedNonLinearity: scalar"):
        nn.GatedNonLinearity(kind, scalar=None)


def test_activations_that_work_in_place_are_taken_as_copies() -> None:
    kind = gspaces.rot2dOnR2(4).type("1 + 0 + 1 + 0")
    stock = torch.nn.ReLU(inplace=True)
    act = nn.GatedNonLinearity(kind, scalar=stock, gate=torch.nn.Sequential(torch.nn.Hardsigmoid(inplace=True)))
    x = torch.randn(1, act.in_type.size, 3, 3, requires_grad=True)
    before = x.detach().clone()
    act(x).sum().backward()
    assert torch.equal(x.detach(), before)
    assert stock.inplace
    same = nn.GatedNonLinearity(kind, scalar="relu", gate=torch.nn.Hardsigmoid())
    torch.testing.assert_close(act(x), same(x))


@pytest.mark.parametrize("fields", ["2x0 + 2x1 + 2x2", "3x1 + 2x0", "3x0 + 2x1 + 2x0 + 1", "1 + 2 + 2x0 + 2 + 1 + 1"])
def test_channels_stay_last_forwards_and_backwards(fields: str) -> None:
    act = nn.GatedNonLinearity(gspaces.rot3dOnR3().type(fields)).double()
    x, weights = randn(2, act.in_type.size, 3, 4, 5), randn(2, act.out_type.size, 3, 4, 5, seed=1)
    found = []
    for form in (torch.contiguous_format, torch.channels_last_3d):
        inner = x.contiguous(memory_format=form).requires_grad_() * 1
        grads: list[torch.Tensor] = []
        inner.register_hook(grads.append)
        y = act(inner)
        (y * weights.contiguous(memory_format=form)).sum().backward()
        assert y.is_contiguous(memory_format=form)
        assert grads[0].is_contiguous(memory_format=form)
        with torch.no_grad():
            assert_close(act(inner), y.detach())
        found.append((y.detach(), grads[0]))
    for one, other in zip(*found, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("fields", ["2x0 + 3x1 + 2", "0 + 1 + 0 + 1", "1 + 0 + 2 + 0"])
@pytest.mark.parametrize("layer", [nn.GatedNonLinearity, nn.NormNonLinearity])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_same_numbers_and_layout_with_and_without_derivatives(
    layer: type[nn.EquivariantModule], fields: str, memory_format: torch.memory_format
) -> None:
    """Without them the output is written piece by piece where fields of a kind follow one another."""
    act = layer(gspaces.rot2dOnR2(-1).type(fields))
    x = torch.randn(2, act.in_type.size, 5, 4).contiguous(memory_format=memory_format)
    with torch.no_grad():
        written = act(x)
    joined = act(x.clone().requires_grad_())
    assert torch.equal(written, joined)
    assert written.stride() == joined.stride()
