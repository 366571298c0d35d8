"""Fourier nonlinearities: exact for the samples' symmetries, an isometry, accurate for all others, and their errors."""

from __future__ import annotations

import math

import pytest
import torch

from steer import gspaces, nn
from steer.field import FieldType, GSpace
from steer.nn._group_functions import fourier_matrices, frame
from steer.nn._group_samples import group_samples
from tests.cases import Case, assert_close, assert_far, build, each, named, randn, seeded

CASES = named(
    "cyclic(8)",
    "dihedral(4)",
    "octahedral()",
    "icosahedral()",
    "quaternion_group()",
    "binary_tetrahedral()",
    "conjugated(tetrahedral(), 5)",
    "cyclic(4) * cyclic(3)",
    "so2()",
    "o2()",
    "so2(d=3)",
    "conical()",
    "dihedral_axial()",
    "cylindrical()",
    "full_cylindrical()",
    "so3()",
    "o3()",
)


def point(case: Case) -> GSpace:
    return gspaces.no_base_space(case.group)


def layers(case: Case) -> list[nn.FourierPointwise]:
    space = point(case)
    degree = 1 if case.text in ("so3()", "o3()") else 2
    whole = space.fourier_repr(degree)
    irreps = FieldType(space, sorted(whole.irreps * 3, key=lambda irrep: (irrep.degree, str(irrep))))
    return [
        nn.FourierPointwise(FieldType(space, [whole, whole, space.trivial_repr])).double(),
        nn.FourierPointwise(irreps).double(),
    ]


def errors(layer: nn.FourierPointwise, n: int = 300, elements: int = 100) -> float:
    """Root mean square over white input and uniform elements, relative to the input."""
    kind = layer.in_type
    x = randn(n, kind.size)
    y = layer(x)
    total = 0.0
    for g in kind.fibergroup.sample(elements, seeded(3)):
        total += float((layer(kind.transform_fibers(x, g)) - kind.transform_fibers(y, g)).square().sum())
    return math.sqrt(total / elements / float(x.square().sum()))


@each(CASES)
@torch.no_grad()
def test_exact_for_the_elements_that_permute_the_samples(case: Case) -> None:
    for layer in layers(case):
        kind = layer.in_type
        x = randn(20, kind.size)
        y = layer(x)
        assert layer.exact_group <= case.group
        for g in layer.exact_group.elements:
            assert_close(layer(kind.transform_fibers(x, g)), kind.transform_fibers(y, g))


@each(CASES)
@torch.no_grad()
def test_there_and_back_is_the_identity_and_samples_have_the_size_of_coefficients(case: Case) -> None:
    space = point(case)
    irreps = space.fourier_repr(1).irreps
    analysis, synthesis = fourier_matrices(irreps, 48)
    size = len(analysis[0])
    assert_close(synthesis @ analysis, torch.eye(size).double())
    gram = analysis.mT @ analysis * size / len(analysis)
    assert_close(gram, torch.eye(size).double(), 1e-12 if case.text not in ("so3()", "o3()") else 0.1)
    kind = FieldType(space, [space.fourier_repr(1)])
    x = randn(5, kind.size)
    assert_close(nn.FourierPointwise(kind, "identity").double()(x), x)


@each(named("cyclic(8)", "dihedral(4)", "octahedral()", "quaternion_group()", "icosahedral()"))
@torch.no_grad()
def test_on_all_irreps_of_a_finite_group_it_is_pointwise_on_the_regular_representation(case: Case) -> None:
    regular = point(case).type("2xregular")
    x = randn(5, regular.size)
    assert_close(nn.FourierPointwise(regular, "relu").double()(x), torch.relu(x))
    irreps = FieldType(point(case), [point(case).fourier_repr(100)])
    assert irreps.size == case.order
    layer = nn.FourierPointwise(irreps, torch.nn.Softplus()).double()
    for g in case.group.sample(5, seeded(0)):
        assert_close(
            layer(irreps.transform_fibers(x[:, : irreps.size], g)), irreps.transform_fibers(layer(x[:, : irreps.size]), g)
        )


@pytest.mark.parametrize(
    ("group", "degree", "samples", "function", "most"),
    [
        ("so2()", 3, 16, "elu", 0.0065),
        ("so2()", 3, 16, "relu", 0.023),
        ("so2()", 3, None, "elu", 0.0018),
        ("so2()", 3, None, "relu", 0.0098),
        ("so2()", 3, 48, "elu", 0.0003),
        ("so3()", 1, None, "elu", 0.009),
        ("so3()", 1, None, "relu", 0.024),
        ("so3()", 2, None, "elu", 0.070),
        ("so3()", 2, 192, "elu", 0.014),
        ("so3()", 2, 192, "relu", 0.035),
        ("o3()", 1, None, "elu", 0.009),
    ],
)
@torch.no_grad()
def test_documented_errors(group: str, degree: int, samples: int | None, function: str, most: float) -> None:
    space = point(named(group)[0])
    layer = nn.FourierPointwise(FieldType(space, [space.fourier_repr(degree)]), function, samples).double()
    assert 0.4 * most < errors(layer) < most


@torch.no_grad()
def test_errors_fall_with_samples_to_nothing() -> None:
    space = point(named("so2()")[0])
    kind = FieldType(space, [space.fourier_repr(2)])
    found = [errors(nn.FourierPointwise(kind, "silu", n).double()) for n in (6, 12, 24, 48)]
    assert all(b < 0.3 * a for a, b in zip(found[:-1], found[1:], strict=True))
    assert found[-1] < 1e-7


@torch.no_grad()
def test_negative_control() -> None:
    kind = FieldType(point(named("so3()")[0]), "1x0 + 3x1")
    x = randn(20, kind.size)
    g = kind.fibergroup.sample(1, seeded(0))[0]
    elu = torch.nn.functional.elu
    assert_far(elu(kind.transform_fibers(x, g)), kind.transform_fibers(elu(x), g))


@torch.no_grad()
def test_functions_are_laid_out_field_by_field_or_irrep_by_irrep() -> None:
    space = point(named("so3()")[0])
    whole = space.fourier_repr(1)  # 0 + 3x1
    fields = nn.FourierPointwise(FieldType(space, [whole, whole]), samples=48).double()
    irreps = nn.FourierPointwise(space.type("2x0 + 6x1"), samples=48).double()
    x = randn(4, 20)
    order = [0, 10, *range(1, 10), *range(11, 20)]
    assert_close(irreps(x[:, order]), fields(x)[:, order])


@torch.no_grad()
def test_what_it_computes() -> None:
    space = gspaces.rot2dOnR2(-1)
    kind = FieldType(space, [space.fourier_repr(1)])
    x = randn(2, 3, 4, 5)
    angle = torch.arange(12).double() * (2 * torch.pi / 12)
    waves = torch.stack([torch.ones(12).double(), 2**0.5 * angle.cos(), 2**0.5 * angle.sin()]) / 3**0.5
    values = torch.einsum("is,bihw->bshw", waves, x).relu()
    expected = torch.einsum("is,bshw->bihw", waves, values) * 3 / 12
    assert_close(nn.FourierPointwise(kind, "relu").double()(x), expected)


def test_default_samples_hold_the_symmetries_of_every_grid() -> None:
    for degree in range(1, 7):
        space = gspaces.flipRot2dOnR2(-1)
        layer = nn.FourierPointwise(FieldType(space, [space.fourier_repr(degree)]))
        assert layer.samples % 12 == 0
        assert layer.samples >= 2 * degree + 1
    space = gspaces.flipRot3dOnR3()
    layer = nn.FourierPointwise(FieldType(space, [space.fourier_repr(1)]))
    assert space.exact_group <= layer.exact_group


@torch.no_grad()
def test_on_a_grid_it_is_exact_for_its_symmetries() -> None:
    from steer import check_equivariance

    for space in (gspaces.flipRot2dOnR2(-1), gspaces.rot3dOnR3()):
        kind = FieldType(space, [space.fourier_repr(1), space.trivial_repr])
        check_equivariance(nn.FourierPointwise(kind), size=5).assert_exact()


def test_a_module_may_be_passed_and_is_not_shared_by_the_export() -> None:
    space = point(named("so2()")[0])
    layer = nn.FourierPointwise(space.type("2x0 + 2x1"), torch.nn.PReLU())
    x = randn(3, 6).float()
    stock = layer.export()
    assert_close(stock(x).detach(), layer(x).detach(), 1e-6)
    assert {name for name, _ in layer.named_parameters()} == {"activation.weight"}
    own = {parameter.data_ptr() for parameter in layer.parameters()}
    assert len(list(stock.parameters())) == 1
    assert not own & {parameter.data_ptr() for parameter in stock.parameters()}


def test_errors() -> None:
    space = point(named("so3()")[0])
    cases = {
        "2x0 + 4x1": r"2 of 0 \(1 each\), 4 of 1 \(3 each\); use gspace.fourier_repr",
        "1": r"whole functions on so3\(\) are required; .* holds 1 of 1 \(3 each\)",
        "2x0 + 3x1": "2 of 0",
    }
    for fields, message in cases.items():
        with pytest.raises(ValueError, match=message):
            nn.FourierPointwise(space.type(fields))
    with pytest.raises(ValueError, match=r"on so3\(\) are required; standard holds 1 of 1"):
        nn.FourierPointwise(space.type(space.standard_repr))
    tensor = space.irrep(1) @ space.irrep(1)
    with pytest.raises(ValueError, match=r"\(1 @ 1\) beside irreps is neither"):
        nn.FourierPointwise(space.type(tensor, "2"))
    good = space.type("0 + 3x1")
    with pytest.raises(ValueError, match=r"a multiple of 24 is required .* received 100"):
        nn.FourierPointwise(good, samples=100)
    for wrong in (0, -24, 24.0, True):
        with pytest.raises(ValueError, match="samples, a positive whole number or None, is required"):
            nn.FourierPointwise(good, samples=wrong)
    with pytest.raises(ValueError, match="samples that determine all 84 coefficients .* 72 in all, do not; use more"):
        nn.FourierPointwise(space.type(space.fourier_repr(3)), samples=72)
    circle = point(named("so2()")[0])
    with pytest.raises(ValueError, match="determine all 7 coefficients"):
        nn.FourierPointwise(circle.type(circle.fourier_repr(3)), samples=6)
    with pytest.raises(ValueError, match="samples=None is required for a finite group"):
        nn.FourierPointwise(gspaces.rot2dOnR2(4).type("regular"), samples=8)
    with pytest.raises(ValueError, match="FourierPointwise: function: one of"):
        nn.FourierPointwise(good, "step")


SPHERES = {
    "so3()": ("so2(d=3)", "2x0 + 2x1 + 2x2"),
    "o3()": ("conical()", "2x0e + 2x1o + 2x2e"),
    "octahedral()": ("cyclic(4, d=3)", None),
    "full_octahedral()": ("cyclic(2, d=3)", None),
    "so2(d=3)": ("cyclic(2, d=3)", "3x0 + 3x2 + 3x4"),
    "dihedral_axial()": ("cyclic(2, d=3)", "0e + 0o + 2x2"),
}


@pytest.mark.parametrize("whole", SPHERES)
@torch.no_grad()
def test_functions_on_cosets(whole: str) -> None:
    text, fields = SPHERES[whole]
    space = gspaces.no_base_space(build(whole))
    subgroup = build(text)
    kind = space.type(fields) if fields else space.type(space.quotient_repr(subgroup), space.quotient_repr(subgroup))
    layer = nn.FourierPointwise(kind, "relu", subgroup=subgroup).double()
    x = randn(20, kind.size)
    for g in layer.exact_group.elements:
        assert_close(layer(kind.transform_fibers(x, g)), kind.transform_fibers(layer(x), g))
    assert_close(nn.FourierPointwise(kind, "identity", subgroup=subgroup).double()(x), x)
    if fields is None:
        assert_close(layer(x), torch.relu(x))  # the coefficients of a permuted field are its values
    for irrep in set(kind.representation.irreps):
        w = frame(irrep, subgroup)
        for h in subgroup.sample(3, seeded(0)):
            assert_close(irrep(h) @ w, w)


@pytest.mark.parametrize(
    ("fields", "samples", "most"),
    [("0 + 1 + 2", None, 0.0045), ("0 + 1 + 2 + 3", None, 0.0048), ("0 + 1 + 2 + 3", 146, 0.0019)],
)
@torch.no_grad()
def test_documented_errors_on_the_sphere(fields: str, samples: int | None, most: float) -> None:
    space = point(named("so3()")[0])
    layer = nn.FourierPointwise(space.type(fields), samples=samples, subgroup=build("so2(d=3)")).double()
    assert 0.5 * most < errors(layer) < most


def test_errors_on_cosets() -> None:
    space = point(named("so3()")[0])
    with pytest.raises(
        ValueError, match=r"on the cosets of so2\(d=3\) in so3\(\) are required; .* 3 of 1 \(1 each\); use each irrep"
    ):
        nn.FourierPointwise(space.type("0 + 3x1"), subgroup=build("so2(d=3)"))
    with pytest.raises(ValueError, match=r"holds 1 of 1e \(0 each\)"):
        nn.FourierPointwise(gspaces.no_base_space(build("o3()")).type("1e"), subgroup=build("conical()"))
    with pytest.raises(ValueError, match=r"o3\(\) is not contained in it"):
        nn.FourierPointwise(space.type("0 + 1"), subgroup=build("o3()"))


def test_setup_is_fast() -> None:
    import time

    space = point(named("so3()")[0])
    kind = FieldType(space, [space.fourier_repr(2)])
    nn.FourierPointwise(kind, samples=96)
    fourier_matrices.cache_clear()
    group_samples.cache_clear()
    start = time.process_time()
    nn.FourierPointwise(kind, samples=192)
    assert time.process_time() - start < 0.5  # 0.03 s on a free core
