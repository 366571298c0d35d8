"""The Wigner J matrices of a pack against the tables of lie_learn: `make proof` runs this in an environment of its own.

Both are the matrix of an exchange of the polar axis with another one on real harmonics of degree l: here a half turn h, in
lie_learn the reflection -h, which acts on degree l as (-1)^l times h. Needs neither torch nor steer.
"""

import sys

import numpy as np
from lie_learn.representations.SO3.pinchon_hoggan.pinchon_hoggan_dense import Jd
from safetensors.numpy import load_file

TOLERANCE = 1e-10
LEAST = 31


def main(path: str) -> int:
    tensors = load_file(path)
    degree, worst = 0, 0.0
    while f"wigner_j/{degree}//j" in tensors:
        difference = np.abs((-1) ** degree * Jd[degree] - tensors[f"wigner_j/{degree}//j"]).max()
        worst = max(worst, float(difference))
        degree += 1
    print(f"degrees 0 to {degree - 1}: largest difference from lie_learn {worst:.2g}; at most {TOLERANCE:g} is required")
    return 0 if degree >= LEAST and worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
