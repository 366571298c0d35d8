"""Maps of fibres irrep by irrep and dense, over the layer of torch of the same dense shape, by width.

Convolutions with one tap and linear layers, forward alone and with the backward pass. Contestants take turns in one process;
every figure is a ratio of the fastest times of the process, on one thread, since other programs only make times longer. The
last column says which of the two steer takes of itself.
"""

from __future__ import annotations

import argparse
import copy
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.clock import at_least, chosen, keep, machine

Contest = dict[str, Callable[[], object]]


def kinds() -> dict[str, Callable[[int], Any]]:
    """From about how many channels to a type."""
    from steer import gspaces

    def regular(space: Any) -> Callable[[int], Any]:
        return lambda channels: space.type(f"{max(1, round(channels / space.regular_repr.dim))}xregular")

    def irreps(space: Any, dim: int) -> Callable[[int], Any]:
        return lambda channels: space.type(" + ".join(f"{max(1, round(channels / dim))}x{k}" for k in range(4)))

    return {
        "C8 regular": regular(gspaces.rot2dOnR2(8)),
        "D8 regular": regular(gspaces.flipRot2dOnR2(8)),
        "O regular": regular(gspaces.octaOnR3()),
        "SO(2) irreps 0 to 3": irreps(gspaces.rot2dOnR2(-1), 7),
        "SO(3) irreps 0 to 3": irreps(gspaces.rot3dOnR3(), 16),
    }


def contest(layer: Any, plain: torch.nn.Module, x: torch.Tensor, derivative: bool) -> Contest:
    """The layer by irreps, dense, and that of torch, as functions to time."""
    from steer.expansion import Work
    from steer.nn._irrep_products import IrrepProducts

    irreps, dense = layer, copy.deepcopy(layer)
    dense.products = None
    irreps.products = IrrepProducts(layer.plan)
    irreps.products.work = Work(dense=1 << 60, blocks=0, moved=0)

    def run(net: torch.nn.Module) -> Callable[[], object]:
        if derivative:
            own = x.clone().requires_grad_()
            return lambda: torch.autograd.grad(net(own).sum(), [own, *net.parameters()])
        return torch.no_grad()(lambda: net(x))

    return {"irreps": run(irreps), "dense": run(dense), "plain": run(plain)}


def fastest(runs: Contest, rounds: int) -> dict[str, float]:
    """Seconds of the process, the least of each."""
    found = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = time.process_time()
            run()
            found[name] = min(found[name], time.process_time() - start)
    return found


def layers(kind: Any, sites: int, batch: int) -> dict[str, tuple[Any, torch.nn.Module, torch.Tensor]]:
    """A convolution on about so many sites of a batch, and a linear layer on a quarter as many rows."""
    from steer import nn

    d, channels = kind.gspace.dimensionality, kind.size
    side = round((sites / batch) ** (1 / d))
    convolution = {2: nn.R2Conv, 3: nn.R3Conv}[d](kind, kind, 1)
    stock = {2: torch.nn.Conv2d, 3: torch.nn.Conv3d}[d](channels, channels, 1)
    return {
        "convolution": (convolution, stock, torch.randn(batch, channels, *(side,) * d)),
        "linear": (nn.Linear(kind, kind), torch.nn.Linear(channels, channels), torch.randn(sites // 4, channels)),
    }


def measure(name: str, kind: Any, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The lines of one type."""
    lines = []
    for what, (layer, plain, x) in layers(kind, arguments.sites, arguments.batch).items():
        for derivative in (False, True):
            x.requires_grad_(derivative)
            own = layer.products
            with torch.set_grad_enabled(derivative):
                takes = "irreps" if own is not None and own.pays(x, layer.weight) else "dense"
            times = fastest(contest(layer, plain, x.detach(), derivative), arguments.rounds)
            layer.products = own
            line: dict[str, Any] = {"fields": name, "channels": kind.size, "layer": what, "sites": x.numel() // kind.size}
            line |= {"mode": "step" if derivative else "forward", "plain ms": 1e3 * times["plain"]}
            line |= {key: times[key] / times["plain"] for key in ("irreps", "dense")}
            lines.append({**line, "takes": takes})
    return lines


def main(argv: list[str] | None = None) -> int:
    """Print the table, and from which width on irreps are faster."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks schur", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="fields whose name contains one of these")
    parser.add_argument(
        "--channels", type=at_least(1), nargs="+", default=[48, 64, 96, 128, 192, 256, 384], help="about how many"
    )
    parser.add_argument(
        "--sites", type=at_least(1), default=8192, help="of a batch (8192); a quarter as many rows of linear layers"
    )
    parser.add_argument("--batch", type=at_least(1), default=8, help="(8)")
    parser.add_argument("--rounds", type=at_least(1), default=9, help="per figure (9)")
    parser.add_argument("--name", default="schur", help="of the file of results")
    arguments = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    print("\n| fields | channels | layer | what | irreps / plain | dense / plain | plain ms | takes |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    rows: list[dict[str, Any]] = []
    builders = kinds()
    for name in chosen(parser, builders, arguments.only):
        for channels in arguments.channels:
            for line in measure(name, builders[name](channels), arguments):
                rows.append(line)
                cells = [line[key] for key in ("fields", "channels", "layer", "mode")]
                cells += [f"{line[key]:.2f}" for key in ("irreps", "dense", "plain ms")]
                print("| " + " | ".join(map(str, [*cells, line["takes"]])) + " |", flush=True)
            keep(arguments.name, rows, crossovers=crossovers(rows))
    found = crossovers(rows)
    print("\n| " + " | ".join(found[0] if found else []) + " |\n" + "| --- " * len(found[0] if found else []) + "|")
    for line in found:
        print("| " + " | ".join(map(str, line.values())) + " |")
    return 0


def crossovers(lines: list[dict[str, Any]]) -> list[dict[str, str]]:
    """For every kind of map, from how many channels on the way by irreps is faster, and from how many on it is taken."""
    found = []
    for key in dict.fromkeys((line["fields"], line["layer"], line["mode"]) for line in lines):
        own = [line for line in lines if (line["fields"], line["layer"], line["mode"]) == key]
        found.append(
            {
                **dict(zip(("fields", "layer", "mode"), key, strict=True)),
                "faster than dense from": crossover(own, lambda line: line["irreps"] < line["dense"]),
                "faster than torch from": crossover(own, lambda line: line["irreps"] < 1),
                "taken from": crossover(own, lambda line: line["takes"] == "irreps"),
            }
        )
    return found


def crossover(lines: list[dict[str, Any]], holds: Callable[[dict[str, Any]], bool]) -> str:
    """The width from which on something holds."""
    fails = [i for i, line in enumerate(lines) if not holds(line)]
    first = fails[-1] + 1 if fails else 0
    return str(lines[first]["channels"]) if first < len(lines) else "-"
