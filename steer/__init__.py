"""Steerable and continuous group-equivariant convolutional networks for PyTorch.

Name a symmetry, type the features of a network by how they transform, and get layers that are equivariant by construction
and expand into ordinary dense convolutions. Start at `steer.gspaces` and `steer.nn`.
"""

from steer import coupling, field, group, gspaces, kernel, nn, representation, testing
from steer.testing import check_equivariance
from steer.version import __version__

__all__ = [
    "__version__",
    "check_equivariance",
    "coupling",
    "field",
    "group",
    "gspaces",
    "kernel",
    "nn",
    "representation",
    "testing",
]
