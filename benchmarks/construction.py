"""How long a layer takes to build, and how much memory that adds: each row in processes of its own.

Times start after `import torch`, so the first row is the import of `steer` alone and every other row contains it. Memory is
the growth of the peak resident set over that of a process that has imported torch. Medians of several processes.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys

import torch

from benchmarks.clock import at_least, keep

ROWS = {
    "import steer": "pass",
    "C8 regular 8 -> 8, 5x5": "g = gspaces.rot2dOnR2(8); t = g.type('8xregular'); nn.R2Conv(t, t, 5)",
    "D8 regular 8 -> 8, 5x5": "g = gspaces.flipRot2dOnR2(8); t = g.type('8xregular'); nn.R2Conv(t, t, 5)",
    "O(2) irreps to frequency 6, 5x5": (
        "g = gspaces.flipRot2dOnR2(-1); t = nn.FieldType(g, g.fibergroup.irreps(6)); nn.R2Conv(t, t, 5)"
    ),
    "SO(3) degrees 0 to 2, 8 each, 5^3": ("g = gspaces.rot3dOnR3(); t = g.type('8x0 + 8x1 + 8x2'); nn.R3Conv(t, t, 5)"),
    "octahedral regular 2 -> 2, 5^3": "g = gspaces.octaOnR3(); t = g.type('2xregular'); nn.R3Conv(t, t, 5)",
    "full octahedral regular 1 -> 1, 5^3": "g = gspaces.fullOctaOnR3(); t = g.type('regular'); nn.R3Conv(t, t, 5)",
    "icosahedral regular 1 -> 1, 5^3": "g = gspaces.icoOnR3(); t = g.type('regular'); nn.R3Conv(t, t, 5)",
    "full icosahedral regular 1 -> 1, 5^3": "g = gspaces.fullIcoOnR3(); t = g.type('regular'); nn.R3Conv(t, t, 5)",
    "SO(3) Fourier nonlinearity, 192 points": (
        "g = gspaces.rot3dOnR3(); t = nn.FieldType(g, [g.fourier_repr(2)]); nn.FourierPointwise(t, samples=192)"
    ),
}

TARGETS = {
    "import steer": (0.3, 30),
    "D8 regular 8 -> 8, 5x5": (0.3, None),
    "O(2) irreps to frequency 6, 5x5": (0.3, None),
    "octahedral regular 2 -> 2, 5^3": (0.5, 100),
    "full octahedral regular 1 -> 1, 5^3": (1, 200),
    "icosahedral regular 1 -> 1, 5^3": (1, 200),
    "SO(3) Fourier nonlinearity, 192 points": (0.1, None),
}

_CHILD = """
import json, resource, time
import torch
torch.set_num_threads({threads})
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, start = peak(), time.perf_counter()
from steer import gspaces, nn
{code}
print(json.dumps([time.perf_counter() - start, peak() - before]))
"""


def measure(code: str, repeats: int, threads: int) -> tuple[list[float], float]:
    """Seconds of every run and the median growth of memory in MB."""
    runs = []
    for _ in range(repeats):
        child = _CHILD.format(code=code, threads=threads)
        out = subprocess.run([sys.executable, "-c", child], check=True, capture_output=True, text=True).stdout
        runs.append(json.loads(out))
    return [seconds for seconds, _ in runs], statistics.median(memory for _, memory in runs)


def main(argv: list[str] | None = None) -> int:
    """Print the table of construction times."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--repeats", type=at_least(1), default=5, help="processes per row (5)")
    parser.add_argument("--threads", type=at_least(1), default=torch.get_num_threads(), help="threads of each process")
    arguments = parser.parse_args(argv)
    print(f"torch {torch.__version__}, {platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    print(f"{arguments.threads} threads, medians of {arguments.repeats} processes\n")
    print("| what | median s | fastest s | slowest s | memory MB |\n| --- | --- | --- | --- | --- |")
    rows = []
    for name, code in ROWS.items():
        seconds, memory = measure(code, arguments.repeats, arguments.threads)
        rows.append({"what": name, "seconds": statistics.median(seconds), "MB": memory, "target": TARGETS.get(name)})
        keep("construction", rows)
        print(f"| {name} | {statistics.median(seconds):.3f} | {min(seconds):.3f} | {max(seconds):.3f} | {memory:.0f} |")
    return 0
