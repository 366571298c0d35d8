"""What comes in and goes out of the rooms of groups, representations, couplings, kernels and grids: errors, copies."""

import math

import pytest
import torch

from steer import gspaces, nn
from steer.coupling import planar_clebsch_gordan, so3_clebsch_gordan
from steer.expansion import lattice, sampling, transform
from steer.expansion._lattice import exact_symmetries
from steer.expansion._layout import layout
from steer.group import (
    ContinuousGroup,
    FiniteGroup,
    cyclic,
    dihedral,
    gauss_legendre,
    o2,
    octahedral,
    planar_rotation,
    reflection_across,
    rotation,
    so2,
    so3,
    trivial,
)
from steer.kernel import HarmonicRepresentation, harmonics, kernel_basis, kernel_dimension
from steer.representation import Irrep, wigner_d, wigner_d_from_angles, wigner_j
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
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()


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
