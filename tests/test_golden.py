"""The gauge is file format: numbers of every kind of basis, recorded once.

A basis enters as one number, its sum against weights without structure, so that any change of order, sign, mixing or
normalisation shows. If a test here fails, the change is a new format: raise `steer.representation.GAUGE`, write a
converter, and record the new numbers with `python -m tests.test_golden`.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from steer.coupling import clebsch_gordan, decompose, endomorphisms, intertwiners
from steer.kernel import angular_couplings, harmonics
from steer.representation import GAUGE, wigner_d
from tests.cases import assert_far, build, vector

POINT = vector(0.3, -0.5, 0.8)


def irreps(text: str) -> Tensor:
    """The values of all irreps on all elements."""
    group = build(text)
    return torch.cat([irrep(group.elements).flatten() for irrep in group.irreps()])


def couplings(text: str, a: object, b: object, c: object) -> Tensor:
    group = build(text)
    return clebsch_gordan(group.irrep(a), group.irrep(b), group.irrep(c))


def kernels(text: str, a: object, b: object, degree: int) -> Tensor:
    group = build(text)
    return angular_couplings(group.irrep(a), group.irrep(b), degree)


BASES: dict[str, tuple[Callable[[], Tensor], float]] = {
    "irreps of dihedral(4)": (lambda: irreps("dihedral(4)"), 4.139406831811),
    "irreps of octahedral()": (lambda: irreps("octahedral()"), 13.885529090916),
    "irreps of icosahedral()": (lambda: irreps("icosahedral()"), -5.234293548535),
    "irreps of quaternion_group()": (lambda: irreps("quaternion_group()"), -4.554375810096),
    "irreps of binary_tetrahedral()": (lambda: irreps("binary_tetrahedral()"), 8.791477431693),
    "wigner 4": (lambda: wigner_d(4, build("icosahedral()").elements[7]), -4.008674372458),
    "harmonics 3": (lambda: harmonics(POINT, 3), 1.283654328097),
    "endomorphisms of cyclic(5)": (lambda: endomorphisms(build("cyclic(5)").irrep(1)), 0.887046562400),
    "endomorphisms of quaternion_group()": (lambda: endomorphisms(build("quaternion_group()").irrep(1)), 0.557904538541),
    "so3 1 x 1 -> 2": (lambda: couplings("so3()", 1, 1, 2), -0.304613080184),
    "so3 3 x 2 -> 4": (lambda: couplings("so3()", 3, 2, 4), 0.327408257189),
    "o2 1 x 2 -> 3": (lambda: couplings("o2()", 1, 2, 3), -0.482993164437),
    "so2 1 x 2 -> 1": (lambda: couplings("so2()", 1, 2, 1), -0.135223518264),
    "octahedral 1 x 3 -> 2": (lambda: couplings("octahedral()", 1, 3, 2), -0.028908671862),
    "icosahedral 2 x 4 -> 2": (lambda: couplings("icosahedral()", 2, 4, 2), 0.211343499524),
    "regular of cyclic(5)": (lambda: decompose(build("cyclic(5)").regular)[1], -0.200814225397),
    "regular of octahedral()": (lambda: decompose(build("octahedral()").regular)[1], -2.491073407959),
    "regular of quaternion_group()": (lambda: decompose(build("quaternion_group()").regular)[1], -0.470165909105),
    "square of so3 vectors": (lambda: decompose(build("so3()").standard @ build("so3()").standard)[1], -0.686028155061),
    "invariants of a pair": (
        lambda: intertwiners(build("tetrahedral()").regular, build("tetrahedral()").irrep(1)),
        1.582443265586,
    ),
    "kernels so2 1 -> 2": (lambda: kernels("so2()", 1, 2, 3), 1.389696797267),
    "kernels so3 1 -> 2": (lambda: kernels("so3()", 1, 2, 1), -0.304613080184),
    "kernels octahedral 1 -> 3": (lambda: kernels("octahedral()", 1, 3, 4), -0.258044179950),
    "kernels icosahedral 2 -> 2": (lambda: kernels("icosahedral()", 2, 2, 4), -0.741149334006),
}


def fingerprint(basis: Tensor) -> float:
    """The sum against `cos(1.7 i + 0.3)`, i the flat index."""
    flat = basis.double().flatten()
    return float(flat @ torch.cos(1.7 * torch.arange(len(flat), dtype=torch.float64) + 0.3))


@pytest.mark.parametrize("name", BASES)
def test_recorded_numbers(name: str) -> None:
    make, expected = BASES[name]
    assert GAUGE == 1
    assert fingerprint(make()) == pytest.approx(expected, abs=1e-9), f"{name}: another gauge"


def test_a_fingerprint_sees_signs_order_and_mixing() -> None:
    """The negative control."""
    basis = couplings("octahedral()", 1, 1, 3)
    endo = endomorphisms(build("cyclic(5)").irrep(1))
    for changed, plain in ((-basis, basis), (endo.flip(0), endo), (basis.transpose(1, 2), basis)):
        assert_far(vector(fingerprint(changed)), vector(fingerprint(plain)), 1e-6)


if __name__ == "__main__":
    for key, (basis, _) in BASES.items():
        print(f"{key}: {fingerprint(basis()):.12f}")
