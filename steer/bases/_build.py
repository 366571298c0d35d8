"""From a recipe to a pack: in parallel, resumed where it stopped, whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import torch

from steer import store
from steer.bases._recipe import Recipe
from steer.bases._task import Task
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
    goes on where it stopped; nothing is left of one that failed before its first part. Several builders of one recipe at
    once do no harm: every file appears whole, with the same bytes.

    Args:
        recipe: from `read_recipe`.
        folder: made if it does not exist.
        workers: processes on this machine.
        executor: "dask://HOST:PORT" for a Dask cluster in place of processes of this machine.
        progress: called with the parts that are done, all parts, and the name of the last one.
    Returns:
        The path of the pack.
    Raises:
        ArithmeticError: if an entry misses its laws by more than `RESIDUAL`; no pack is written.
        ValueError: if the executor is unknown.
    """
    folder = Path(folder)
    parts = parts_folder(recipe, folder) / recipe.digest
    parts.mkdir(parents=True, exist_ok=True)
    try:
        entries = _entries(recipe, parts, workers, executor, progress)
    except BaseException:
        with contextlib.suppress(OSError):  # it holds finished parts
            parts.rmdir()
            parts.parent.rmdir()
        raise
    path = folder / f"{recipe.name}{SUFFIX}"
    store.write(path, entries, header(recipe))
    shutil.rmtree(parts.parent, ignore_errors=True)
    store.forget()
    return path


def _entries(recipe: Recipe, parts: Path, workers: int, executor: str | None, progress: Progress | None) -> dict[str, Entry]:
    """All entries, read from the parts that are there or computed and kept there."""
    jobs = recipe.jobs
    places = {job: parts / f"{_digest(job)}{SUFFIX}" for job in jobs}
    left = [job for job in jobs if not _is_done(places[job])]
    done = len(jobs) - len(left)
    entries: dict[str, Entry] = {}
    if progress:
        progress(done, len(jobs), "")
    with contextlib.closing(_run(left, workers, executor)) as results:
        for job, found in results:
            for name, entry in found.items():
                residual = entry.info.get("residual", 0.0)
                if not residual <= RESIDUAL:
                    raise ArithmeticError(f"{name} of {job[0].group or recipe.name} misses its laws by {residual:.2g}")
            entries.update(found)
            _keep(places[job], found)
            done += 1
            if progress:
                progress(done, len(jobs), f"{job[0].solution} {job[0].group}".strip())
    for job in jobs:
        if job[0].name not in entries:
            entries.update(_kept(places[job], job))
    return entries


def header(recipe: Recipe) -> dict[str, Any]:
    """What the manifest says of the pack as a whole."""
    versions = {"steer": __version__, "torch": str(torch.__version__).partition("+")[0]}
    versions |= {"numpy": np.__version__, "scipy": scipy.__version__}
    tasks = sorted(task.name for task in recipe.tasks)
    return {"gauge": GAUGE, "about": recipe.about, "recipe": recipe.digest, "tasks": tasks, "versions": versions}


def _digest(job: tuple[Task, ...]) -> str:
    return hashlib.sha256(repr(job).encode()).hexdigest()[:16]


def _solve(job: tuple[Task, ...]) -> dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]]:
    """All entries of a job, computed without any pack; as arrays, which travel between processes."""
    with store.disabled():
        found = {name: entry for task in job for name, entry in task.solve().items()}
    return {name: ({k: v.numpy() for k, v in entry.tensors.items()}, entry.info) for name, entry in found.items()}


def _run(
    jobs: list[tuple[Task, ...]], workers: int, executor: str | None
) -> Generator[tuple[tuple[Task, ...], dict[str, Entry]], None, None]:
    """Jobs with their entries, as they are finished, in order."""
    from joblib import Parallel, delayed, parallel_config

    if not jobs:
        return
    with contextlib.ExitStack() as stack:
        if executor is not None:
            stack.enter_context(_dask(executor))
            stack.enter_context(parallel_config(backend="dask"))
            workers = -1
        run = Parallel(n_jobs=workers, return_as="generator", batch_size=1)
        for job, arrays in zip(jobs, run(delayed(_solve)(job) for job in jobs), strict=True):
            yield (
                job,
                {
                    name: Entry({k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in tensors.items()}, info)
                    for name, (tensors, info) in arrays.items()
                },
            )


@contextlib.contextmanager
def _dask(executor: str) -> Iterator[None]:
    scheme, _, address = executor.partition("://")
    if scheme != "dask" or not address:
        raise ValueError(f'executor: "dask://HOST:PORT" is required; received {executor!r}')
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise ValueError("executor: the package distributed is required for dask://; pip install 'steer[dask]'") from None
    with Client(f"tcp://{address}", set_as_default=True):
        yield


def _keep(path: Path, entries: dict[str, Entry]) -> None:
    # Another builder may have finished the pack, and removed this folder.
    with contextlib.suppress(FileNotFoundError):
        store.write(path, entries, {"gauge": GAUGE})


def _is_done(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        return not Pack(path, GAUGE).verify()
    except (PackError, OSError):
        return False


def _kept(path: Path, job: tuple[Task, ...]) -> dict[str, Entry]:
    try:
        pack = Pack(path, GAUGE)
        return {name: pack.read(name) for name in pack.entries}
    except (PackError, OSError):  # removed by another builder that finished
        arrays = _solve(job)
        return {n: Entry({k: torch.from_numpy(v) for k, v in t.items()}, info) for n, (t, info) in arrays.items()}


def default_workers() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
