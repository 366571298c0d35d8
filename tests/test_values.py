"""Groups and bases are values: nothing that a function hands out can change what it hands out next."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from steer.coupling import clebsch_gordan, decompose, endomorphisms, intertwiners, invariants, so3_clebsch_gordan
from steer.kernel import HarmonicRepresentation, angular_couplings, harmonics, kernel_basis
from steer.representation import (
    coset_representatives,
    from_generator_images,
    gradient_coupling,
    real_harmonics_from_complex,
    table,
    wigner_d,
)
from tests.cases import build, randn

D5, SO2, O2, SO3 = (build(text) for text in ("dihedral(5)", "so2()", "o2()", "so3()"))
POINTS = randn(4, 3)
TABULATED = from_generator_images(D5, list(D5.irrep(2)(D5.generators)))

HANDED_OUT: dict[str, Callable[[], Tensor]] = {
    "elements": lambda: D5.elements,
    "generators": lambda: D5.generators,
    "table": lambda: D5.table,
    "inverses": lambda: D5.inverses,
    "left products": lambda: D5.left_products(torch.arange(10)),
    "cosets": lambda: D5.cosets(D5.subgroup(D5.generators[1])),
    "haar": lambda: SO3.haar(2)[0],
    "components": lambda: O2.components,
    "algebra": lambda: SO3.algebra,
    "irrep": lambda: D5.irrep(1)(D5.elements),
    "searched irrep": lambda: build("icosahedral()").irrep(2)(build("icosahedral()").elements),
    "one value": lambda: build("icosahedral()").irrep(2)(build("icosahedral()").elements[1]),
    "one tabulated value": lambda: TABULATED(D5.elements[1]),
    "one left product": lambda: D5.left_products(torch.tensor(3)),
    "first irrep": lambda: build("icosahedral()").irrep(0)(build("icosahedral()").elements),
    "regular": lambda: D5.regular(D5.elements),
    "permutation": lambda: D5.regular.permutation(D5.elements[3]),
    "values on all elements": lambda: table(D5.regular),
    "values": lambda: TABULATED.values,
    "tabulated": lambda: TABULATED(D5.elements),
    "coset representatives": lambda: coset_representatives(O2, SO2),
    "representatives": lambda: O2.quotient(SO2).representatives,
    "gradient coupling": lambda: gradient_coupling(3),
    "real harmonics": lambda: real_harmonics_from_complex(2),
    "wigner": lambda: wigner_d(3, SO3.components[0]),
    "intertwiners": lambda: intertwiners(D5.regular, D5.irrep(1)),
    "endomorphisms": lambda: endomorphisms(SO2.irrep(1)),
    "invariants": lambda: invariants(D5.regular),
    "decompose": lambda: decompose(D5.regular)[1],
    "decompose an irrep": lambda: decompose(D5.irrep(1))[1],
    "clebsch-gordan": lambda: clebsch_gordan(SO3.irrep(1), SO3.irrep(1), SO3.irrep(2)),
    "clebsch-gordan of O(2)": lambda: clebsch_gordan(O2.irrep(1), O2.irrep(1), O2.irrep(2)),
    "clebsch-gordan of D5": lambda: clebsch_gordan(D5.irrep(1), D5.irrep(1), D5.irrep(2)),
    "so3 clebsch-gordan": lambda: so3_clebsch_gordan(1, 1, 2),
    "angular couplings": lambda: angular_couplings(SO3.irrep(1), SO3.irrep(2), 1),
    "harmonics": lambda: harmonics(POINTS, 2),
    "harmonic representation": lambda: HarmonicRepresentation(SO3, 2)(SO3.components),
    "kernels": lambda: kernel_basis(SO3.irrep(1), SO3.irrep(1), POINTS, 2),
}


@pytest.mark.parametrize("name", HANDED_OUT)
def test_a_tensor_handed_out_belongs_to_the_caller(name: str) -> None:
    make = HANDED_OUT[name]
    first = make()
    kept = first.clone()
    assert bool((kept != 0).any())
    first.zero_()
    assert torch.equal(make(), kept)
