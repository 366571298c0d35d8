"""Tables of steer against e3nn and escnn, in an environment that has both: `make proof-peers` runs this.

- Wigner matrices of e3nn, whose basis is this one, at random rotations, to degree 11, where its tables end.
- Its 3j symbols to degree 6, which are the Clebsch-Gordan coefficients up to norm and sign.
- The characters that escnn has of the polyhedral groups it knows, on all elements; bases are others there.
"""

from __future__ import annotations

import sys

import torch
from e3nn import o3
from escnn import group as escnn_groups
from torch import Tensor

from steer.coupling import so3_clebsch_gordan
from steer.group import from_generators, so3
from steer.representation import wigner_d

TOLERANCE = 1e-12
DEGREES, COUPLED = 12, 7


def wigner() -> float:
    """The largest difference of Wigner matrices."""
    g = so3().sample(20, torch.Generator().manual_seed(0))
    angles = o3.matrix_to_angles(g)
    return max(float((o3.wigner_D(degree, *angles) - wigner_d(degree, g)).abs().max()) for degree in range(DEGREES))


def couplings() -> float:
    """The largest difference of Clebsch-Gordan coefficients up to a sign for each table."""
    worst = 0.0
    for a in range(COUPLED):
        for b in range(COUPLED):
            for c in range(abs(a - b), min(a + b + 1, COUPLED)):
                theirs, ours = o3.wigner_3j(c, a, b, dtype=torch.float64), so3_clebsch_gordan(a, b, c)
                theirs = theirs / theirs.norm() * (theirs * ours).sum().sign()
                worst = max(worst, float((theirs - ours).abs().max()))
    return worst


def characters(theirs: escnn_groups.Group) -> float:
    """The largest difference of characters, each irrep with the one that is nearest; infinite if they do not pair up."""
    elements = list(theirs.elements)
    standard = torch.stack([torch.as_tensor(theirs.standard_representation(g)) for g in elements]).double()
    ours = from_generators(list(standard))
    places = ours.index(standard)
    mine = torch.stack([irrep.character(ours.elements)[places] for irrep in ours.irreps()])
    other = torch.tensor([[float(irrep(g).trace()) for g in elements] for irrep in theirs.irreps()], dtype=torch.float64)
    distance: Tensor = (mine[:, None] - other).abs().amax(2)
    paired = sorted(distance.argmin(1).tolist()) == list(range(len(other)))
    return float(distance.amin(1).max()) if paired else float("inf")


def main() -> int:
    torch.set_default_dtype(torch.float64)  # e3nn computes in it
    found = {
        f"Wigner matrices to degree {DEGREES - 1}, e3nn": wigner(),
        f"Clebsch-Gordan coefficients to degree {COUPLED - 1}, e3nn": couplings(),
        "characters of the octahedral group, escnn": characters(escnn_groups.octa_group()),
        "characters of the icosahedral group, escnn": characters(escnn_groups.ico_group()),
    }
    for name, worst in found.items():
        print(f"{name}: largest difference {worst:.2g}; at most {TOLERANCE:g} is required")
    return 0 if all(worst <= TOLERANCE for worst in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
