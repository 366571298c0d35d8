"""Times as ratios: contestants take turns in one process, so that what else the machine does meets all of them."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
Times = dict[str, list[float]]


def alternate(contestants: Mapping[str, Callable[[], object]], seconds: float, fewest: int = 5, most: int = 200) -> Times:
    """Seconds of every call, in rounds in which each contestant has one, for about as long as asked.

    The order changes from round to round. The first round warms up and is not kept.
    """
    times: Times = {name: [] for name in contestants}
    order = list(contestants)
    end = None
    while end is None or len(times[order[0]]) < fewest or (time.perf_counter() < end and len(times[order[0]]) < most):
        spent = {}
        for name in order:
            start = time.perf_counter()
            contestants[name]()
            spent[name] = time.perf_counter() - start
        if end is None:
            end = time.perf_counter() + seconds
        else:
            for name, one in spent.items():
                times[name].append(one)
        order = order[1:] + order[:1]
    return times


def ratio(times: Times, name: str, base: str) -> tuple[float, float, float]:
    """Median of the ratios of neighbouring calls, and their quartiles."""
    found = [a / b for a, b in zip(times[name], times[base], strict=True)]
    low, middle, high = statistics.quantiles(found, n=4, method="inclusive")
    return middle, low, high


def shown(found: tuple[float, float, float] | None) -> str:
    """A ratio with its quartiles, for a table."""
    return "" if found is None else f"{found[0]:.3f} ({found[1]:.2f} - {found[2]:.2f})"


def at_least(least: int) -> Callable[[str], int]:
    """A whole number of a command line."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"a whole number >= {least} is required; received {text!r}")
        return int(text)

    return read


def chosen(parser: argparse.ArgumentParser, names: Iterable[str], parts: list[str]) -> list[str]:
    """The names that contain one of some parts; all if there are none. Leaves the program if no name does."""
    names = list(names)
    found = [name for name in names if not parts or any(part in name for part in parts)]
    if not found:
        parser.error(f"--only: a part of one of {', '.join(map(repr, names))} is required; received {', '.join(parts)}")
    return found


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), cpu)
    found = {"cpu": cpu, "threads": torch.get_num_threads(), "torch": torch.__version__, "python": platform.python_version()}
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def kept(table: str) -> list[dict[str, Any]]:
    """The rows of a table as they were written last, if by a machine and versions like these."""
    path = RESULTS / f"{table}.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    return found["rows"] if found.get("machine") == machine() else []


def keep(table: str, rows: list[dict[str, Any]], **more: Any) -> None:
    """Write a table to the folder of results, whole or not at all."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{table}.json"
    text = json.dumps({"machine": machine(), **more, "rows": rows}, indent=1)
    path.with_suffix(".new").write_text(text + "\n")
    path.with_suffix(".new").replace(path)
