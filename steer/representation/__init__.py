"""Representations of groups: maps from matrices to orthogonal matrices.

Imports `steer.group`. Law of the room: `rho(g h) = rho(g) rho(h)`, real and orthogonal.

`__all__` is for users. For other rooms only, and subject to change: `canonical_rows` and `canonicalise` (the gauge),
`gradient_coupling`, `is_searched`, `kron`, `parse_fields`, `real_harmonics_from_complex`, `searched_irreps`, `table`,
`trace`.
"""

from steer.representation._cosets import Induced, Quotient, coset_representatives, quotient, regular
from steer.representation._derived import (
    DirectSum,
    Restricted,
    Standard,
    TensorProduct,
    band_limited_regular,
    direct_sum,
    standard,
)
from steer.representation._families import is_searched as is_searched
from steer.representation._families import searched_irreps as searched_irreps
from steer.representation._gauge import (
    GAUGE,
    canonical_basis,
)
from steer.representation._gauge import (
    canonical_rows as canonical_rows,
)
from steer.representation._gauge import (
    canonicalise as canonicalise,
)
from steer.representation._irrep import Irrep, irrep, irreps, trivial
from steer.representation._parse import parse
from steer.representation._parse import parse_fields as parse_fields
from steer.representation._representation import Representation
from steer.representation._representation import kron as kron
from steer.representation._representation import table as table
from steer.representation._representation import trace as trace
from steer.representation._tabulated import Tabulated, from_generator_images
from steer.representation._wigner import (
    gradient_coupling as gradient_coupling,
)
from steer.representation._wigner import (
    real_harmonics_from_complex as real_harmonics_from_complex,
)
from steer.representation._wigner import (
    wigner_d,
    wigner_d_from_angles,
    wigner_j,
)

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
    "coset_representatives",
    "direct_sum",
    "from_generator_images",
    "irrep",
    "irreps",
    "parse",
    "quotient",
    "regular",
    "standard",
    "trivial",
    "wigner_d",
    "wigner_d_from_angles",
    "wigner_j",
]
