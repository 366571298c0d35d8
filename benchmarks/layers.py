"""The layers beside the convolution: nonlinearities as a share of the convolution, field norms over plain batch norm.

Each figure is the median ratio of neighbouring runs in one process.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

from benchmarks.clock import alternate, keep, machine, ratio, shown
from benchmarks.training import evaluate, micro_step

BATCH = 16


def spaces() -> dict[str, tuple[Any, tuple[int, ...]]]:
    """Field types of the comparison, with the size of the grid."""
    from steer import gspaces

    plane, volume = gspaces.rot2dOnR2(-1), gspaces.rot3dOnR3()
    return {
        "SO(2), 16 fields of each frequency 0 to 3": (plane.type("16x0 + 16x1 + 16x2 + 16x3"), (29, 29)),
        "C8, 24 regular fields": (gspaces.rot2dOnR2(8).type("24xregular"), (29, 29)),
        "SE(3), 8 fields of each degree 0 to 2": (volume.type("8x0 + 8x1 + 8x2"), (16, 16, 16)),
        "octahedral, 2 regular fields": (gspaces.octaOnR3().type("2xregular"), (16, 16, 16)),
    }


def nonlinearities(kind: Any, nn: Any) -> dict[str, torch.nn.Module]:
    """Those that suit the fields."""
    if all(field.is_permutation for field in kind.representations):
        return {"ReLU": nn.ReLU(kind)}
    return {"norm": nn.NormNonLinearity(kind), "gated": nn.GatedNonLinearity(kind)}


def shares(name: str, kind: Any, grid: tuple[int, ...], seconds: float) -> list[dict[str, Any]]:
    """Forward passes of nonlinearities over that of the 5 x 5 convolution beside them."""
    from steer import nn

    convolution = nn.R2Conv if len(grid) == 2 else nn.R3Conv
    conv = nn.export(convolution(kind, kind, 5, padding=2).eval())
    runs = {"convolution": evaluate(conv, torch.randn(BATCH, kind.size, *grid))}
    for label, act in nonlinearities(kind, nn).items():
        runs[label] = evaluate(act, torch.randn(BATCH, act.in_type.size, *grid))
    times = alternate(runs, seconds)
    what = "forward / convolution"
    return [
        {"fields": name, "layer": label, "what": what, "ratio": ratio(times, label, "convolution"), "target": 0.1}
        for label in runs
        if label != "convolution"
    ]


def norms(name: str, kind: Any, grid: tuple[int, ...], seconds: float) -> list[dict[str, Any]]:
    """A training step of the field norm alone, over that of the plain batch norm."""
    from steer import nn

    regular = all(field.is_permutation for field in kind.representations)
    ours = nn.InnerBatchNorm(kind) if regular else nn.NormBatchNorm(kind)
    plain = (torch.nn.BatchNorm2d if len(grid) == 2 else torch.nn.BatchNorm3d)(kind.size)
    x = torch.randn(BATCH, kind.size, *grid, requires_grad=True)
    times = alternate({"ours": micro_step(ours, x), "plain": micro_step(plain, x)}, seconds)
    line = {"fields": name, "layer": type(ours).__name__, "what": "step / plain batch norm", "target": 1.2}
    return [{**line, "ratio": ratio(times, "ours", "plain")}]


def main(argv: list[str] | None = None) -> int:
    """Print the table, and keep it in the folder of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks layers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6, help="per figure, about (6)")
    parser.add_argument("--name", default="layers", help="of the file of results")
    arguments = parser.parse_args(argv)
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    print("\n| fields | layer | what | ratio | target |\n| --- | --- | --- | --- | --- |")
    rows: list[dict[str, Any]] = []
    for name, (kind, grid) in spaces().items():
        for measure in (shares, norms):
            for line in measure(name, kind, grid, arguments.seconds):
                rows.append(line)
                keep(arguments.name, rows)
                cells = [name, line["layer"], line["what"], shown(line["ratio"]), line["target"]]
                print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    return 0
