"""The laws of every representation of every group."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from steer.group import (
    cyclic,
    cylindrical,
    dihedral,
    full_cylindrical,
    o2,
    o3,
    octahedral,
    planar_reflection,
    planar_rotation,
    rotation,
    so2,
    so3,
    tetrahedral,
)
from steer.representation import table
from tests.cases import (
    FINITE,
    GROUPS,
    assert_close,
    assert_far,
    assert_homomorphism,
    assert_orthogonal,
    average,
    each,
    elements,
    representations,
    seeded,
)


@each(GROUPS)
def test_homomorphism(case):
    g = elements(case.group, 5)
    for representation in representations(case).values():
        assert_homomorphism(representation, g)


@each(GROUPS)
def test_values_are_orthogonal_and_the_identity_goes_to_one(case):
    g = elements(case.group, 5)
    for representation in representations(case).values():
        values = representation(g)
        assert values.shape == (len(g), representation.dim, representation.dim)
        assert values.dtype == torch.float64
        assert_orthogonal(values)
        assert_close(representation(case.group.identity), torch.eye(representation.dim).double())


def test_a_map_that_is_no_representation_fails_the_law():
    """The negative control: the transpose of a representation of a group that does not commute."""
    g = octahedral().elements
    values = octahedral().standard(g).mT
    assert_far(values[octahedral().table], values[:, None] @ values[None])


@each(GROUPS)
def test_irreps_fill_the_representation_and_agree_with_characters(case):
    for representation in representations(case).values():
        irreps = representation.irreps
        assert sum(irrep.dim for irrep in irreps) == representation.dim
        assert sum(representation.multiplicities.values()) == len(irreps)
        g = elements(case.group, 5)
        assert_close(representation.character(g), sum(irrep.character(g) for irrep in irreps), 1e-11)


@each(GROUPS)
def test_the_degree_bounds_the_entries(case):
    """`rho` is a polynomial of its degree on every component: quadratures of that degree agree with finer ones."""
    for representation in representations(case).values():
        plain = average(case.group, representation.degree, representation)
        assert_close(plain, average(case.group, representation.degree + 3, representation))


@each(GROUPS)
def test_values_are_batched_and_keep_the_dtype(case):
    g = case.group.sample(4, seeded(0)).reshape(2, 2, case.group.d, case.group.d)
    for representation in representations(case).values():
        values = representation(g)
        assert values.shape == (2, 2, representation.dim, representation.dim)
        assert_close(values[1, 0], representation(g[1, 0]), 1e-14)
        single = representation(g.float())
        assert single.dtype == torch.float32
        assert_close(single.double(), values, 1e-4)
        assert representation.character(g).shape == (2, 2)
        assert representation(g[:0]).shape == (0, 2, representation.dim, representation.dim)


@each(GROUPS)
def test_copies_are_equal_values(case):
    for representation in representations(case).values():
        for other in (pickle.loads(pickle.dumps(representation)), copy.deepcopy(representation)):
            assert other == representation
            assert hash(other) == hash(representation)
            assert str(other) == str(representation)
        assert repr(representation) == f"<{representation} of {case.group}, dim {representation.dim}>"


@each(GROUPS)
def test_different_constructions_are_different_values(case):
    found = list(representations(case).values())
    assert len(set(found)) == len({(type(r), str(r)) for r in found})


@each(FINITE)
def test_the_table_lists_the_values(case):
    for representation in representations(case).values():
        assert_close(table(representation), representation(case.group.elements), 0.0)


def test_there_is_no_table_of_a_continuous_group():
    with pytest.raises(TypeError, match=r"table: a finite group is required; received so2\(\)"):
        table(so2().trivial)


def test_permutations():
    group = octahedral()
    subgroup = group.subgroup(rotation([0, 0, 1], torch.pi / 2))
    yes = [
        group.trivial,
        group.regular,
        group.quotient(subgroup),
        group.regular + group.trivial,
        group.quotient(subgroup) @ group.regular,
        group.regular.restrict(subgroup),
        subgroup.trivial.induce(group),
        so2().trivial + so2().trivial,
    ]
    signs = o2().quotient(so2())
    yes += [
        signs,
        signs + signs,
        signs @ signs,
        signs + o2().trivial,
        (signs @ signs).restrict(dihedral(3)),
        signs.restrict(so2()),
    ]
    yes += [o3().trivial.induce(o3()), so2().trivial.induce(o2()), (signs + signs).restrict(dihedral(4))]
    yes += [o2().irrep("0o") @ o2().irrep("0o")]
    no = [
        group.standard,
        signs + o2().irrep("0o"),
        signs @ o2().irrep("0o"),
        so2().irrep(1).induce(o2()),
        group.irrep(1),
        group.irreps()[-1],
        group.regular + group.standard,
        subgroup.irreps()[-1].induce(group),
        so2().standard,
        o2().irrep("0o"),
        o3().irrep("0o") + o3().trivial,
    ]
    assert [r.is_permutation for r in yes] == [True] * len(yes)
    assert [r.is_permutation for r in no] == [False] * len(no)


def test_trivial_and_irreducible():
    group = octahedral()
    assert group.standard.is_irreducible
    assert not (group.standard + group.trivial).is_irreducible
    assert not group.regular.is_irreducible
    assert group.quotient(group).is_trivial
    assert not group.irreps()[-1].is_trivial
    assert not group.regular.is_trivial
    assert (o2().irrep("0o") @ o2().irrep("0o")).is_trivial


def test_operators_need_representations():
    with pytest.raises(TypeError):
        so2().standard + 1
    with pytest.raises(TypeError):
        so2().standard @ 1


def test_representations_of_two_groups_do_not_mix():
    with pytest.raises(
        ValueError, match=r"direct_sum: representations of one group are required; received so2\(\) and o2\(\)"
    ):
        so2().standard + o2().standard
    with pytest.raises(ValueError, match=r"a @ b: representations of one group are required; received so2\(\) and o2\(\)"):
        so2().standard @ o2().standard


@pytest.mark.parametrize("representation", [so3().irrep(2), octahedral().regular, cyclic(4, d=3).standard], ids=repr)
def test_wrong_shapes(representation):
    with pytest.raises(ValueError, match=r"elements of .* are required, \[\.\.\., 3, 3\]; received shape \(2, 2\)"):
        representation(torch.eye(2))


@pytest.mark.parametrize(
    "representation", [octahedral().regular, octahedral().irrep(2), octahedral().quotient(octahedral())]
)
def test_matrices_that_are_no_elements(representation):
    with pytest.raises(ValueError, match="an element"):
        representation(rotation([0, 0, 1], 0.3))


OUTSIDE = [
    (cyclic(8).irrep(1), planar_rotation(0.1)),
    (cyclic(8).irrep(4), planar_rotation(0.1)),
    (dihedral(4).irrep("2e"), planar_reflection(0.2)),
    (cylindrical(3).irrep("1-"), rotation([1, 0, 0], torch.pi)),
    (so2().irrep(1), planar_reflection()),
    (so2().irrep(0), 1.1 * torch.eye(2)),
    (o2().irrep(2), torch.tensor([[1.0, 1e-3], [0.0, 1.0]])),
    (so3().irrep(1), 2 * torch.eye(3)),
    (so3().irrep(2), -torch.eye(3)),
    (o3().irrep("0e"), torch.full((3, 3), torch.nan)),
    (so2(d=3).irrep(1), rotation([1, 0, 0], 0.1)),
    (so2().standard, planar_reflection()),
    (so2().irrep(1) + so2().trivial, planar_reflection()),
    (octahedral().irrep(1).restrict(tetrahedral()), rotation([0, 0, 1], torch.pi / 2)),
]


@pytest.mark.parametrize(("representation", "g"), OUTSIDE, ids=[f"{r!r} {i}" for i, (r, _) in enumerate(OUTSIDE)])
def test_a_matrix_outside_of_the_group_is_refused(representation, g):
    """At the public door, alone and in the middle of a batch; `matrices` does not look."""
    inside = representation.group.identity
    for batch in (g.double(), g.float(), torch.stack([inside, g.double(), inside])):
        with pytest.raises(ValueError, match=r"received a matrix that is not an element of it; group.contains\(g\) tells"):
            representation(batch)
        with pytest.raises(ValueError, match="not an element"):
            representation.character(batch)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounded_elements_are_elements(dtype):
    for representation in (cyclic(7).irrep(1), so2().irrep(1), so3().standard):
        g = representation.group.sample(5, seeded(0)).to(dtype)
        assert_close(representation(g).double(), representation.matrices(g.double()), 1e-6)
    assert so3().standard(so3().sample(5, seeded(0)).half()).dtype == torch.float16


SMOOTH = [
    so2().irrep(2),
    o2().irrep(1),
    cylindrical().irrep("1-"),
    so3().irrep(2),
    o3().irrep("1e"),
    so3().irrep(1) @ so3().irrep(2),
    cyclic(8).irrep(3),
    full_cylindrical(3).irrep("1-"),
]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # of torch.func.jacfwd
@pytest.mark.parametrize("representation", SMOOTH, ids=repr)
def test_the_check_stands_in_the_way_of_no_transformation(representation):
    """Mapped, differentiated forwards and backwards, in any position of the batch."""
    g = representation.group.sample(3, seeded(0))
    expected = representation(g)
    assert_close(torch.func.vmap(representation)(g), expected, 1e-14)
    assert_close(torch.func.vmap(representation, in_dims=2)(g.permute(1, 2, 0)), expected, 1e-14)
    forwards, backwards = torch.func.jacfwd(representation)(g[0]), torch.func.jacrev(representation)(g[0])
    assert_close(forwards, backwards, 1e-13)
    assert_close(torch.func.vmap(torch.func.jacrev(representation))(g)[0], backwards, 1e-13)


def test_a_first_call_in_inference_mode_leaves_nothing_behind():
    """Fresh process: everything cached there can be used in a graph afterwards."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", INFERENCE], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


ROOT = Path(__file__).parents[2]
INFERENCE = """
import torch
from steer import coupling, group, kernel, representation

def everything():
    g3, g2 = group.so3(), group.o2()
    searched = (group.so2() * group.cyclic(5)).irreps(2)
    found = group.from_generators([group.rotation([1.0, 2.0, 3.0], 2.0943951023931953)])
    points = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)
    return [
        g3.irrep(3)(g3.sample(2)), g2.irrep(2)(g2.sample(2)), searched[-1](searched[-1].group.sample(2)),
        coupling.intertwiners(g3.irrep(1) @ g3.irrep(1), g3.irrep(2)), coupling.decompose(g3.standard @ g3.standard)[1],
        coupling.clebsch_gordan(g2.irrep(1), g2.irrep(2), g2.irrep(3)), coupling.invariants(found.regular),
        coupling.clebsch_gordan(g3.irrep(1), g3.irrep(2), g3.irrep(4)), coupling.so3_clebsch_gordan(1, 2, 3),
        kernel.angular_couplings(g3.irrep(1), g3.irrep(2), 2), kernel.harmonics(points, 4),
        kernel.kernel_basis(g3.irrep(1), g3.irrep(2), points, 2),
        representation.coset_representatives(group.o2(), group.so2()), representation.gradient_coupling(3),
        representation.real_harmonics_from_complex(2), representation.table(found.irreps()[1]),
        found.table, found.inverses, found.elements,
    ]

with torch.inference_mode():
    everything()
for i, value in enumerate(everything()):
    assert not value.is_inference(), i
g = group.so3().sample(2).requires_grad_()
group.so3().irrep(3)(g).sum().backward()
g = (group.so2() * group.cyclic(5)).sample(2).requires_grad_()
(group.so2() * group.cyclic(5)).irreps(2)[-1](g).sum().backward()
x = torch.ones(4, 3, dtype=torch.float64, requires_grad=True)
kernel.harmonics(x, 4).sum().backward()
"""


def test_integers_are_understood():
    assert octahedral().irrep(1)(torch.eye(3, dtype=torch.long)).dtype == torch.float64


def test_sampling_does_not_touch_the_global_stream():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    representations_of_all = [representations(case) for case in GROUPS[:20]]
    so3().sample(3, seeded(0))
    assert len(representations_of_all) == 20
    assert torch.equal(before, torch.get_rng_state())
