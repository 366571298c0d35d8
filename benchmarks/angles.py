"""Equivariance between the angles that a grid keeps: error by angle of whole networks, at equal cost, beside escnn.

Three layers of 5 x 5 with as many channels in both libraries, weights as each library draws them, and scalars at the end.
The input is a sum of blobs, drawn anew at the turned places, so it is not interpolated. The output is compared with the
turned one, interpolated by splines of degree five, in the disc around the centre. Mean over networks of
`|f(g x) - g f(x)| / |f(x)|`.
"""

from __future__ import annotations

import argparse
import math
import statistics
import warnings
from typing import Any

import numpy as np
import torch

from benchmarks.clock import at_least, keep, machine
from benchmarks.libraries import libraries

SIZE = 41
ANGLES = (15, 30, 45, 60, 90)


def regular(lib: Any, flips: bool) -> torch.nn.Module:
    """C8 or D8, regular fields of 64 channels."""
    space = lib.gspaces.flipRot2dOnR2(8) if flips else lib.gspaces.rot2dOnR2(8)
    kind = lib.nn.FieldType(space, (4 if flips else 8) * [space.regular_repr])
    layers: list[torch.nn.Module] = []
    into = lib.nn.FieldType(space, [space.trivial_repr])
    for _ in range(3):
        layers += [lib.nn.R2Conv(into, kind, kernel_size=5, padding=2), lib.nn.ReLU(kind)]
        into = kind
    return torch.nn.Sequential(*layers, lib.nn.GroupPooling(kind))


def fourier(lib: Any) -> torch.nn.Module:
    """SO(2), functions of frequencies up to 3 with ELU on 16 samples."""
    space = lib.gspaces.rot2dOnR2(-1, maximum_frequency=3) if lib.peer else lib.gspaces.rot2dOnR2(-1)
    irreps = [space.irrep(k) for k in range(4)]
    if lib.peer:
        acts = [
            lib.nn.FourierELU(space, 8, irreps=[(k,) for k in range(4)], N=16, type="regular", inplace=False)
            for _ in range(3)
        ]
    else:
        kind = lib.nn.FieldType(space, 8 * [space.fourier_repr(3)])
        acts = [lib.nn.FourierPointwise(kind, "elu", samples=16) for _ in range(3)]
    layers: list[torch.nn.Module] = []
    into = lib.nn.FieldType(space, [space.trivial_repr])
    for act in acts:
        layers += [lib.nn.R2Conv(into, act.in_type, kernel_size=5, padding=2), act]
        into = act.out_type
    end = lib.nn.FieldType(space, 8 * [irreps[0]])
    return torch.nn.Sequential(*layers, lib.nn.R2Conv(into, end, kernel_size=5, padding=2))


NETWORKS = {
    "C8 regular, ReLU": lambda lib: regular(lib, False),
    "D8 regular, ReLU": lambda lib: regular(lib, True),
    "SO(2) Fourier, ELU": fourier,
}


def blobs(angle: float, seed: int) -> torch.Tensor:
    """A smooth picture, turned counter-clockwise about its centre."""
    stream = np.random.default_rng(seed)
    places, widths, heights = stream.normal(0, 4.5, (12, 2)), stream.uniform(1.2, 2.5, 12), stream.normal(0, 1, 12)
    c, s = math.cos(angle), math.sin(angle)
    places = places @ np.array([[c, s], [-s, c]])
    axis = np.arange(SIZE) - SIZE // 2
    x, y = np.meshgrid(axis, -axis)  # rows run down while y points up
    distance2 = (x[..., None] - places[:, 0]) ** 2 + (y[..., None] - places[:, 1]) ** 2
    picture = (heights * np.exp(-distance2 / (2 * widths**2))).sum(-1)
    return torch.from_numpy(picture)[None, None].float()


def error(network: torch.nn.Module, degrees: int, seed: int) -> float:
    """Relative error in the disc, of a network with scalars at the end."""
    from scipy.ndimage import rotate

    with torch.no_grad():
        one, other = (network(blobs(angle, seed))[0].double().numpy() for angle in (0.0, math.radians(degrees)))
    turned = rotate(one, degrees, (2, 1), reshape=False, order=5)
    axis = np.arange(SIZE) - SIZE // 2
    disc = axis[:, None] ** 2 + axis**2 <= (SIZE // 2 - 7) ** 2
    return float(np.linalg.norm((other - turned)[:, disc]) / np.linalg.norm(other[:, disc]))


def main(argv: list[str] | None = None) -> int:
    """Print the table, and keep it in the folder of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks angles", description=__doc__)
    parser.add_argument("--networks", type=at_least(1), default=10, help="draws of the weights (10)")
    parser.add_argument("--name", default="angles", help="of the file of results")
    arguments = parser.parse_args(argv)
    warnings.simplefilter("ignore")  # deprecations in the peer
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    print("\n| network | library | parameters | " + " | ".join(f"{a}°" for a in ANGLES) + " |\n" + "| --- " * 8 + "|")
    rows: list[dict[str, Any]] = []
    for name, build in NETWORKS.items():
        for lib in libraries(True):
            found: dict[int, list[float]] = {angle: [] for angle in ANGLES}
            for seed in range(arguments.networks):
                torch.manual_seed(seed)
                network = lib.takes(build(lib)).eval()
                for angle in ANGLES:
                    found[angle].append(error(network, angle, seed))
            errors = {str(angle): statistics.fmean(values) for angle, values in found.items()}
            size = sum(p.numel() for p in network.parameters())
            rows.append({"network": name, "library": lib.name, "parameters": size, "errors": errors})
            keep(arguments.name, rows)
            shown = " | ".join(f"{value:.4f}" for value in errors.values())
            print(f"| {name} | {lib.name} | {size} | {shown} |", flush=True)
    return 0
