"""A training step and an evaluation, over those of the plain network of the same dense shapes.

A step is a forward pass, a loss, a backward pass and Adam. Passes leave the optimizer away and count their weights as new; a
micro-step, one of those that share an update, counts them as known. Contestants take turns in one process; every figure is
the median of ratios of neighbouring runs, with quartiles. Where escnn is installed, it takes part.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.clock import alternate, at_least, chosen, keep, kept, machine, ratio, shown
from benchmarks.libraries import libraries
from benchmarks.networks import ROWS, Row


def step(network: torch.nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """Forward, backward, and Adam."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-5)

    def run() -> None:
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()

    return run


def passes(network: torch.nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """Forward and backward with new weights, without the time of an optimizer."""
    micro, parameters = micro_step(network, x), list(network.parameters())

    def run() -> None:
        with torch.no_grad():
            for parameter in parameters:
                parameter[:0].zero_()  # counted as an update, which touches no number
        micro()

    return run


def micro_step(network: torch.nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """Forward and backward with the weights of the step before, as for a part of a batch."""
    parameters = list(network.parameters())

    def run() -> None:
        network(x).square().mean().backward()
        for parameter in parameters:
            parameter.grad = None

    return run


def evaluate(network: torch.nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """Forward alone."""

    @torch.no_grad()
    def run() -> None:
        network(x)

    return run


MEASURED = ("network", "batch", "mode", "compiled")  # what a line is about
MODES = {"step": step, "passes": passes, "micro-step": micro_step, "eval": evaluate}


def contestants(row: Row, compiled: bool, exported: bool, peers: bool) -> dict[str, torch.nn.Module]:
    """The networks that take turns."""
    from steer import nn

    torch.manual_seed(0)
    found = {lib.name: lib.takes(row.build(lib)) for lib in libraries(peers)}
    found["plain"] = row.plain()
    if exported:
        found["exported"] = nn.export(found["steer"].eval())
    if compiled:
        torch.compiler.reset()  # or the networks of earlier rows count as compilations of these
        found = {name: torch.compile(net) for name, net in found.items() if name != "escnn"}
    return found


def measure(name: str, row: Row, batch: int, mode: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One line of the table."""
    nets = contestants(row, arguments.compile, mode == "eval", not arguments.no_peers)
    for net in nets.values():
        net.train(mode != "eval")
    x = torch.randn(batch, *row.shape)
    runs = {key: MODES[mode](net, x) for key, net in nets.items()}
    times = alternate(runs, arguments.seconds, arguments.rounds)
    line: dict[str, Any] = {"network": name, "batch": batch, "mode": mode, "compiled": arguments.compile}
    line["plain ms"] = 1e3 * statistics.median(times["plain"])
    for key in nets:
        if key != "plain":
            line[key] = ratio(times, key, "plain")
    line["target"] = 1.02 if mode == "eval" else row.targets.get(batch)
    return line


def place(line: dict[str, Any]) -> tuple[bool, int, int, int]:
    """Where a line stands in the table, whenever it was measured."""
    return line["compiled"], list(MODES).index(line["mode"]), list(ROWS).index(line["network"]), line["batch"]


def main(argv: list[str] | None = None) -> int:
    """Print the table, and keep it in the folder of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks training", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="networks whose name contains one of these")
    parser.add_argument("--batch", type=at_least(1), nargs="+", default=[1, 16], help="batch sizes (1 16)")
    parser.add_argument("--mode", nargs="+", choices=list(MODES), default=["step", "passes", "eval"], help="what is timed")
    parser.add_argument("--seconds", type=float, default=10, help="per figure, about (10)")
    parser.add_argument("--rounds", type=at_least(2), default=5, help="rounds per figure, at least (5)")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--no-peers", action="store_true", help="without escnn")
    parser.add_argument("--name", default="training", help="of the file of results")
    arguments = parser.parse_args(argv)
    warnings.simplefilter("ignore")  # deprecations in the peer, and fields of high frequency that scalars do not reach
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    print("\n| network | batch | what | steer / plain | escnn / plain | exported / plain | target | plain ms |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    rows = kept(arguments.name)  # of this machine: newer lines take the place of older ones
    for name in chosen(parser, ROWS, arguments.only):
        for batch in arguments.batch:
            for mode in arguments.mode:
                line = measure(name, ROWS[name], batch, mode, arguments)
                rows = [r for r in rows if any(r[key] != line[key] for key in MEASURED)] + [line]
                keep(arguments.name, sorted(rows, key=place))
                cells = [name, batch, mode, *(shown(line.get(key)) for key in ("steer", "escnn", "exported"))]
                cells += [line["target"] or "", f"{line['plain ms']:.1f}"]
                print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    return 0
