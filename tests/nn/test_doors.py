"""What every layer answers to a wrong argument: one clear error at the public door."""

from __future__ import annotations

import typing

import numpy as np
import pytest
import torch

from steer import check_equivariance, gspaces, nn
from steer.expansion import lattice
from steer.field import GSpace
from steer.group import cyclic, so2, so3
from tests.nn.layers import LAYERS, input_of

SPACE = gspaces.rot2dOnR2(4)
KIND = SPACE.type("2xregular")
ONE_TYPE = {
    "ReLU": nn.ReLU,
    "Pointwise": lambda t: nn.Pointwise(t, torch.nn.ReLU()),
    "NormNonLinearity": nn.NormNonLinearity,
    "GatedNonLinearity": nn.GatedNonLinearity,
    "FourierPointwise": nn.FourierPointwise,
    "InnerBatchNorm": nn.InnerBatchNorm,
    "NormBatchNorm": nn.NormBatchNorm,
    "GroupPooling": nn.GroupPooling,
    "NormPool": nn.NormPool,
    "PointwiseMaxPool": lambda t: nn.PointwiseMaxPool(t, 2),
    "PointwiseAvgPool": lambda t: nn.PointwiseAvgPool(t, 2),
    "PointwiseAvgPoolAntialiased": lambda t: nn.PointwiseAvgPoolAntialiased(t, 0.6, 2),
    "PointwiseAdaptiveAvgPool": lambda t: nn.PointwiseAdaptiveAvgPool(t, 1),
    "NormMaxPool": lambda t: nn.NormMaxPool(t, 2),
    "FieldDropout": nn.FieldDropout,
    "PointwiseDropout": nn.PointwiseDropout,
    "Identity": nn.Identity,
    "Linear": lambda t: nn.Linear(t, KIND),
    "R2Conv": lambda t: nn.R2Conv(t, KIND, 3),
}


@pytest.mark.parametrize("layer", ONE_TYPE)
@pytest.mark.parametrize("wrong", [8, "2xregular", SPACE, torch.zeros(2)], ids=["int", "text", "gspace", "tensor"])
def test_a_field_type_is_required(layer: str, wrong: object) -> None:
    with pytest.raises(TypeError, match=f"{layer}: .*a FieldType, is required; received .*gspace.type"):
        ONE_TYPE[layer](wrong)


@pytest.mark.parametrize("layer", ONE_TYPE)
def test_none_is_no_field_type(layer: str) -> None:
    """A subclass that sets its types later leaves them out; a user who passes None has made a mistake."""
    with pytest.raises(TypeError, match="a FieldType, is required; received NoneType None"):
        ONE_TYPE[layer](None)


@pytest.mark.parametrize("dtype", [torch.long, torch.uint8, torch.bool, torch.complex64], ids=str)
@pytest.mark.parametrize("name", ["R2Conv 1x1", "ReLU", "GroupPooling max", "Identity", "Linear irreps", "Sequential"])
def test_real_numbers_are_required(name: str, dtype: torch.dtype) -> None:
    layer = LAYERS[name]()
    x = input_of(layer).to(dtype)
    way_out = "real and imaginary parts are two channels" if dtype.is_complex else r"x.float\(\) makes them"
    for given in (x, layer.in_type(x)):
        with pytest.raises(TypeError, match=f"floating point are required; received {dtype}; {way_out}"):
            layer(given)


FOREIGN = {
    "sigma": r"widths, one standard deviation per ring .* in place of sigma .* received sigma=0.6; docs/migration",
    "frequencies_cutoff": "band_limit, one degree, .* in place of frequencies_cutoff",
    "basis_filter": "a smaller band_limit, or other rings, is required in place of basis_filter",
    "maximum_offset": "a smaller band_limit is required in place of maximum_offset",
    "initialize": r"no argument .* reset_parameters\(\) draws them anew\) is required in place of initialize",
    "recompute": "no argument .* is required in place of recompute",
    "kernel": "arguments of this layer are required; received an unknown one, kernel=0.6",
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("layer", [nn.R2Conv, nn.R2ConvTransposed], ids=lambda layer: layer.__name__)
def test_arguments_of_other_libraries(layer: type, name: str) -> None:
    with pytest.raises(TypeError, match=f"{layer.__name__}: {FOREIGN[name]}"):
        layer(KIND, KIND, 3, **{name: 0.6})


@pytest.mark.parametrize("name", [name for name in nn.__all__ if isinstance(getattr(nn, name), type)])
def test_the_types_of_arguments_can_be_asked_for(name: str) -> None:
    """By tools that build layers from configurations; a name that only type checkers import is a `NameError` there."""
    layer = getattr(nn, name)
    for method in (layer.__init__, getattr(layer, "forward", None), getattr(layer, "export", None)):
        if method is not None:
            assert isinstance(typing.get_type_hints(method), dict)


def conv(**arguments: object) -> nn.R2Conv:
    return nn.R2Conv(KIND, KIND, **{"kernel_size": 3, **arguments})


CIRCLES = gspaces.rot2dOnR2(-1).type("2x0 + 2x1")
WRONG_VALUES = {
    **{
        f"kernel_size: a whole number >= 1, .* received {value!r}": lambda value=value: conv(kernel_size=value)
        for value in (0, -3, "3", None, 2.5, True)
    },
    **{
        f"widths: a list of numbers in physical units, one per ring, is required; received {value!r}": (
            lambda value=value: conv(widths=value)
        )
        for value in (0, "x", 0.6, True)
    },
    r"GaussianRings: radii >= 0 and widths > 0 .* widths \(0.0, 0.0\)": lambda: conv(widths=[0, 0]),
    "GaussianRings: one width per radius is required; received 2 radii, 1 widths": lambda: conv(widths=[0.6]),
    "rings: a list of numbers in physical units, one per ring, is required; received 2": lambda: conv(rings=2),
    r"rings: a list of numbers .* received \['a'\]": lambda: conv(rings=["a"]),
    "rings: a list of numbers .* received 'ab'": lambda: conv(rings="ab"),
    "rings: at least one radius is required; received none": lambda: conv(rings=[]),
    "band_limit: one degree, or one for each of 2 rings, is required; received 2.5": lambda: conv(band_limit=2.5),
    r"band_limit: one degree, .* received \[True, False\]": lambda: conv(band_limit=[True, False]),
    "band_limit: a function of the radius in samples to a degree .* which fails for 0.0: ": lambda: conv(
        band_limit=torch.nn.ReLU()
    ),
    r"radial: a function of radii \[point\] to \[profile, point\], in float64, .* which fails: ": lambda: conv(
        radial=torch.nn.Softmax(1)
    ),
    r"padding_mode: one of .* received \['zeros'\]": lambda: conv(padding_mode=["zeros"]),
    "R2Conv.reset_parameters: gain, a number >= 0, is required; received 'a'": lambda: conv().reset_parameters("a"),
    "reset_parameters: gain, .* received nan": lambda: conv().reset_parameters(float("nan")),
    r"GroupPooling: function, 'max' or 'mean', .* received \['max'\]": lambda: nn.GroupPooling(KIND, ["max"]),
    r"NormNonLinearity: function, one of .* received \['relu'\]": lambda: nn.NormNonLinearity(KIND, ["relu"]),
    r"R2Upsampling: scale_factor, .* received <class 'int'>": lambda: nn.R2Upsampling(KIND, int),
    r"Reshuffle: order, positions of fields from 0 to 1, is required; received 'ab'": lambda: nn.Reshuffle(KIND, "ab"),
    "Reshuffle: order, .* received 1": lambda: nn.Reshuffle(KIND, 1),
    "Merge: in_types, a list of at least one type, is required; received None": lambda: nn.Merge(None),
    "SharedNormNonLinearity: sharing, lists of positions of fields, .* received 3": lambda: nn.SharedNormNonLinearity(
        KIND, 3
    ),
    "SharedNormNonLinearity: sharing, .* received 'ab'": lambda: nn.SharedNormNonLinearity(KIND, "ab"),
    "GatedNonLinearity: gate: an activation that acts on each number by itself .* Softmax": lambda: nn.GatedNonLinearity(
        CIRCLES, gate=torch.nn.Softmax(1)
    ),
    "GatedNonLinearity: scalar: an activation without statistics": lambda: nn.GatedNonLinearity(
        CIRCLES, torch.nn.BatchNorm2d(2)
    ),
    "GatedNonLinearity: gate: an activation that takes any shape": lambda: nn.GatedNonLinearity(
        CIRCLES, gate=torch.nn.PReLU(7)
    ),
    "FourierPointwise: an activation that acts on each number by itself .* Softmax": lambda: nn.FourierPointwise(
        KIND, torch.nn.Softmax(2)
    ),
    "FourierPointwise: an activation that acts on each number .* LayerNorm": lambda: nn.FourierPointwise(
        CIRCLES, torch.nn.LayerNorm(9, elementwise_affine=False)
    ),
    "FourierPointwise: an activation that takes any shape is required; .* PReLU": lambda: nn.FourierPointwise(
        KIND, torch.nn.PReLU(8)
    ),
    "FourierPointwise: an activation that acts on each number by itself .* PReLU": lambda: nn.FourierPointwise(
        KIND, uneven_prelu(2)
    ),
    "check_equivariance: dtype, .* received 'double'": lambda: check_equivariance(nn.ReLU(KIND), dtype="double"),
    "check_equivariance: train, .* received 1": lambda: check_equivariance(nn.ReLU(KIND), train=1),
    r"bias: one number per invariant of the output, \[2\], is required; received \[8\]": lambda: with_bias(KIND, 8),
    r"bias: one number per invariant .* \[0\], is required; received \[4\]; set bias to None": lambda: with_bias(
        SPACE.type("2x1"), 4
    ),
    r"check_equivariance: elements of cyclic\(4\) are required; received a matrix that is none": lambda: check_equivariance(
        nn.ReLU(KIND), elements=[*cyclic(4).elements, cyclic(8).elements[1]]
    ),
    r"an out_type over the group of the in_type, cyclic\(4\), .* received 0e of dihedral\(4": lambda: check_equivariance(
        torch.nn.Conv2d(8, 1, 3), KIND, gspaces.flipRot2dOnR2(4).type("0e"), size=5
    ),
    r"an out_type over the group .* received 1 of cyclic\(4\)": lambda: check_equivariance(
        nn.Identity(KIND), gspaces.rot2dOnR2(3).type("regular"), [None, {"a": SPACE.type("1")}]
    ),
    "check_equivariance: seed, .* received 0.5": lambda: check_equivariance(nn.ReLU(KIND), seed=0.5),
}


def uneven_prelu(count: int) -> torch.nn.PReLU:
    layer = torch.nn.PReLU(count)
    layer.weight.data = torch.linspace(0, 1, count)
    return layer


def with_bias(out: nn.FieldType, size: int) -> torch.Tensor:
    """What a convolution gives to which a stock bias was assigned."""
    layer = nn.R2Conv(out, out, 3)
    layer.bias = torch.nn.Parameter(torch.zeros(size))
    return layer(torch.randn(1, out.size, 5, 5))


@pytest.mark.parametrize("message", WRONG_VALUES)
def test_wrong_values(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WRONG_VALUES[message]()


WRONG_CLASSES = {
    r"R2Conv.check_equivariance: options .* received atol, rtol; .*assert_exact\(tolerance\)": lambda: (
        conv().check_equivariance(atol=1e-5, rtol=1e-5)
    ),
    "ReLU.check_equivariance: options of steer.check_equivariance are required; received sizes$": lambda: nn.ReLU(
        KIND
    ).check_equivariance(sizes=5),
    r"radial: a function of radii \[point\] to \[profile, point\], is required; received 3": lambda: conv(radial=3),
    "R2Conv.from_dense: kernel, a torch tensor, is required; received ndarray": lambda: conv().from_dense(np.zeros(3)),
    "R2Conv.from_dense: bias, a torch tensor, is required; received str": lambda: conv().from_dense(torch.zeros(3), "x"),
    r"Sequential: modules are required; number 0 is list; unpack lists: Sequential\(\*layers\)": lambda: nn.Sequential(
        [nn.ReLU(KIND)]
    ),
    "Sequential: modules are required; number 1 is str": lambda: nn.Sequential(nn.ReLU(KIND), "relu"),
    "tensor_directsum: a list of geometric tensors is required; received NoneType": lambda: nn.tensor_directsum(None),
    "summary: a torch module is required; received NoneType": lambda: nn.summary(None),
    "export: a torch module is required; received str": lambda: nn.export("x"),
    "dense_weights: a torch module is required; received FieldType": lambda: nn.dense_weights(KIND),
    "keep_constants_local: a torch module is required; received int": lambda: nn.keep_constants_local(3),
    "update_bn: a model, .* received list": lambda: nn.update_bn(nn.ReLU(KIND), []),
    "update_bn: a loader, .* received int": lambda: nn.update_bn(3, nn.ReLU(KIND)),
    "match_width: build, a function .* received 3": lambda: nn.match_width(3, 3),
    "match_width: target, .* received str": lambda: nn.match_width(lambda n: nn.ReLU(KIND), "x"),
    "match_width: a network from build is required; received int": lambda: nn.match_width(lambda n: n, 5),
    "Linear: out_type, a FieldType, is required; received NoneType": lambda: nn.Linear(
        LAYERS["Linear irreps"]().in_type, None
    ),
}


@pytest.mark.parametrize("message", WRONG_CLASSES)
def test_wrong_classes(message: str) -> None:
    with pytest.raises(TypeError, match=message):
        WRONG_CLASSES[message]()


def test_what_is_right_goes_through() -> None:
    conv(rings=np.array([0.0, 1.0]), widths=torch.tensor([0.1, 0.5]), band_limit=lambda radius: 2)
    for function in (torch.nn.PReLU(), torch.nn.Sequential(torch.nn.Softplus(), torch.nn.Tanh()), torch.nn.Hardtanh()):
        nn.FourierPointwise(KIND, function)
        nn.FourierPointwise(CIRCLES, function)
        nn.GatedNonLinearity(CIRCLES, function, function)
    assert nn.Reshuffle(CIRCLES).out_type == CIRCLES.sorted()


@pytest.mark.parametrize("x", [np.zeros((1, 8, 5, 5)), [1, 2], None], ids=["numpy", "list", "none"])
def test_a_tensor_is_required(x: object) -> None:
    for layer in (nn.R2Conv(KIND, KIND, 3), nn.ReLU(KIND)):
        with pytest.raises(TypeError, match=f"a torch tensor or a GeometricTensor is required; received {type(x).__name__}"):
            layer(x)
        with pytest.raises(TypeError, match=f"received {type(x).__name__}"):
            nn.GeometricTensor(x, KIND)


def test_gspaces() -> None:
    for wrong in ("x", SPACE, 3):
        with pytest.raises(TypeError, match=r"a group of steer.group is required; received"):
            gspaces.no_base_space(wrong)
    with pytest.raises(TypeError, match=r"a lattice or None is required; received 'square'"):
        GSpace(so2(), "square")
    with pytest.raises(ValueError, match="a grid and a group of one dimension are required"):
        GSpace(so3(), lattice("square", 2))
    for restricted in (SPACE.quotient_repr, SPACE.restrict, KIND.restrict, lambda part: nn.Restriction(KIND, part)):
        with pytest.raises(ValueError, match=r"a number of turns n >= 1, a group or matrices are required .* received 0"):
            restricted(0)
        with pytest.raises(TypeError, match=r"subgroup: matrices \[2, 2\], .* received str 'C2'"):
            restricted("C2")
    for part in (cyclic(2), 2, -torch.eye(2)):
        assert nn.Restriction(KIND, part).out_type == KIND.restrict(cyclic(2))


def test_transform_takes_matrices() -> None:
    x = nn.GeometricTensor(torch.zeros(1, 8, 5, 5), KIND)
    for wrong in (1, torch.eye(3)):
        with pytest.raises(TypeError, match=r"the matrix \[2, 2\] of an element is required"):
            x.transform(wrong)


def test_activations_with_numbers_per_channel() -> None:
    nn.Pointwise(KIND, torch.nn.PReLU())
    with pytest.raises(ValueError, match="weight of PReLU.* has more than one number"):
        nn.Pointwise(KIND, torch.nn.PReLU(8))


def test_sequential_keeps_its_kind() -> None:
    twice = nn.Sequential(nn.ReLU(KIND)) * 2
    assert isinstance(twice, nn.Sequential)
    assert twice.out_type == KIND


def test_layers_print_on_one_line() -> None:
    assert str(nn.NormBatchNorm(KIND)).count("\n") == 0
    assert str(nn.GatedNonLinearity(gspaces.rot2dOnR2(-1).type("0 + 2x1"))).count("\n") <= 4


@torch.no_grad()
def test_geometric_tensors_are_cast_scaled_and_indexed() -> None:
    x = nn.GeometricTensor(torch.randn(4, 8, 5, 5), KIND)
    assert x.double().dtype == torch.float64
    assert x.half().float().cpu().dtype == torch.float32
    assert torch.equal((x / 2).tensor, x.tensor * 0.5)
    assert len(x[1:3]) == 2
    assert x[0].shape == (1, 8, 5, 5)
