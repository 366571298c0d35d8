"""What every layer offers beside its map: the shape of its output, and the measurement of its equivariance."""

from __future__ import annotations

import warnings

import pytest
import torch

from steer import check_equivariance, gspaces, nn
from steer.testing import EquivarianceReport
from tests.nn.layers import LAYERS, build, input_of

KIND = gspaces.rot2dOnR2(4).type("2xregular")


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.filterwarnings("ignore::steer.nn.BrokenSymmetryWarning")
def test_the_shape_is_that_of_the_output(name: str) -> None:
    layer = build(name)
    x = input_of(layer)
    before = {key: value.clone() for key, value in layer.state_dict().items() if isinstance(value, torch.Tensor)}
    with torch.random.fork_rng():
        found = layer.evaluate_output_shape(x.shape)
    assert all(torch.equal(value, layer.state_dict()[key]) for key, value in before.items())
    assert layer.training
    with torch.no_grad():
        assert found == tuple(layer.eval()(x).shape)


def test_shapes_are_no_measurement_and_warn_of_nothing() -> None:
    conv = nn.R2Conv(KIND, KIND, 3, stride=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert conv.evaluate_output_shape((2, 8, 8, 8)) == (2, 8, 3, 3)
    with pytest.warns(nn.BrokenSymmetryWarning, match="on the size"):
        conv(torch.zeros(2, 8, 8, 8))  # the layer itself still does
    head = nn.Sequential(conv, nn.GroupPooling(KIND), torch.nn.Flatten(), torch.nn.Linear(18, 5))
    assert head.evaluate_output_shape(torch.Size((2, 8, 7, 7))) == (2, 5)


def test_shapes_that_no_layer_takes() -> None:
    conv = nn.R2Conv(KIND, KIND, 5)
    for wrong in (None, 7, (1, 8, 7.0, 7), (1, 8, -7, 7), "18"):
        with pytest.raises(ValueError, match=r"whole numbers \[batch, channel, \*space\] are required; received"):
            conv.evaluate_output_shape(wrong)
    with pytest.raises(ValueError, match=r"a tensor \[batch, 8, y, x\] is required"):
        conv.evaluate_output_shape((1, 9, 7, 7))
    with pytest.raises(ValueError, match=r"a shape that the layer takes is required; received \[1, 8, 3, 3\]: "):
        conv.evaluate_output_shape((1, 8, 3, 3))


@pytest.mark.parametrize("name", ["R2Conv mixed", "NormBatchNorm 2d", "Linear irreps", "Sequential"])
def test_layers_measure_themselves(name: str) -> None:
    layer = build(name).double()
    size = None if layer.in_type.gspace.lattice is None else 5
    options = {"size": size, "batch": 1, "seed": 3}
    report = layer.check_equivariance(**options)
    assert isinstance(report, EquivarianceReport)
    assert str(report) == str(check_equivariance(layer, **options))
    report.assert_exact()


def test_the_measurement_notices_a_broken_layer() -> None:
    class Broken(nn.Identity):
        def compute(self, x: torch.Tensor) -> torch.Tensor:
            return x * torch.arange(x.shape[-1])

    with pytest.raises(AssertionError):
        Broken(KIND).check_equivariance(size=5).assert_exact()
