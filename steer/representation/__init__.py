"""Representations of groups: maps from matrices to orthogonal matrices.

Imports `steer.group`. Law of the room: `rho(g h) = rho(g) rho(h)`, real and orthogonal.
"""

from steer.representation._derived import (
    DirectSum,
    Induced,
    Quotient,
    Restricted,
    Standard,
    Tabulated,
    TensorProduct,
    band_limited_regular,
    coset_representatives,
    direct_sum,
    from_generator_images,
    quotient,
    regular,
    standard,
)
from steer.representation._gauge import GAUGE, canonical_basis, canonical_rows, canonicalise
from steer.representation._irrep import Irrep, irrep, irreps, trivial
from steer.representation._parse import parse, parse_fields
from steer.representation._representation import Representation, table
from steer.representation._wigner import gradient_coupling, real_harmonics_from_complex, wigner_d

__all__ = [
    "GAUGE",
    "DirectSum",
    "Induced",
    "Irrep",
    "Quotient",
    "Representation",
    "Restricted",
    "Standard",
    "Tabulated",
    "TensorProduct",
    "band_limited_regular",
    "canonical_basis",
    "canonical_rows",
    "canonicalise",
    "coset_representatives",
    "direct_sum",
    "from_generator_images",
    "gradient_coupling",
    "irrep",
    "irreps",
    "parse",
    "parse_fields",
    "quotient",
    "real_harmonics_from_complex",
    "regular",
    "standard",
    "table",
    "trivial",
    "wigner_d",
]
