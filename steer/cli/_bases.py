"""`steer bases`: make packs of solved bases, look into them, prove them."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from steer.cli._errors import UsageError
from steer.cli._screen import Screen

if TYPE_CHECKING:
    from steer.store import Entry


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("bases", help="packs of solved bases: build, list, verify", description=__doc__)
    parser.set_defaults(command=lambda _: _help(parser))
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    build = actions.add_parser("build", help="compute what recipes ask for and write a pack for each")
    build.add_argument("recipes", metavar="RECIPE", nargs="+", type=Path, help="TOML file that says what to generate")
    build.add_argument("--out", metavar="FOLDER", type=Path, help="where packs go; by default the user's folder")
    build.add_argument("--workers", metavar="N", type=int, help="processes; by default one per processor")
    build.add_argument("--executor", metavar="dask://HOST:PORT", help="a Dask cluster in place of processes here")
    build.set_defaults(command=_build)

    listing = actions.add_parser("list", help="the packs that are found, in the order in which they are searched")
    listing.set_defaults(command=_list)

    info = actions.add_parser("info", help="what a pack holds")
    info.add_argument("pack", metavar="PACK", type=Path)
    info.set_defaults(command=_info)

    verify = actions.add_parser("verify", help="check bytes, laws and a fresh computation; exit code 1 if one fails")
    verify.add_argument("folders", metavar="FOLDER", nargs="*", type=Path, help="by default those that are searched")
    verify.set_defaults(command=_verify)

    diff = actions.add_parser(
        "diff",
        help="how two packs differ; exit code 1 if they do",
        description="How two packs differ: in their gauge, labels and numbers. Exit code 0 if every bit is the same, or if "
        "numbers alone differ and by no more than --rounding; 1 otherwise.",
    )
    diff.add_argument("old", metavar="OLD", type=Path)
    diff.add_argument("new", metavar="NEW", type=Path)
    diff.add_argument(
        "--rounding",
        metavar="X",
        type=float,
        default=0.0,
        help="accept numbers that differ by at most X, as the last digits of two processors do (default: %(default)g)",
    )
    diff.set_defaults(command=_diff)

    export = actions.add_parser("export", help="the tensors of a pack as an npz file, for other programs")
    export.add_argument("pack", metavar="PACK", type=Path)
    export.add_argument("out", metavar="FILE.npz", type=Path)
    export.set_defaults(command=_export)


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 2


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Wrong recipes, packs and arguments in one line."""
    from steer.bases import RecipeError
    from steer.store import PackError

    try:
        yield
    except (RecipeError, PackError) as error:
        raise UsageError(str(error)) from None
    except RecursionError:
        raise UsageError("a manifest that steer wrote is required; one of these is nested too deeply") from None


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """In place of the line of code that warns, which is nothing that a user of the command could change."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        print(f"steer: warning: {message}", file=file or sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _bar(screen: Screen, title: str) -> Any:
    """A context that gives a function of parts done, all parts and a note; the total is known with the first call."""

    @contextmanager
    def bar(total: int) -> Iterator[Callable[[int, int, str], None]]:
        with screen.bar(title, total) as advance:
            yield lambda done, _total, note: advance(done, note)

    return bar


def _build(arguments: argparse.Namespace) -> int:
    from steer.bases import build, default_workers, parts_folder, read_recipe
    from steer.store import user_folder

    if arguments.workers is not None and arguments.workers < 1:
        raise UsageError(f"--workers: at least 1 is required; received {arguments.workers}")
    screen = Screen()
    folder = arguments.out or user_folder()
    workers = arguments.workers or default_workers()
    with _clear_errors(), _warnings_in_a_line():
        recipes = [read_recipe(path) for path in arguments.recipes]
        _require_different_names(arguments.recipes, [recipe.name for recipe in recipes])
        for recipe in recipes:
            with _bar(screen, recipe.name)(len(recipe.jobs)) as progress:
                try:
                    path = build(recipe, folder, workers, arguments.executor, progress)
                except ModuleNotFoundError as error:
                    raise UsageError(f"{error}; building packs needs it: pip install 'steer[bases]'") from None
                except (ValueError, ArithmeticError, ChildProcessError) as error:
                    parts = parts_folder(recipe, folder)
                    kept = f"; what was finished is in {parts}, and a build of the same recipe goes on from it"
                    raise UsageError(f"{error}{kept if parts.exists() else ''}") from None
            screen.say(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    return 0


def _require_different_names(paths: list[Path], names: list[str]) -> None:
    """One pack would overwrite the other."""
    first: dict[str, Path] = {}
    for path, name in zip(paths, names, strict=True):
        before = first.setdefault(name, path)
        if before is not path:
            raise UsageError(
                f"recipes of different names are required, for a name is that of the pack's file; {before} and {path} both "
                f'have name = "{name}"'
            )


def _files(folder: Path) -> list[Path]:
    """The packs of a folder; none if it cannot be read, which is said where it matters."""
    from steer import store

    try:
        return store.files(folder)
    except OSError:
        return []


def _list(arguments: argparse.Namespace) -> int:
    from steer import store

    rows, missing = [("pack", "MB", "entries", "about")], store.missing_folders()
    for folder in store.folders():
        for path in _files(folder):
            size = "-"
            try:
                pack = store.Pack(path, store.GAUGE)
                size = f"{path.stat().st_size / 1e6:.2f}"
            except store.PackError as error:
                rows.append((str(path), size, "-", f"refused: {error.problem}"))
            else:
                rows.append((str(path), size, str(len(pack.entries)), str(pack.manifest.get("about", ""))))
    rows += [(str(folder), "-", "-", "refused: STEER_BASES names this folder, which is not there") for folder in missing]
    if len(rows) == 1:
        print("no packs are found: everything is computed")
        return 0
    Screen().table(rows)
    return 0


def _info(arguments: argparse.Namespace) -> int:
    from steer.store import Pack, PackError

    with _clear_errors():
        pack = Pack(arguments.pack)
        entries = {name: pack.read(name) for name in sorted(pack.entries)}
        try:
            lines, rows = _facts(pack.manifest), [_row(name, entry) for name, entry in entries.items()]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PackError(arguments.pack, f"a manifest that steer wrote is required; in this one {error}") from None
    for line in lines:
        print(line)
    Screen().table([("entry", "tensors", "numbers", "residual", "of"), *rows])
    return 0


def _facts(manifest: dict[str, Any]) -> list[str]:
    """What the manifest says of the pack as a whole."""
    facts = {key: manifest.get(key, "") for key in ("about", "gauge", "format", "recipe")}
    versions = sorted(manifest.get("versions", {}).items())
    facts["made with"] = ", ".join(f"{name} {version}" for name, version in versions)
    return [f"{name:<9} {value}" for name, value in facts.items()]


def _row(name: str, entry: Entry) -> tuple[str, ...]:
    info, task = entry.info, entry.info.get("task", {})
    asked = " ".join(str(task.get(key, "")) for key in ("solution", "group", "detail")).strip() or str(info.get("name", ""))
    residual = f"{info['residual']:.1e}" if "residual" in info else ""
    return name, str(len(entry.tensors)), str(sum(t.numel() for t in entry.tensors.values())), residual, asked


def _verify(arguments: argparse.Namespace) -> int:
    from steer import store
    from steer.bases import verify

    folders = arguments.folders or [f for f in store.folders() if _files(f)]
    if not folders:
        raise UsageError(
            "no packs are found; give a folder, or build some with `steer bases build RECIPE` (the recipes of the package "
            "are in bases/recipes of its repository)"
        )
    screen = Screen()
    with _clear_errors():
        findings = []
        for folder in folders:
            count = len(_files(folder))
            with _bar(screen, f"verify {folder}")(count) as progress:
                findings += verify([folder], progress)
    rows = [("pack", "entries", "worst residual", "difference", "verdict")]
    for found in findings:
        numbers = (str(found.entries), f"{found.residual:.1e}", f"{found.difference:.1e}")
        rows.append((found.path.name, *numbers, "WRONG" if found.problems else "right"))
    screen.table(rows)
    for found in findings:
        for problem in found.problems:
            screen.say(f"{found.path.name}: {problem}")
    return 1 if any(found.problems for found in findings) else 0


def _diff(arguments: argparse.Namespace) -> int:
    from steer.bases import compare
    from steer.store import Pack

    if not 0 <= arguments.rounding < math.inf:
        raise UsageError(f"--rounding: a number >= 0 is required; received {arguments.rounding}")
    with _clear_errors():
        old, new = Pack(arguments.old), Pack(arguments.new)
        found = compare(old, new)
    pair = f"{arguments.old} and {arguments.new}"
    if not found:
        print(f"{pair}: no difference, {len(old.entries)} entries are the same bit by bit")
        return 0
    worst = max(found, key=lambda difference: difference.size)
    if worst.size <= arguments.rounding:
        print(
            f"{pair}: the same to rounding, not bit by bit; {len(found)} of {len(old.entries)} entries differ, the largest "
            f"difference is {worst.size:.1e} in {worst.entry}; at most {arguments.rounding:g} is accepted"
        )
        return 0
    rows: list[tuple[str, ...]] = [("entry", "what", "by")]
    rows += [(difference.entry, difference.what, f"{difference.size:.1e}") for difference in found]
    Screen().table(rows)
    return 1


def _export(arguments: argparse.Namespace) -> int:
    import io

    import numpy as np

    from steer.store import Pack, replace

    out = arguments.out
    if out.is_dir():
        raise UsageError(f"{out}: the name of a file to write is required; this is a folder")
    out = out if out.suffix == ".npz" else out.with_name(out.name + ".npz")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent}: a folder that exists is required")
    with _clear_errors():
        pack = Pack(arguments.pack)
        arrays: dict[str, Any] = {
            f"{name}//{part}": t.numpy() for name in pack.entries for part, t in pack.read(name).tensors.items()
        }
        data = io.BytesIO()
        np.savez(data, **arrays)
    replace(out, data.getvalue())
    print(f"{out}: {len(arrays)} arrays")
    return 0
