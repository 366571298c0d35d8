"""What the first use of every named group costs in a fresh process, with packs and without.

Used are all irreps with their values on the generators, all couplings among the first four of them, and the harmonics up to
degree 6 (regular representations of finite groups as well) with their change of basis into irreps. Times start after
the imports. Groups with a closed form for all of it have nothing to read, and no pack.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import statistics
import subprocess
import sys
import time

import torch

from benchmarks.clock import at_least
from steer import store
from steer.bases._task import read_group
from steer.coupling import clebsch_gordan, decompose
from steer.kernel import HarmonicRepresentation, harmonic_dim

FINITE = ["klein()", "tetrahedral()", "full_tetrahedral()", "pyritohedral()", "octahedral()", "full_octahedral()"]
FINITE += ["icosahedral()", "full_icosahedral()", "inversion()", "mirror()", "trivial()", "trivial(1)", "trivial(3)"]
FINITE += ["cyclic(8)", "dihedral(8)", "cyclic(4, d=3)", "dihedral(4, d=3)", "conical(4)", "cylindrical(4)"]
FINITE += ["full_cylindrical(4)", "reflection(1)", "reflection(2)", "reflection(3)"]
CONTINUOUS = ["so2()", "o2()", "so3()", "o3()", "so2(d=3)", "conical()", "dihedral_axial()", "cylindrical()"]
CONTINUOUS += ["full_cylindrical()"]


def use(name: str) -> None:
    """Everything that the table counts, of one group."""
    group = read_group(name)
    irreps = group.irreps() if group.is_finite else group.irreps(3)
    for irrep in irreps:
        irrep(group.generators)
    few = irreps[:4]
    for a in few:
        for b in few:
            for c in few:
                clebsch_gordan(a, b, c)
    for degree in range(7):
        if harmonic_dim(group.d, degree):
            decompose(HarmonicRepresentation(group, degree))
    if group.is_finite:
        decompose(group.regular)


def child(name: str, computed: bool, threads: int) -> None:
    """Print the seconds of one first use, in this process."""
    torch.set_num_threads(threads)
    gc.collect()  # what the imports left is not the cost of the group
    start = time.perf_counter()
    with store.disabled() if computed else contextlib.nullcontext():
        use(name)
    print(time.perf_counter() - start)


def measure(name: str, computed: bool, repeats: int, threads: int) -> float:
    """Median seconds of several processes."""
    call = f"from benchmarks.first_use import child; child({name!r}, {computed}, {threads})"
    runs = [subprocess.run([sys.executable, "-c", call], check=True, capture_output=True, text=True) for _ in range(repeats)]
    return statistics.median(json.loads(run.stdout) for run in runs)


def main(argv: list[str] | None = None) -> int:
    """Print the table of first uses."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks first_use", description=__doc__)
    parser.add_argument("--repeats", type=at_least(1), default=3, help="processes per number (3)")
    parser.add_argument("--threads", type=at_least(1), default=1, help="threads of each process (1)")
    arguments = parser.parse_args(argv)
    print("| group | read s | computed s |\n| --- | --- | --- |")
    for name in FINITE + CONTINUOUS:
        read, computed = (measure(name, flag, arguments.repeats, arguments.threads) for flag in (False, True))
        print(f"| {name} | {read:.3f} | {computed:.3f} |", flush=True)
    return 0
