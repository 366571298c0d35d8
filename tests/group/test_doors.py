"""What comes in and goes out of the rooms of groups, representations, couplings, kernels and grids: errors, copies."""

import math

import pytest
import torch

from steer import gspaces, nn
from steer.coupling import (
    clebsch_gordan,
    decompose,
    intertwiners,
    invariants,
    planar_clebsch_gordan,
    so3_clebsch_gordan,
)
from steer.expansion import lattice, sampling, transform
from steer.expansion._lattice import exact_symmetries
from steer.expansion._layout import layout
from steer.group import (
    ContinuousGroup,
    FiniteGroup,
    cyclic,
    dihedral,
    from_generators,
    gauss_legendre,
    klein,
    o2,
    octahedral,
    planar_rotation,
    reflection,
    reflection_across,
    rotation,
    so2,
    so3,
    trivial,
)
from steer.kernel import GaussianRings, HarmonicRepresentation, harmonics, kernel_basis, kernel_dimension
from steer.representation import (
    Induced,
    Irrep,
    TensorProduct,
    band_limited_regular,
    canonical_basis,
    coset_representatives,
    direct_sum,
    from_generator_images,
    irreps,
    standard,
    wigner_d,
    wigner_d_from_angles,
    wigner_j,
)
from steer.store import Pack, folders
from tests.cases import assert_close, random_orthogonal

ANGLE = torch.zeros((), dtype=torch.float64)
REFUSED = {
    "kernel_dimension: representations of one group": lambda: kernel_dimension(so2().irrep(1), o2().irrep(1), 0),
    "planar_clebsch_gordan: irreps of so2": lambda: planar_clebsch_gordan(*[dihedral(5).irrep(1)] * 3),
    "planar_clebsch_gordan: irreps of so2.* or of o2": lambda: planar_clebsch_gordan(
        so2().irrep(1), o2().irrep(1), o2().irrep(2)
    ),
    "so3_clebsch_gordan: degrees .* received 1, 1, 5": lambda: so3_clebsch_gordan(1, 1, 5),
    "so3_clebsch_gordan: degrees .* received 1.0, 1, 2": lambda: so3_clebsch_gordan(1.0, 1, 2),
    "wigner_d: a degree .* received -3": lambda: wigner_d(-3, torch.eye(3)),
    r"wigner_d: rotations of space, .* received shape \(2, 2\)": lambda: wigner_d(1, torch.eye(2)),
    "wigner_j: a degree .* received -1": lambda: wigner_j(-1),
    "wigner_d_from_angles: a degree .* received -1": lambda: wigner_d_from_angles(-1, ANGLE, ANGLE, ANGLE),
    "harmonics: a degree .* received -2": lambda: harmonics(torch.ones(1, 3), -2),
    "harmonics: 1, 2 or 3 dimensions": lambda: HarmonicRepresentation(trivial(4), 1),
    r"intersection: .* received cyclic\(4\), which acts on 2": lambda: octahedral().intersection(cyclic(4)),
    r"intersection: a finite group .* received so2\(\)": lambda: cyclic(4).intersection(so2()),
    r"subgroup: matrices \[3, 3\].* received shape \(2, 2\)": lambda: octahedral().subgroup(torch.eye(2)),
    r"transform: a matrix \[2, 2\].*": lambda: transform(torch.ones(4, 4), lattice("square", 2), torch.eye(3)),
    r"planar_reflection\(axis\): a finite number": lambda: dihedral(4, axis=math.nan),
    r"planar_rotation\(angle\): a finite number": lambda: planar_rotation(math.inf),
    "axis: three finite numbers": lambda: rotation([math.nan, 0, 0], 1.0),
    r"rotation\(axis, angle\): a finite number": lambda: rotation([1, 0, 0], math.nan),
    "normal: a finite, non-zero vector": lambda: reflection_across([math.inf, 0.0]),
    "hexagonal kernels: one odd size": lambda: sampling(lattice("hexagonal", 2), (4, 4)),
    r"subgroup: a number of turns n >= 1, a group or matrices are required for cyclic\(8\); received -2": lambda: cyclic(
        8
    ).subgroup(-2),
    r"subgroup: a number of turns n >= 1, -1 for all, .* so2\(\); received 0": lambda: so2().subgroup(0),
    r"subgroup: a group or matrices .* octahedral\(\); received 4, and turns have many axes": lambda: octahedral().subgroup(
        4
    ),
    r"subgroup: .* received 2, and there are no turns of the line": lambda: reflection(1).subgroup(2),
    r"subgroup: .* klein\(\); received 2, and turns have many axes": lambda: klein().subgroup(2),
    r"subgroup: elements of cyclic\(8\) are required; cyclic\(3\) is not contained": lambda: cyclic(8).subgroup(3),
    r"cyclic\(n\): a whole number n >= 1 is required; received \[4\]": lambda: cyclic([4]),
    r"so2\(d\): d in \(2, 3\) is required; received \[4\]": lambda: so2([4]),
    r"planar_reflection\(axis\): a finite number of radians is required; received \[1\]": lambda: dihedral(4, axis=[1]),
    r"planar_rotation\(angle\): a finite number of radians is required; received '1'": lambda: planar_rotation("1"),
    r"sample\(n\): a whole number >= 0 is required; received -1": lambda: cyclic(4).sample(-1),
    r"sample\(n\): .* received 2.5": lambda: so2().sample(2.5),
    r"haar\(degree\): .* received -1": lambda: so2().haar(-1),
    "from_generators: max_order, .* received 'a'": lambda: from_generators([torch.eye(2)], "a"),
    r"irreps\(max_degree\): .* received True": lambda: so2().irreps(True),
    r"spacing: a positive number, or 2 of them in \(z, y, x\) order, is required; received None": lambda: gspaces.on(
        cyclic(4), spacing=None
    ),
    "spacing: .* received '12'": lambda: gspaces.on(cyclic(4), spacing="12"),
    r"spacing: .* received \[1, None\]": lambda: gspaces.on(cyclic(4), spacing=[1, None]),
    r"spacing: .* received \[1.0, 'a'\]": lambda: gspaces.on(cyclic(4), spacing=[1.0, "a"]),
    "spacing: .* received True": lambda: gspaces.on(cyclic(4), spacing=True),
    "spacing: .* received -1": lambda: gspaces.on(cyclic(4), spacing=-1),
    r"lattice: one of \['square', 'hexagonal'\] .* received \['square'\]": lambda: gspaces.on(cyclic(4), ["square"]),
    r"kernel_basis: radial, with values \[profile, 1\], is required; received \[1\]": lambda: kernel_basis(
        so2().irrep(1), so2().irrep(1), [[1.0, 0.0]], 1, lambda r: r
    ),
    "kernel_basis: radial, with values .* received 3": lambda: kernel_basis(
        so2().irrep(1), so2().irrep(1), [[1.0, 0.0]], 1, lambda r: 3
    ),
    "harmonics: 1, 2 or 3 dimensions are required; received d = 0": lambda: harmonics(1.0, 1),
}

REGULAR = cyclic(4).regular
OF_ANOTHER_CLASS = {
    r"subgroup: matrices \[2, 2\], stacks of them, or a group .* required; received str '4'": lambda: cyclic(8).subgroup(
        "4"
    ),
    r"subgroup: .* required; received tuple \(None, \(None, 4\)\)": lambda: cyclic(8).subgroup((None, (None, 4))),
    "subgroup: .* received NoneType None": lambda: so2().subgroup(None),
    "cosets: a group and a subgroup .* received str 'a'": lambda: coset_representatives(cyclic(4), "a"),
    r"cosets: a subgroup of cyclic\(4\) is required; received int 3": lambda: cyclic(4).cosets(3),
    "contains: matrices .* received str 'a'": lambda: cyclic(4).contains("a"),
    "contains: .* received NoneType": lambda: so2().contains(None),
    "index: .* received NoneType": lambda: cyclic(4).index(None),
    "from_generators: a list of matrices is required; received int 3": lambda: from_generators(3),
    "from_generators: orthogonal matrices, in a list, .* received str 'a'": lambda: from_generators(["a"]),
    "axis: three finite numbers, .* received NoneType": lambda: rotation(None, 1.0),
    "normal: a finite, non-zero vector is required; received str": lambda: reflection_across("a"),
    "representation: a string such as .* received int 4": lambda: cyclic(4).representation(4),
    r"regular: elements of cyclic\(4\).* received NoneType": lambda: REGULAR(None),
    "induce: the larger group is required; received int 8": lambda: REGULAR.induce(8),
    "induce: a representation of a subgroup is required; received NoneType": lambda: Induced(None, cyclic(4)),
    "a @ b: a representation is required; received NoneType": lambda: TensorProduct(REGULAR, None),
    "direct_sum: a list of representations is required; received NoneType": lambda: direct_sum(None),
    "direct_sum: a representation is required; received str": lambda: direct_sum(["regular"]),
    "standard: a group of steer.group is required; received int 1": lambda: standard(1),
    "band_limited_regular: a group .* received str": lambda: band_limited_regular("so2", 1),
    "irreps: a group of steer.group is required; received int": lambda: irreps(3),
    "from_generator_images: a list of matrices .* received NoneType": lambda: from_generator_images(cyclic(4), None),
    "from_generator_images: a finite group is required; .* so2": lambda: from_generator_images(so2(), []),
    "canonical_basis: a projector .* received list": lambda: canonical_basis([[1.0]]),
    r"clebsch_gordan: irreps are required; received regular of cyclic\(4\); decompose": lambda: clebsch_gordan(
        *[REGULAR] * 3
    ),
    r"clebsch_gordan: an irrep, such as group.irrep\(1\), is required; received int 1": lambda: clebsch_gordan(1, 1, 1),
    "planar_clebsch_gordan: irreps are required; received standard": lambda: planar_clebsch_gordan(*[so2().standard] * 3),
    "intertwiners: a representation is required; received NoneType": lambda: intertwiners(REGULAR, None),
    "invariants: a representation is required; received int": lambda: invariants(1),
    "decompose: a representation is required; received str 'regular'": lambda: decompose("regular"),
    r"kernel_basis: radial, a function of radii \[point\] to \[profile, point\].* received 3": lambda: kernel_basis(
        so2().irrep(1), so2().irrep(1), [[1.0, 0.0]], 1, 3
    ),
    "kernel_basis: a representation is required; received NoneType": lambda: kernel_basis(None, REGULAR, [[1.0, 0.0]], 1),
    r"kernel_basis: points \[n, 2\] are required; received str": lambda: kernel_basis(REGULAR, REGULAR, "a", 1),
    "kernel_dimension: a representation is required; received int": lambda: kernel_dimension(1, REGULAR, 1),
    r"harmonics: points \[..., d\] are required; received NoneType": lambda: harmonics(None, 1),
    r"GaussianRings: finite numbers, .* received \('a',\)": lambda: GaussianRings((1.0,), ("a",)),
    "GaussianRings: finite numbers, .* received 1": lambda: GaussianRings(1, 1),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()


@pytest.mark.parametrize("message", OF_ANOTHER_CLASS)
def test_refused_by_class(message):
    with pytest.raises(TypeError, match=message):
        OF_ANOTHER_CLASS[message]()


def test_comparisons_are_python_s_own():
    for group in (cyclic(4), so2()):
        with pytest.raises(TypeError, match="not supported between instances"):
            assert group <= 3


def test_numbers_come_in_arrays_too():
    assert (
        gspaces.on(cyclic(4), spacing=torch.tensor([1.0, 1.0])) == gspaces.on(cyclic(4)) == gspaces.on(cyclic(4), spacing=1)
    )
    assert hash(GaussianRings([1.0], [0.5])) == hash(GaussianRings((1.0,), (0.5,)))
    assert bool(cyclic(4).contains([[0, -1], [1, 0]]))


def test_integers_are_read_in_double_precision():
    assert_close(wigner_d(2, torch.eye(3, dtype=torch.long)), torch.eye(5).double(), 1e-15)
    x = [[0.1, 0.2, 0.3]]
    group = so3()
    listed = kernel_basis(group.irrep(1), group.irrep(1), x, 3)
    assert torch.equal(listed, kernel_basis(group.irrep(1), group.irrep(1), torch.tensor(x, dtype=torch.float64), 3))


def test_a_grid_and_a_group_of_many_dimensions_share_the_identity():
    assert exact_symmetries(lattice("square", 2), trivial(2) * trivial(3)).order == 1


@pytest.mark.parametrize("kernel", [1, 3])
def test_functions_that_vanish_on_the_taps_are_zero(kernel):
    grid = lattice("square", 2)
    found = sampling(grid, (1, 1) if kernel == 1 else (3, 3), band_limit=2, rings=[1.0])
    assert bool(torch.isfinite(found.functions(found.points(2))).all())


def test_writing_to_results_changes_nothing():
    """Everything that a public door hands out belongs to the caller."""
    fields = (octahedral().regular @ octahedral().standard,)
    before = layout(fields).mixing.clone()
    layout(fields).mixing.zero_()
    assert_close(layout(fields).mixing, before, 0.0)
    gauss_legendre(5)[0].zero_()
    assert float(gauss_legendre(5)[0].abs().max()) > 0.9


def test_writing_to_a_pack_changes_nothing():
    path = sorted(folders()[0].glob("*.safetensors"))[0]
    pack = Pack(path)
    name = next(name for name in pack.entries if name.startswith("clebsch_gordan") and pack.read(name).info)
    entry = pack.read(name)
    entry.info.clear()
    for tensor in entry.tensors.values():
        tensor.zero_()
    assert pack.read(name).info
    assert pack.verify() == []


def test_groups_keep_their_own_matrices():
    t = cyclic(4).elements
    finite, continuous = FiniteGroup(t, t[1:2], "mine"), ContinuousGroup(2, ((0, 2),), t[:1], "turns")
    t.zero_()
    assert_close(finite.elements, cyclic(4).elements, 0.0)
    assert_close(finite.generators, cyclic(4).generators, 0.0)
    assert_close(continuous.components[0], torch.eye(2).double(), 0.0)


def test_an_irrep_outlives_the_memory_of_its_search():
    from steer.store import disabled

    q = random_orthogonal(3, 77)
    turns = q @ cyclic(5, d=3).elements @ q.mT
    irrep = FiniteGroup(turns, turns[1:2], "turns").irreps()[1]
    assert isinstance(irrep, Irrep)
    before = irrep(turns)
    with disabled():
        assert_close(irrep(turns), before, 1e-14)


def test_degrees_that_vanish_on_the_taps_are_dropped_from_layers():
    """On a single tap nothing but degree 0 is left, whatever the band limit."""
    space = gspaces.rot2dOnR2(4)
    into, out = space.type(space.trivial_repr), space.type(space.quotient_repr(2))
    low, high = (nn.R2Conv(into, out, 1, rings=[1.0], band_limit=limit, bias=False) for limit in (0, 2))
    assert high.weight.shape == low.weight.shape == (1,)
    high.weight.data.copy_(low.weight.data)
    x = nn.GeometricTensor(torch.ones(1, 1, 3, 3), into)
    assert_close(high(x).tensor.detach(), low(x).tensor.detach(), 1e-6)
