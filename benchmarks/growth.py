"""How a training step grows with width, order of the group, size of the kernel and degree: time, memory, and exponents.

One layer of regular fields of C_n (or of irreps of SO(2)), its convolution and its expansion, on one picture. The exponent
is the slope of a line through the logarithms. Beside it the same for the plain layer of the same dense shape. Memory is that
of the layer itself, weights, constants and the kernel that it keeps: activations are those of the plain layer.
"""

from __future__ import annotations

import argparse
import math
import statistics
from typing import Any

import torch

from benchmarks.clock import alternate, keep, machine
from benchmarks.training import passes

WHO, UNITS = ("steer", "plain"), ("ms", "MB")


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
    head = ["varied", "values", *(f"{who} {unit}{of}" for unit in UNITS for of in ("", " exponent") for who in WHO)]
    print(f"\n| {' | '.join(head)} |\n" + "| --- " * len(head) + "|")
    rows = []
    for name, series in layers().items():
        line: dict[str, Any] = {"varied": name, "values": [], **{f"{who} {unit}": [] for unit in UNITS for who in WHO}}
        for value, layer in series:
            stock = torch.nn.Conv2d(
                layer.in_type.size, layer.out_type.size, layer.kernel_size, padding=layer.padding, bias=False
            )
            x = torch.randn(1, layer.in_type.size, 16, 16)
            times = alternate({"steer": passes(layer, x), "plain": passes(stock, x)}, arguments.seconds)
            line["values"].append(value)
            held = {"steer": [*layer.parameters(), *layer.buffers(), layer.dense()[0]], "plain": [*stock.parameters()]}
            for who in WHO:
                line[f"{who} ms"].append(1e3 * statistics.median(times[who]))
                line[f"{who} MB"].append(sum(t.nbytes for t in held[who]) / 1e6)
        for key in [f"{who} {unit}" for unit in UNITS for who in WHO]:
            line[f"{key} exponent"] = slope(list(zip(line["values"], line[key], strict=True)))
        rows.append(line)
        keep(arguments.name, rows)
        cells = [line[key] for key in head[1:]]
        shown = [", ".join(f"{n:.3g}" for n in cell) if isinstance(cell, list) else f"{cell:.2f}" for cell in cells]
        print(f"| {name} | {' | '.join(shown)} |", flush=True)
    return 0
