"""The two networks: equal dense shapes, one equivariant and one not."""

from __future__ import annotations

import pytest
import torch

from steer import check_equivariance, nn
from steer.cli._networks import plain, steerable
from steer.cli._render import SIZE


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return steerable(10, turns=8, fields=(1, 2, 2, 3))


def test_steerable_scores_ignore_quarter_turns(model: nn.Sequential) -> None:
    check_equivariance(model, size=SIZE, batch=1).assert_exact()


def test_plain_scores_do_not(model: nn.Sequential) -> None:
    report = check_equivariance(plain(model), model.in_type, size=SIZE, batch=1)
    assert report.error() > 1e-4


def test_dense_shapes_are_equal(model: nn.Sequential) -> None:
    free, exported = plain(model), model.eval().export()
    assert [tuple(p.shape) for p in free.parameters()] == [tuple(p.shape) for p in exported.parameters()]
    assert all(p.requires_grad for p in free.parameters())
    assert all(m.training for m in free.modules())
    convolutions = [m for m in free.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [8, 16, 16, 24]
    assert all(
        (a - b).abs().max() > 1e-3 for a, b in zip(free.parameters(), exported.parameters(), strict=True) if a.ndim > 1
    )
    norms = [m for m in free.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all(bool((m.running_var == 1).all()) for m in norms)


def test_the_networks_share_nothing(model: nn.Sequential) -> None:
    free = plain(model)
    assert not {id(m) for m in free.modules()} & {id(m) for m in model.modules()}
    assert not {p.data_ptr() for p in free.parameters()} & {p.data_ptr() for p in model.parameters()}


def test_plain_leaves_the_mode_of_its_model(model: nn.Sequential) -> None:
    plain(model.train())
    assert model.training
