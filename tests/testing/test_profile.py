"""Where a step's time goes: to the layer and the kind of work that took it."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor

from steer import gspaces, nn
from steer.testing import profile_step

SPACE = gspaces.rot2dOnR2(4)
GREY, HIDDEN = SPACE.type("trivial"), SPACE.type("2xregular")


class Slow(torch.autograd.Function):
    """The identity, that takes its time both ways."""

    @staticmethod
    def forward(ctx: object, x: Tensor, forward: float, backward: float) -> Tensor:
        ctx.backward = backward  # type: ignore[attr-defined]
        time.sleep(forward)
        return x.clone()

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor, None, None]:
        time.sleep(ctx.backward)  # type: ignore[attr-defined]
        return grad, None, None


class Wait(torch.nn.ReLU):
    def __init__(self, forward: float, backward: float) -> None:
        super().__init__()
        self.seconds = forward, backward

    def forward(self, x: Tensor) -> Tensor:
        return Slow.apply(x, *self.seconds)  # type: ignore[no-any-return]


def network(wait: torch.nn.Module, kind: nn.FieldType = HIDDEN) -> torch.nn.Sequential:
    norm = nn.InnerBatchNorm(kind) if kind == HIDDEN else nn.NormBatchNorm(kind)
    return torch.nn.Sequential(nn.R2Conv(GREY, kind, 3, padding=1), norm, wait, nn.R2Conv(kind, GREY, 3, padding=1))


@pytest.mark.parametrize(("forward", "backward"), [(0.2, 0.0), (0.0, 0.2)])
@pytest.mark.parametrize("kind", [HIDDEN, SPACE.type("2x0 + 1")], ids=["stock norm", "norm with operations of its own"])
def test_time_belongs_to_the_layer_that_takes_it(kind: nn.FieldType, forward: float, backward: float) -> None:
    found = profile_step(network(Wait(forward, backward), kind), torch.randn(2, 1, 9, 9), steps=2)
    longest = max(found.shares, key=lambda share: share.time)
    assert (longest.layer, longest.kind) == ("2", "nonlinearity")
    assert longest.forward >= 0.9e3 * forward
    assert longest.backward >= 0.9e3 * backward
    assert (longest.forward > longest.backward) is (forward > backward)
    assert next(iter(found.by_kind())) == "nonlinearity"


def test_every_kind_of_work_is_there_both_ways() -> None:
    module = network(nn.ReLU(HIDDEN))
    before = {name: value.clone() for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    found = profile_step(module, torch.randn(2, 1, 9, 9))
    works = {(share.layer, share.kind): share for share in found.shares}
    for layer, kind in (("0", "expansion"), ("0", "convolution"), ("1", "norm"), ("3", "expansion"), ("3", "convolution")):
        assert works[layer, kind].forward > 0
        assert works[layer, kind].backward > 0
    assert works["2", "nonlinearity"].backward > 0
    assert sum(found.by_kind().values()) == pytest.approx(found.total)
    shown = str(found).splitlines()
    assert shown[0].split() == ["layer", "kind", "forward", "backward", "of", "the", "step"]
    assert len(shown) == 2 + len(found.shares) + len(found.by_kind())
    # What was profiled is a copy.
    assert all(torch.equal(module.state_dict()[name], value) for name, value in before.items())
    assert all(p.grad is None for p in module.parameters())
    assert "dense" not in vars(module[0])


def test_typed_networks() -> None:
    module = nn.Sequential(nn.R2Conv(GREY, HIDDEN, 3), nn.NormPool(HIDDEN))
    found = profile_step(module, nn.GeometricTensor(torch.randn(1, 1, 9, 9), GREY), steps=1)
    assert {"0", "1"} <= {share.layer for share in found.shares}


def test_attention_and_what_it_is_made_of() -> None:
    found = profile_step(nn.SteerableAttention(HIDDEN, HIDDEN, 1), torch.randn(2, 8, 7, 7), steps=1)
    own = [share for share in found.shares if share.layer == "SteerableAttention"]
    assert own
    assert own[0].forward > 0
    assert own[0].backward > 0


def test_bad_input() -> None:
    with pytest.raises(TypeError, match="profile_step: a module, a torch module, is required"):
        profile_step("x", torch.randn(1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weights that are trained"):
        profile_step(torch.nn.ReLU(), torch.randn(1, 1, 9, 9))
    with pytest.raises(ValueError, match="steps"):
        profile_step(network(nn.ReLU(HIDDEN)), torch.randn(1, 1, 9, 9), steps=0)
