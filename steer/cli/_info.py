"""`steer info`: what is installed and what it will do, for bug reports."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata
from typing import Any

OPTIONAL = ("matplotlib", "scikit-learn", "sympy", "joblib", "torch-geometric")
REQUIRED = ("torch", "numpy", "scipy", "safetensors", "rich")


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("info", help="versions, devices and defaults", description=__doc__)
    parser.set_defaults(command=_run)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def facts() -> dict[str, str]:
    """Name -> value, in the order of printing."""
    import torch

    from steer.representation import GAUGE
    from steer.version import __version__

    devices = ["cpu"]
    devices += [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    return {
        "steer": __version__,
        "gauge of the bases": str(GAUGE),
        "python": f"{platform.python_version()} ({platform.system()}, {platform.machine()})",
        **{package: _version(package) for package in REQUIRED},
        "torch CUDA build": torch.version.cuda or "none",
        "torch CPU capability": torch.backends.cpu.get_cpu_capability(),
        "threads": f"{torch.get_num_threads()} within an operation, {torch.get_num_interop_threads()} between",
        "devices": ", ".join(devices),
        "default dtype": str(torch.get_default_dtype()).removeprefix("torch."),
        "precision of float32 products": torch.get_float32_matmul_precision(),
        **{f"optional: {package}": _version(package) for package in OPTIONAL},
    }


def _run(arguments: argparse.Namespace) -> int:
    found = facts()
    width = max(map(len, found))
    for name, value in found.items():
        print(f"{name:<{width}}  {value}")
    return 0
