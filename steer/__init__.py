"""Steerable and continuous group-equivariant convolutional networks for PyTorch.

Name a symmetry, type the features of a network by how they transform, and get layers that are equivariant by construction
and expand into ordinary dense convolutions. Start at `steer.gspaces` and `steer.nn`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from steer import coupling, expansion, field, group, gspaces, kernel, nn, representation, store
from steer.version import __version__

if TYPE_CHECKING:
    from steer import bases, interop, plot, testing
    from steer.testing import check_equivariance

__all__ = [
    "__version__",
    "bases",
    "check_equivariance",
    "coupling",
    "expansion",
    "field",
    "group",
    "gspaces",
    "interop",
    "kernel",
    "nn",
    "plot",
    "representation",
    "store",
    "testing",
]

_ON_DEMAND = ("bases", "interop", "plot", "testing")


def __getattr__(name: str) -> Any:
    """The rooms that no network needs to run are loaded when they are first named: import time is paid by every program."""
    if name == "check_equivariance":
        return import_module("steer.testing").check_equivariance
    if name in _ON_DEMAND:
        return import_module(f"steer.{name}")
    raise AttributeError(f"module 'steer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
