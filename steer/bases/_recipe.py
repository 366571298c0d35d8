"""Recipes: TOML files that say what a pack holds."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from typing import Any

from steer.bases._options import require, tables
from steer.bases._solutions import SOLUTIONS
from steer.bases._task import Task, read_group

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


FAULTS = (ValueError, TypeError, RuntimeError, OverflowError, MemoryError)
"""What a value may cause that is far outside of all bounds, deep in torch or in Python."""


class RecipeError(ValueError):
    """A recipe that cannot be read: which file, where, what is required."""


@dataclass(frozen=True)
class Recipe:
    """What to generate.

    Attributes:
        name: of the pack's file.
        about: a sentence for `steer bases list`.
        tasks: what to compute, one for each entry.
        digest: of the tasks, in any order.
    """

    name: str
    about: str
    tasks: tuple[Task, ...]

    @property
    def jobs(self) -> list[tuple[Task, ...]]:
        """Tasks that share intermediate results, those of one solution and group: they go to one worker."""
        return [tuple(tasks) for _, tasks in groupby(self.tasks, key=lambda task: (task.solution, task.group))]

    @property
    def digest(self) -> str:
        return digest_of(self.tasks)


def digest_of(tasks: Iterable[Task]) -> str:
    """Of some tasks, in any order."""
    return hashlib.sha256("\n".join(sorted(map(repr, tasks))).encode()).hexdigest()[:16]


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    A recipe has a `name`, a sentence `about` it, tables `[groups.NAME]` with `generators` for groups without a name, and
    any number of `[[solve]]` tables. Each says `what` (a key of `SOLUTIONS`), which `groups`, and the options of that
    solution.

    Raises:
        RecipeError: if the file is missing, is no TOML, or asks for something that does not exist or is out of bounds.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: a recipe is required; reading it says: {error.strerror}") from None
    except (ValueError, RecursionError, MemoryError) as error:  # no TOML, no text, or nested a thousand times
        raise RecipeError(f"{path}: a recipe in TOML is required; reading it says: {_said(error)}") from None
    try:
        return _recipe(content)
    except FAULTS as error:
        raise RecipeError(f"{path}: {_said(error)}") from None


def _recipe(content: dict[str, Any]) -> Recipe:
    _only(content, {"name", "about", "groups", "solve"}, "a recipe")
    name, about = require(content, "name"), require({"about": "", **content}, "about")
    own: dict[str, tuple[Any, ...]] = {}
    for key, table in tables(content, "groups", dict, "a table [groups.NAME] with generators for each group").items():
        if "(" in key:
            raise ValueError(f"[groups.{key}]: a name without brackets is required, for those with brackets are steer's own")
        _only(table, {"generators"}, f"[groups.{key}]")
        try:
            matrices = require(table, "generators")
        except ValueError as error:
            raise ValueError(f"[groups.{key}]: {error}") from None
        own[key] = tuple(tuple(tuple(float(x) for x in row) for row in matrix) for matrix in matrices)
    tasks: list[Task] = []
    unused = set(own)
    for position, item in enumerate(tables(content, "solve", list, "a table [[solve]], in double brackets,"), 1):
        try:
            tasks += _tasks(item, own)
        except FAULTS as error:
            raise ValueError(f"[[solve]] number {position}: {_said(error)}") from None
        unused -= set(item.get("groups", ()))
    if not tasks:
        raise ValueError("at least one [[solve]] table is required; there is none")
    if unused:
        raise ValueError(f"[groups.{min(unused)}]: a [[solve]] that names this group is required; there is none")
    # Equal groups have equal entries, whatever they are called: "cyclic(1)" and "trivial()" are one task, the last of them.
    return Recipe(name, about, tuple({task.name: task for task in tasks}.values()))


def _tasks(item: dict[str, Any], own: dict[str, Any]) -> list[Task]:
    what = item.get("what")
    if not isinstance(what, str) or what not in SOLUTIONS:
        received = "there is none" if what is None else f"received {what!r}"
        raise ValueError(f"what = ..., one of {', '.join(SOLUTIONS)}, is required; {received}{_nearest(what, SOLUTIONS)}")
    solution = SOLUTIONS[what]
    _only(item, {"what", *solution.options, *({"groups"} if solution.of_a_group else ())}, what)
    options = {key: require(item, key) for key in solution.options if key in item or key in solution.required}
    for key, most in solution.most.items():
        if options.get(key, 0) > most:
            raise ValueError(f"{what}: {key} <= {most} is required; received {options[key]}; {solution.cost}")
    if not solution.of_a_group:
        return [Task(what, detail=detail) for detail in solution.details(None, options)]
    out = []
    for text in require(item, "groups"):
        group = read_group(text, own.get(text, ()))
        if solution.finite and not group.is_finite:
            raise ValueError(f"{what}: finite groups are required; {text!r} is not")
        out += [Task(what, text, own.get(text, ()), detail) for detail in solution.details(group, options)]
    return out


def _said(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _only(table: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        hint = _nearest(unknown[0], known)
        raise ValueError(f"{where}: keys among {', '.join(sorted(known))} are required; received {unknown[0]!r}{hint}")


def _nearest(word: object, known: Iterable[str]) -> str:
    """What the user may have meant, for the end of a message; nothing if no name is near."""
    near = get_close_matches(str(word), sorted(known), 1)
    return f": did you mean {near[0]!r}?" if near else ""
