"""Steerable kernels as functions of physical coordinates: harmonics, radial profiles, Wigner-Eckart.

Imports `steer.group`, `steer.representation`, `steer.coupling`. Law of the room: `K(g x) = rho_out(g) K(x) rho_in(g)^-1`.
"""

from steer.kernel._harmonics import HarmonicRepresentation, harmonic_dim, harmonics
from steer.kernel._radial import GaussianRings, RadialProfile
from steer.kernel._wigner_eckart import angular_couplings, kernel_basis, kernel_dimension

__all__ = [
    "GaussianRings",
    "HarmonicRepresentation",
    "RadialProfile",
    "angular_couplings",
    "harmonic_dim",
    "harmonics",
    "kernel_basis",
    "kernel_dimension",
]
