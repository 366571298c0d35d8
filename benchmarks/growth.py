"""How a training step grows with width, order of the group, size of the kernel and degree: time, and its exponent.

One layer of regular fields of C_n (or of irreps of SO(2)), its convolution and its expansion, on one picture. The exponent
is the slope of a line through the logarithms. Beside it the same for the plain layer of the same dense shape.
"""

from __future__ import annotations

import argparse
import math
import statistics
from typing import Any

import torch

from benchmarks.clock import alternate, keep, machine
from benchmarks.training import step


def layers() -> dict[str, list[tuple[int, Any]]]:
    """What is varied, with the layers."""
    from steer import gspaces, nn

    def regular(n: int, fields: int, k: int) -> Any:
        kind = gspaces.rot2dOnR2(n).type(f"{fields}xregular")
        return nn.R2Conv(kind, kind, k, padding=k // 2, bias=False)

    def irreps(degree: int) -> Any:
        kind = gspaces.rot2dOnR2(-1).type(" + ".join(f"8x{l}" for l in range(degree + 1)))
        return nn.R2Conv(kind, kind, 7, padding=3, bias=False)

    return {
        "width, fields of C8": [(fields, regular(8, fields, 5)) for fields in (4, 8, 16, 32, 64)],
        "order of the group, 128 channels": [(n, regular(n, 128 // n, 5)) for n in (4, 8, 16, 32)],
        "order of the group, 8 fields": [(n, regular(n, 8, 5)) for n in (4, 8, 16, 32)],
        "kernel size, 16 fields of C8": [(k, regular(8, 16, k)) for k in (3, 5, 7, 9)],
        "largest frequency of SO(2), 8 fields of each": [(degree, irreps(degree)) for degree in range(7)],
    }


def slope(points: list[tuple[float, float]]) -> float:
    """The exponent of a power law through points."""
    xs, ys = ([math.log(p[axis]) for p in points if p[0] > 0] for axis in (0, 1))
    return statistics.linear_regression(xs, ys).slope


def main(argv: list[str] | None = None) -> int:
    """Print the table, and keep it in the folder of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2, help="per point, about (2)")
    parser.add_argument("--name", default="growth", help="of the file of results")
    arguments = parser.parse_args(argv)
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    print("\n| varied | values | steer ms | plain ms | exponent | plain exponent |\n| --- | --- | --- | --- | --- | --- |")
    rows = []
    for name, series in layers().items():
        line: dict[str, Any] = {"varied": name, "values": [], "steer": [], "plain": [], "constants MB": []}
        for value, layer in series:
            stock = torch.nn.Conv2d(
                layer.in_type.size, layer.out_type.size, layer.kernel_size, padding=layer.padding, bias=False
            )
            x = torch.randn(1, layer.in_type.size, 16, 16)
            times = alternate({"steer": step(layer, x), "plain": step(stock, x)}, arguments.seconds)
            line["values"].append(value)
            for key in ("steer", "plain"):
                line[key].append(1e3 * statistics.median(times[key]))
            line["constants MB"].append(sum(t.numel() * t.element_size() for t in layer.constants.buffers()) / 1e6)
        for key in ("steer", "plain"):
            line[f"{key} exponent"] = slope(list(zip(line["values"], line[key], strict=True)))
        rows.append(line)
        keep(arguments.name, rows)
        cells = [", ".join(f"{t:.1f}" for t in line[key]) for key in ("steer", "plain")]
        exponents = [f"{line[f'{key} exponent']:.2f}" for key in ("steer", "plain")]
        print(f"| {name} | {', '.join(map(str, line['values']))} | {' | '.join(cells + exponents)} |", flush=True)
    return 0
