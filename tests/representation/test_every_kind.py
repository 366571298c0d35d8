"""Every kind of representation in every precision, mapped, and differentiated."""

import pytest
import torch

from steer.group import cyclic, dihedral, o2, o3, so2, so3
from steer.kernel import HarmonicRepresentation
from tests.cases import CONTINUOUS, assert_close, assert_far, conjugated, each, elements, named, randn, representations

KINDS = [
    *named("dihedral(4)", "cyclic(5)", "octahedral()", "cylindrical(3)", "quaternion_group()"),
    *named("conjugated(dihedral(5, d=3), 3)"),
    *CONTINUOUS,
]


def kinds(case):
    out = representations(case)
    if case.group.d <= 3:
        out["harmonics"] = HarmonicRepresentation(case.group, 1 if case.group.d == 1 else 2)
    return out


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 2e-2), (torch.bfloat16, 0.15)], ids=str)
@each(KINDS)
def test_half_precision(case, dtype, tolerance):
    g = elements(case.group, 4)
    for name, representation in kinds(case).items():
        values = representation(g.to(dtype))
        assert values.dtype == dtype
        assert_close(values.double(), representation(g), tolerance, name)


@each(KINDS)
def test_mapped(case):
    g = elements(case.group, 4)
    for name, representation in kinds(case).items():
        assert_close(torch.func.vmap(representation)(g), representation(g), 1e-13, name)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # of torch.func.jvp
@each(KINDS)
def test_gradients_agree_with_finite_differences(case):
    """In any direction of the space of matrices, tangent to the group or not: the formula is differentiated."""
    g, step = elements(case.group, 2)[-2:], 1e-6
    direction = randn(*g.shape, seed=3)
    for name, representation in kinds(case).items():
        rho = representation.matrices
        there, back = rho(g + step * direction), rho(g - step * direction)
        _, tangent = torch.func.jvp(rho, (g,), (direction,))
        assert_close(tangent, (there - back) / (2 * step), 1e-7, name)


def test_induced_representations_are_not_constant():
    jacobian = torch.func.jacrev(so2().irrep(1).induce(o2()))(so2().sample(1)[0])
    assert_far(jacobian, torch.zeros_like(jacobian))


@pytest.mark.parametrize("representation", [so2().irrep(1), so3().irrep(1), o3().irrep(2), cyclic(7).irrep(2)], ids=repr)
def test_numbers_keep_their_digits(representation):
    g = representation.group.sample(1)[0]
    assert torch.equal(representation(g.tolist()), representation(g))


@pytest.mark.parametrize("make", [lambda g: g.standard, lambda g: HarmonicRepresentation(g, 1)])
def test_values_are_never_the_argument(make):
    from steer.group import reflection

    g = reflection(1).elements
    make(reflection(1)).matrices(g).zero_()
    assert_close(g, reflection(1).elements, 0.0)


@pytest.mark.parametrize(
    "group",
    [conjugated(cyclic(410, d=3), 2), conjugated(dihedral(61, d=3), 3), conjugated(cyclic(97, d=3), 4), cyclic(2000)],
    ids=str,
)
def test_the_law_in_large_groups(group):
    irreps = group.irreps()
    g = group.elements[:: max(1, group.order // 7)]
    for irrep in (*irreps[1:4], irreps[len(irreps) // 2], *irreps[-3:]):
        values = irrep(g)
        assert_close(irrep(g[:, None] @ g[None]), values[:, None] @ values[None], what=str(irrep))
