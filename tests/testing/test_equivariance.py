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
    with pytest.raises(AssertionError, match="the output of .*whole network.* does not vary"):
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


class Scale(Shift):
    """Multiplies channels by different numbers."""

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.arange(1, x.shape[1] + 1).to(x).reshape(1, -1, *[1] * (x.ndim - 2))


def test_a_group_without_grid_symmetries_is_not_tested_exactly() -> None:
    kind = gspaces.rot2dOnR2(5).type("regular")
    report = check_equivariance(Scale(kind))
    with pytest.raises(AssertionError, match="not tested: none of the elements besides the identity"):
        report.assert_exact()
    with pytest.raises(AssertionError, match="for elements between"):
        report.assert_approximate(0.2)
    check_equivariance(nn.R2Conv(kind, kind, 5, padding=2)).assert_approximate(0.2)


def test_elements_that_prove_nothing_do_not_pass() -> None:
    space = gspaces.rot2dOnR2(8)
    bad = Scale(space.type("regular"))
    with pytest.raises(AssertionError, match="not tested"):
        check_equivariance(bad, elements=[space.testing_elements[-1]]).assert_exact()
    with pytest.raises(ValueError, match="at least one matrix of the group"):
        check_equivariance(bad, elements=[])
    with pytest.raises(AssertionError, match="every element is exact"):
        check_equivariance(nn.Identity(gspaces.rot2dOnR2(4).type("regular"))).assert_approximate(0.1)
    check_equivariance(nn.Identity(gspaces.trivialOnR2().type("trivial"))).assert_exact()


def test_nan_is_an_error() -> None:
    class Nan(Shift):
        def compute(self, x: torch.Tensor) -> torch.Tensor:
            return torch.where(x[0, 0, 0, 0] > x[0, 0, -1, 0], x, torch.nan)

    report = check_equivariance(Nan(gspaces.rot2dOnR2(4).type("trivial")))
    with pytest.raises(AssertionError, match="error nan"):
        report.assert_exact()


def test_corners_count() -> None:
    class Corner(Shift):
        def compute(self, x: torch.Tensor) -> torch.Tensor:
            x = x.clone()
            x[..., :2, :2] *= 5
            return x

    assert check_equivariance(Corner(gspaces.rot2dOnR2(4).type("trivial"))).error() > 0.5


def test_a_constant_layer_inside_does_not_pass() -> None:
    kind = gspaces.rot2dOnR2(4).type("trivial")

    class Skip(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.in_type = self.out_type = kind
            self.branch = nn.R2Conv(kind, kind, 3, padding=1)
            torch.nn.init.zeros_(self.branch.weight)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.branch(x)

    with pytest.raises(AssertionError, match="the output of branch does not vary"):
        check_equivariance(Skip()).assert_exact()


def test_the_floor_is_what_resampling_alone_gives() -> None:
    report = check_equivariance(nn.Identity(gspaces.rot2dOnR2(8).type("trivial")))
    report.assert_exact(0.0)
    assert report.error(exact=False) == 0
    assert 1e-3 < report.floor() < 0.2
    assert "resampling alone" in str(report)


def test_a_layer_is_exact_for_what_it_promises_only() -> None:
    space = gspaces.rot2dOnR2(-1)
    kind = space.type(space.fourier_repr(2))
    report = check_equivariance(nn.FourierPointwise(kind, "relu", samples=9))
    assert report.error() < 1e-12
    assert report.error(exact=False) > 1e-3


def test_a_layer_that_owns_typed_layers_and_never_calls_them_has_a_row() -> None:
    """Attention applies the kernels of two linear maps; containers call theirs, and have no row beside them."""
    kind = gspaces.rot2dOnR2(8).type("regular")
    inner = nn.Sequential(nn.SteerableAttention(kind, kind, 1), nn.ReLU(kind))
    model = torch.nn.Sequential(inner, torch.nn.ReLU(inplace=True), nn.R2Conv(kind, kind, 3, padding=1))
    report = check_equivariance(model, kind, kind, size=5)
    assert report.layers == ("0.0", "0.1", "1", "2", NETWORK)
    report.assert_exact()
    assert check_equivariance(network(nn.Sequential(nn.ReLU(kind), Shift(kind)))).first_at_fault(1e-12) == "1.1"


SPACE = gspaces.rot2dOnR2(4)
VECTORS = SPACE.type("2xstandard")


class Heads(torch.nn.Module):
    """Several outputs, each with a type."""

    def __init__(self, broken: bool = False) -> None:
        super().__init__()
        self.in_type = SPACE.type("trivial")
        self.flow, self.score = nn.R2Conv(self.in_type, VECTORS, 3), nn.R2Conv(self.in_type, self.in_type, 3)
        self.broken = broken

    def forward(self, x: torch.Tensor) -> dict:
        flow = self.flow(x)
        return {"flow": flow.relu() if self.broken else flow, "rest": (self.score(x), [flow.square().sum((1, 2, 3))])}


KINDS = {"flow": VECTORS, "rest": (SPACE.type("trivial"), [None])}


def test_outputs_in_containers_are_measured_with_a_type_each() -> None:
    check_equivariance(Heads(), out_type=KINDS).assert_exact()
    with pytest.raises(AssertionError, match="whole network"):
        check_equivariance(Heads(broken=True), out_type=KINDS).assert_exact()
    for out in (VECTORS, {"flow": VECTORS}, {"rest": KINDS["rest"], "flow": VECTORS}):
        with pytest.raises(ValueError, match="one field type .* for each of the 3 tensors of the output"):
            check_equivariance(Heads(), out_type=out)


def test_a_last_output_alone_is_noticed() -> None:
    class Pair(torch.nn.Module):
        in_type = VECTORS

        def forward(self, x: torch.Tensor) -> tuple:
            return x, x.relu()

    assert check_equivariance(Pair(), out_type=(VECTORS, VECTORS)).error() > 0.01
    assert check_equivariance(Pair(), out_type=(VECTORS, SPACE.type("4xtrivial"))).error() > 0.01


class Typed(torch.nn.Module):
    """A forward that needs types."""

    def __init__(self) -> None:
        super().__init__()
        self.in_type = self.out_type = VECTORS
        self.conv = nn.R2Conv(VECTORS, VECTORS, 3, padding=1)

    def forward(self, x: nn.GeometricTensor) -> tuple:
        one, other = self.conv(x).split()
        return torch.cat([other, one], 1), one


@pytest.mark.parametrize("typed", [None, True])
def test_a_forward_that_needs_types_gets_them(typed: bool | None) -> None:
    report = check_equivariance(Typed(), typed=typed, out_type=(None, None))
    report.assert_exact()
    assert report.layers == ("conv", NETWORK)
    with pytest.raises((AttributeError, TypeError)):
        check_equivariance(Typed(), typed=False, out_type=(None, None))


def test_small_outputs_vary() -> None:
    layer = nn.R2Conv(VECTORS, VECTORS, 3)
    with torch.no_grad():
        layer.weight.mul_(1e-10)
    check_equivariance(layer).assert_exact()


def test_sets_without_a_grid() -> None:
    kind = gspaces.no_base_space(SPACE.fibergroup).type("2x0 + 2x1")
    net = nn.Sequential(nn.SteerableAttention(kind, kind, 2), nn.NormNonLinearity(kind), nn.Linear(kind, kind))
    for options in ({}, {"size": 5}, {"size": (4,)}):
        check_equivariance(net, **options).assert_exact()


def test_numbers_that_are_out_of_range() -> None:
    layer = Heads().flow
    for batch in (0, 2.0, True):
        with pytest.raises(ValueError, match="batch, a whole number >= 1, is required; received"):
            check_equivariance(layer, batch=batch)
    for size in (2.5, "9", (9, 2.5), True):
        with pytest.raises(ValueError, match="size, a whole number >= 1 or 2 of them, is required; received"):
            check_equivariance(layer, size=size)
    for elements in (torch.eye(2), [torch.eye(3)], 3):
        with pytest.raises(ValueError, match=r"elements, a list of matrices \[2, 2\] of .* is required"):
            check_equivariance(layer, elements=elements)

    class Nothing(torch.nn.Module):
        in_type = VECTORS

        def forward(self, x: torch.Tensor) -> str:
            return "none"

    with pytest.raises(TypeError, match="an output of tensors, or tuples, lists and dictionaries of them, is required"):
        check_equivariance(Nothing())


def test_an_output_over_a_subgroup_is_measured_for_its_elements() -> None:
    """A stock layer says no type of its own: the group is that of what is asked of it."""
    space = gspaces.flipRot2dOnR2(4)
    grey, turns = space.type("2x0e"), gspaces.rot2dOnR2(4)
    skewed = torch.nn.Conv2d(2, 1, 5, dtype=torch.float64)
    with torch.no_grad():
        skewed.weight.copy_(sum(skewed.weight.rot90(k, (2, 3)) for k in range(4)))
    report = check_equivariance(skewed, grey, turns.type("0"), size=9)
    report.assert_exact()
    assert len(report.measurements) == 4
    with pytest.raises(AssertionError, match="breaks equivariance"):
        check_equivariance(skewed, grey, space.type("0e"), size=9).assert_exact()
