"""The proof that packs hold what they should: hashes, laws, and a fresh computation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from steer import store
from steer.bases._build import RESIDUAL
from steer.bases._compare import compare_entries
from steer.bases._recipe import digest_of
from steer.bases._task import GROUP, Task
from steer.store import GAUGE, SUFFIX, Pack, PackError

AGREES = 1e-10
"""What a fresh computation on another machine may differ by."""


@dataclass(frozen=True)
class Finding:
    """What `verify` says of one pack.

    Attributes:
        path: of the pack.
        problems: what is wrong, one line each; none for a pack that is right.
        entries: number of entries.
        residual: by how much the worst entry misses its laws, measured now.
        difference: the largest difference from a fresh computation; 0.0 if every bit is the same, and only then: signs of
            zero alone are 5e-324.
    """

    path: Path
    problems: tuple[str, ...]
    entries: int = 0
    residual: float = 0.0
    difference: float = 0.0


def verify(folders: list[Path], progress: Callable[[int, int, str], None] | None = None) -> list[Finding]:
    """Check every pack in some folders: its bytes, its laws, and that a fresh computation gives the same.

    Raises:
        FileNotFoundError: if a folder does not exist or holds no pack.
    """
    paths = []
    for folder in folders:
        found = store.files(folder) if folder.is_dir() else []
        if not found:
            raise FileNotFoundError(f"{folder}: a folder with packs (*{SUFFIX}) is required; there is none")
        paths += found
    out = []
    for i, path in enumerate(paths):
        if progress:
            progress(i, len(paths), path.name)
        out.append(verify_pack(path))
    if progress:
        progress(len(paths), len(paths), "")
    return out


def verify_pack(path: Path) -> Finding:
    """Check one pack."""
    try:
        pack = Pack(path, GAUGE)
        wrong = pack.verify()
    except (PackError, OSError) as error:
        return Finding(path, (str(error),))
    if wrong:
        return Finding(
            path, tuple(f"the bytes of {name} are not those that were written" for name in wrong), len(pack.entries)
        )
    problems, residual, difference = _incomplete(pack), 0.0, 0.0
    made: set[str] = set()  # what a computation of all tasks gives
    tasks = []
    with store.disabled():
        for name in sorted(pack.entries):
            if name.startswith(GROUP):
                continue
            entry = pack.read(name)
            if "task" not in entry.info:
                problems.append(f"{name}: a task that made it is required in the manifest; there is none")
                continue
            try:
                task = Task.of(entry.info)
                fresh = task.solve()
                missed = task.residual(entry) if name in fresh else 0.0
            except Exception as error:  # whatever a manifest made up: it is named, and the others are checked
                problems.append(f"{name}: cannot be computed again: {error}")
                continue
            tasks.append(task)
            made |= set(fresh)
            if name not in fresh:
                problems.append(f"{name}: is the name of something else; its task makes {task.name}")
            residual = max(residual, missed)
            if not missed <= RESIDUAL:
                problems.append(f"{name}: misses its laws by {missed:.2g}")
            for key, value in fresh.items():
                if key not in pack:
                    if key.startswith(GROUP):
                        problems.append(f"{key}: is missing")
                    continue
                what, size = compare_entries(pack.read(key), value)
                difference = max(difference, size)
                if size > AGREES:
                    problems.append(f"{key}: {what} than a fresh computation, by {size:.2g}")
    lost = sorted(name for name in pack.entries if name.startswith(GROUP) and name not in made)
    problems += [f"{name}: is a group of none of the entries" for name in lost]
    if not problems and digest_of(tasks) != pack.manifest["recipe"]:
        problems.append("recipe: the tasks of the entries are not those of the recipe that the manifest names")
    return Finding(path, tuple(problems), len(pack.entries), residual, difference)


def _incomplete(pack: Pack) -> list[str]:
    """Entries that the manifest's list of tasks has and the pack has not, and the reverse."""
    tasks = pack.manifest.get("tasks")
    if not isinstance(tasks, list) or not all(isinstance(name, str) for name in tasks) or "recipe" not in pack.manifest:
        return ["tasks: a list of what the recipe asks for is required in the manifest; there is none"]
    found = {name for name in pack.entries if not name.startswith(GROUP)}
    missing = [f"{name}: is missing" for name in sorted(set(tasks) - found)]
    return missing + [f"{name}: is not asked for by the recipe" for name in sorted(found - set(tasks))]
