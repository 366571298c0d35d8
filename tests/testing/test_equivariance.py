"""The measurement itself: it finds what is broken, and only that."""

from __future__ import annotations

import pytest
import torch

from steer import check_equivariance, gspaces, nn
from steer.testing import NETWORK


class Shift(nn.EquivariantModule):
    """Adds a constant to one channel of every field: not equivariant on purpose."""

    def __init__(self, kind: nn.FieldType) -> None:
        super().__init__()
        self.in_type = self.out_type = kind

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.arange(x.shape[1]).to(x).reshape(1, -1, *[1] * (x.ndim - 2))


def network(*middle: torch.nn.Module) -> nn.Sequential:
    space = gspaces.rot2dOnR2(8)
    kind = space.type("regular")
    return nn.Sequential(nn.R2Conv(space.type("trivial"), kind, 5, padding=2), *middle, nn.ReLU(kind))


def test_passes_a_good_network_and_names_its_layers() -> None:
    report = check_equivariance(network())
    report.assert_exact()
    assert report.layers == ("0", "1", NETWORK)
    assert report.first_at_fault(1e-12) is None
    assert 0 < report.error(exact=False) < 0.5
    text = str(report)
    assert "4 exact elements" in text
    assert "R2Conv" in text


def test_names_the_layer_at_fault_alone() -> None:
    kind = gspaces.rot2dOnR2(8).type("regular")
    report = check_equivariance(network(Shift(kind)))
    assert report.first_at_fault(1e-12) == "1"
    assert report.error("0") < 1e-12
    assert report.error("2") < 1e-12
    with pytest.raises(AssertionError, match="1 breaks equivariance"):
        report.assert_exact()


def test_a_constant_output_does_not_pass() -> None:
    model = network()
    with torch.no_grad():
        model[0].weight.zero_()
    with pytest.raises(AssertionError, match="the output does not vary"):
        check_equivariance(model).assert_exact()


def test_leaves_the_module_alone() -> None:
    model = network().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    check_equivariance(model, train=True)
    assert model.training
    after = model.state_dict()
    assert all(value.dtype == torch.float32 and torch.equal(after[name], value) for name, value in before.items())
    assert not any(module._forward_hooks for module in model.modules())


def test_any_torch_module_with_a_type() -> None:
    space = gspaces.rot2dOnR2(4)
    grey = space.type("trivial")
    plain = torch.nn.Conv2d(1, 1, 3, padding=1)
    assert check_equivariance(plain, grey, grey).error() > 1e-2
    blur = torch.nn.AvgPool2d(3, 1, 1)
    check_equivariance(blur, grey, grey).assert_exact()
    head = torch.nn.Sequential(blur, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    check_equivariance(head, grey).assert_exact()
    with pytest.raises(ValueError, match="Conv2d has no in_type"):
        check_equivariance(plain)


def test_wrong_shape_is_an_infinite_error() -> None:
    space = gspaces.rot2dOnR2(4)
    grey = space.type("trivial")
    rectangle = torch.nn.Conv2d(1, 1, (1, 3))
    assert check_equivariance(rectangle, grey, grey).error() == float("inf")


def test_unknown_layer() -> None:
    with pytest.raises(KeyError, match="one of 0, 1"):
        check_equivariance(network()).error("7")
