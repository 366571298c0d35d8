"""Couplings of representations: intertwiners, Clebsch-Gordan coefficients, decompositions, in the canonical gauge.

Imports `steer.group` and `steer.representation`. Law of the room: `B(g) X = X A(g)`.

`__all__` is for users. For other rooms only, and subject to change: `Table`, `clebsch_gordan_entry`, `decomposition_entry`.
"""

from steer.coupling._clebsch_gordan import Table as Table
from steer.coupling._clebsch_gordan import clebsch_gordan, planar_clebsch_gordan, so3_clebsch_gordan
from steer.coupling._clebsch_gordan import clebsch_gordan_entry as clebsch_gordan_entry
from steer.coupling._decompose import decompose
from steer.coupling._decompose import decomposition_entry as decomposition_entry
from steer.coupling._intertwiners import endomorphisms, intertwiners, invariants

__all__ = [
    "clebsch_gordan",
    "decompose",
    "endomorphisms",
    "intertwiners",
    "invariants",
    "planar_clebsch_gordan",
    "so3_clebsch_gordan",
]
