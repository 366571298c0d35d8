"""From a recipe to a pack: in parallel, resumed where it stopped, whole or not there."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import torch

from steer import store
from steer.bases._recipe import Recipe, digest_of
from steer.bases._task import GROUP, Task
from steer.bases._workers import solved
from steer.store import GAUGE, SUFFIX, Entry, Pack, PackError
from steer.version import __version__

RESIDUAL = 1e-10
"""What no entry may miss its laws by."""

Progress = Callable[[int, int, str], None]


def parts_folder(recipe: Recipe, folder: Path) -> Path:
    """Where the finished parts of a build that did not end are kept."""
    return Path(folder) / f".{recipe.name}.parts"


def build(
    recipe: Recipe, folder: Path, workers: int = 1, executor: str | None = None, progress: Progress | None = None
) -> Path:
    """Compute everything a recipe asks for and write the pack `folder / NAME.safetensors`.

    Finished parts are kept in `parts_folder(recipe, folder)` until the pack is complete, so that a build that was killed
    goes on where it stopped. A part is known by what it holds: a corrected recipe takes over what it asks for as before,
    and what other versions made is computed again. Nothing is left of a build that failed before its first part. Several
    builders of one recipe at once do no harm: every file appears whole, with the same bytes.

    Args:
        recipe: from `read_recipe`.
        folder: made if it does not exist.
        workers: processes on this machine, this one included.
        executor: "dask://HOST:PORT" for a Dask cluster in place of processes of this machine.
        progress: called with the parts that are done, all parts, and the name of the last one.
    Returns:
        The path of the pack.
    Raises:
        ArithmeticError: if an entry misses its laws by more than `RESIDUAL`; no pack is written.
        ValueError: if the executor is unknown.
        ChildProcessError: if a worker is killed, as by a system that has no memory left; the next build goes on.
    Warns:
        RuntimeWarning: if workers cannot be started; this process does all of the work.
    """
    folder = Path(folder)
    path = folder / f"{recipe.name}{SUFFIX}"
    parts = parts_folder(recipe, folder)
    parts.mkdir(parents=True, exist_ok=True)
    store.sweep(path)
    try:
        entries = _entries(recipe, parts, workers, executor, progress)
    except BaseException:
        with contextlib.suppress(OSError):  # it holds finished parts
            parts.rmdir()
        raise
    store.write(path, entries, header(recipe))
    shutil.rmtree(parts, ignore_errors=True)
    store.forget()
    return path


def _entries(recipe: Recipe, parts: Path, workers: int, executor: str | None, progress: Progress | None) -> dict[str, Entry]:
    """All entries, read from the parts that are there or computed and kept there."""
    entries = _kept(parts, recipe)
    jobs = [tuple(task for task in job if task.name not in entries) for job in recipe.jobs]
    left = [job for job in jobs if job]
    done = len(jobs) - len(left)
    if progress:
        progress(done, len(jobs), "")
    with contextlib.closing(solved(_solve, left, workers, executor)) as results:
        for job, arrays in results:
            found = {
                name: Entry({k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in tensors.items()}, info)
                for name, (tensors, info) in arrays.items()
            }
            for name, entry in found.items():
                residual = entry.info.get("residual", 0.0)
                if not residual <= RESIDUAL:
                    raise ArithmeticError(f"{name} of {job[0].group or recipe.name} misses its laws by {residual:.2g}")
            entries |= found
            _keep(parts / f"{digest_of(job)}{SUFFIX}", found)
            done += 1
            if progress:
                progress(done, len(jobs), f"{job[0].solution} {job[0].group}".strip())
    return entries


def header(recipe: Recipe) -> dict[str, Any]:
    """What the manifest says of the pack as a whole."""
    tasks = sorted(task.name for task in recipe.tasks)
    return {"gauge": GAUGE, "about": recipe.about, "recipe": recipe.digest, "tasks": tasks, "versions": versions()}


def versions() -> dict[str, str]:
    """Of what makes the numbers."""
    found = {"steer": __version__, "torch": str(torch.__version__).partition("+")[0]}
    return found | {"numpy": np.__version__, "scipy": scipy.__version__}


def _solve(job: tuple[Task, ...]) -> dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]]:
    """All entries of a job, computed without any pack; as arrays, which travel between processes."""
    with store.disabled():
        found = {name: entry for task in job for name, entry in task.solve().items()}
    return {name: ({k: v.numpy() for k, v in entry.tensors.items()}, entry.info) for name, entry in found.items()}


def _keep(path: Path, entries: dict[str, Entry]) -> None:
    # Another builder may have finished the pack, and removed this folder.
    with contextlib.suppress(FileNotFoundError):
        store.write(path, entries, {"gauge": GAUGE, "versions": versions()})


def _kept(parts: Path, recipe: Recipe) -> dict[str, Entry]:
    """What earlier builds that did not end have left of these tasks: made by the same versions, and right."""
    wanted = {task.name: task for task in recipe.tasks}
    entries: dict[str, Entry] = {}
    with store.disabled():
        for path in sorted(parts.glob(f"*{SUFFIX}")):
            try:
                pack = Pack(path, GAUGE)
                if pack.manifest.get("versions") != versions():
                    continue
                found = {name: pack.read(name) for name in pack.entries}
            except (PackError, OSError):  # damaged, of another format or gauge, or removed by a builder that finished
                continue
            right = {name for name in found if name in wanted and _is_right(wanted[name], found[name])}
            entries |= {name: entry for name, entry in found.items() if name in right or (right and name.startswith(GROUP))}
    return entries


def _is_right(task: Task, entry: Entry) -> bool:
    """Whether an entry is what this task asks for, and obeys its laws: measured now, whatever was recorded."""
    try:
        return Task.of(entry.info) == task and task.residual(entry) <= RESIDUAL
    except Exception:  # whatever another program wrote is no obstacle: it is computed again
        return False


def default_workers() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
