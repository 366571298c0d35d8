"""Memory of training: how much of it a steerable network takes beside the plain one, and what its bases take.

Each figure is the peak of the resident set of a process of its own during three steps, less what was resident when the
libraries had been imported: weights, constants, kernels, activations and temporaries, without the peak of construction.
Bases and weights are counted from their tensors. Linux only: elsewhere a peak cannot be forgotten.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks.clock import at_least, chosen, keep, machine
from benchmarks.networks import ROWS

_CHILD = """
import ctypes, gc, json, re, torch, warnings
warnings.simplefilter("ignore")
torch.set_num_threads({threads})
from benchmarks.networks import ROWS
from benchmarks.libraries import libraries
row = ROWS[{name!r}]
lib = {{one.name: one for one in libraries({who!r} == "escnn")}}
resident = lambda what: int(re.search(what + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
before = resident("VmRSS")
net = row.plain() if {who!r} == "plain" else lib[{who!r}].takes(row.build(lib[{who!r}]))
x = torch.randn({batch}, *row.shape)
gc.collect()
ctypes.CDLL(None).malloc_trim(0)  # what construction took and freed is given back
open("/proc/self/clear_refs", "w").write("5")  # and its peak is forgotten
for _ in range(3):
    net(x).square().mean().backward()
    for parameter in net.parameters():
        parameter.grad = None
size = lambda tensors: sum(t.numel() * t.element_size() for t in tensors) / 2**20
print(json.dumps([resident("VmHWM") - before, size(net.parameters()), size(net.buffers())]))
"""


def measure(name: str, who: str, batch: int, threads: int) -> list[float]:
    """Peak, parameters and buffers in MB."""
    child = _CHILD.format(name=name, who=who, batch=batch, threads=threads)
    out = subprocess.run([sys.executable, "-c", child], check=True, capture_output=True, text=True)
    return json.loads(out.stdout.splitlines()[-1])  # libraries may print before it


def main(argv: list[str] | None = None) -> int:
    """Print the table, and keep it in the folder of results."""
    import importlib.util

    parser = argparse.ArgumentParser(prog="python -m benchmarks memory", description=__doc__)
    parser.add_argument("--batch", type=at_least(1), default=16, help="batch size (16)")
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="networks whose name contains one of these")
    parser.add_argument("--name", default="memory", help="of the file of results")
    arguments = parser.parse_args(argv)
    threads = machine()["threads"]
    who = ["steer", "plain"] + (["escnn"] if importlib.util.find_spec("escnn") else [])
    print("| network | batch | who | peak in training MB | parameters MB | bases MB |\n" + "| --- " * 6 + "|")
    rows: list[dict[str, Any]] = []
    for name in chosen(parser, ROWS, arguments.only):
        for one in who:
            peak, parameters, buffers = measure(name, one, arguments.batch, threads)
            line = {"network": name, "batch": arguments.batch, "who": one, "peak MB": peak}
            rows.append({**line, "parameters MB": parameters, "bases MB": buffers})
            keep(arguments.name, rows)
            print(f"| {name} | {arguments.batch} | {one} | {peak:.0f} | {parameters:.2f} | {buffers:.2f} |", flush=True)
    return 0
