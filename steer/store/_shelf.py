"""Where packs are looked for, and what they hold of a group."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from steer.store._cached import forget_results
from steer.store._digest import digest
from steer.store._form import EntryError, Form, tensors
from steer.store._pack import GAUGE, SUFFIX, Entry, Pack, PackError

_SAME = 1e-12  # groups are equal to rounding alone, see steer.group
T = TypeVar("T")
_state = {"disabled": 0}


class PackWarning(UserWarning):
    """A pack was refused, and what it holds is computed instead."""


def folders() -> list[Path]:
    """The folders with packs, in the order in which they are searched; those that do not exist are left out.

    The packs of the package; the folders in the environment variable `STEER_BASES`, separated as in `PATH`; `user_folder()`.
    """
    found = [*package_folders(), *_named_folders(), user_folder()]
    return [folder for folder in found if os.path.isdir(folder)]  # also where the way to it may not be read


def missing_folders() -> list[Path]:
    """Those that `STEER_BASES` names and that are not there: the others are at places where there may be none."""
    return [folder for folder in _named_folders() if not os.path.isdir(folder)]


def _named_folders() -> list[Path]:
    return [Path(name) for name in os.environ.get("STEER_BASES", "").split(os.pathsep) if name]


def package_folders() -> list[Path]:
    """Where the packs of the package lie: in it once it is installed, beside it in a clone of the repository."""
    package = Path(__file__).resolve().parent.parent
    return [package / "packs", package.parent / "bases" / "packs"]


def user_folder() -> Path:
    """The user's folder for packs: `steer/bases` in `XDG_DATA_HOME`, by default in `~/.local/share`."""
    home = os.environ.get("XDG_DATA_HOME", "")
    if not os.path.isabs(home):  # the specification of base directories: relative ones are ignored
        home = os.path.expanduser("~/.local/share")
    return Path(home) / "steer" / "bases"


@lru_cache(maxsize=1)
def packs() -> tuple[Pack, ...]:
    """All packs in those folders, opened. One that cannot be trusted is left out, with a `PackWarning` that says why.

    A folder in `STEER_BASES` that is not there has a `PackWarning` too, once: what it should hold is computed.
    """
    out = []
    for folder in missing_folders():
        warnings.warn(
            f"STEER_BASES: folders of packs are required; there is none at {folder}: make it, or take it out of STEER_BASES",
            PackWarning,
            stacklevel=2,
        )
    for path in [path for folder in folders() for path in _found(folder)]:
        try:
            out.append(Pack(path, GAUGE))
        except PackError as error:
            _warn(error)
    return tuple(out)


def files(folder: Path) -> list[Path]:
    """The packs of a folder, by name. Hidden files are none: they are those that somebody is writing.

    Raises:
        OSError: if it is no folder, or may not be read.
    """
    return sorted(folder / name for name in os.listdir(folder) if name.endswith(SUFFIX) and not name.startswith("."))


def _found(folder: Path) -> list[Path]:
    """The same; none, with a warning, if it may not be read: what they hold is computed then."""
    try:
        return files(folder)
    except OSError as error:
        warnings.warn(
            f"{folder}: a folder of packs that can be read is required: {error.strerror}", PackWarning, stacklevel=3
        )
        return []


def _warn(error: PackError) -> None:
    warnings.warn(f"a pack was refused, its contents are computed instead: {error}", PackWarning, stacklevel=3)


def forget() -> None:
    """Look for packs anew: after a build, or a change of `STEER_BASES`, in the same process."""
    packs.cache_clear()
    _places.cache_clear()
    forget_results()


@contextmanager
def disabled() -> Iterator[None]:
    """Everything is computed anew while this is entered, as if there were no pack and nothing had been computed before."""
    _state["disabled"] += 1
    forget_results()
    try:
        yield
    finally:
        _state["disabled"] -= 1
        forget_results()


def group_name(group: Any) -> str:
    """How packs call a group: by its matrices."""
    return digest(group.components, group.algebra)[:16]


@lru_cache(maxsize=512)
def _places(group: Any) -> tuple[tuple[Pack, str], ...]:
    """The packs that know this group, not only one that is nearly equal."""
    name = group_name(group)
    forms = {part: Form(tuple(getattr(group, part).shape)) for part in ("components", "algebra")}
    out = []
    for pack in packs():
        known = _read(pack, f"group/{name}", lambda entry: tensors(entry, forms))
        if known and all(_same(known[part], getattr(group, part)) for part in forms):
            out.append((pack, name))
    return tuple(out)


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and (a.numel() == 0 or float((a - b).abs().max()) < _SAME)


def find(solution: str, read: Callable[[Entry], T], group: Any = None, detail: str = "") -> T | None:
    """What the first pack that holds a solution for a group says, or None.

    Hashes prove that an entry is what somebody wrote, not that it is what its name says. So nobody is given an entry that
    `read` has not taken apart; for one that it refuses there is a `PackWarning`, as if its bytes were wrong, and the next
    pack is asked.

    Args:
        solution: its name, such as "irreps".
        read: makes of an entry what it stands for, or raises `EntryError`.
        group: anything hashable with `components` and `algebra`; None for solutions of no group.
        detail: what else it depends on.
    """
    if _state["disabled"]:
        return None
    for pack, name in _places(group) if group is not None else [(pack, "") for pack in packs()]:
        found = _read(pack, entry_name(solution, name, detail), read)
        if found is not None:
            return found
    return None


def _read(pack: Pack, name: str, read: Callable[[Entry], T]) -> T | None:
    if name not in pack:
        return None
    try:
        return read(pack.view(name))
    except PackError as error:
        _warn(error)
    except EntryError as error:
        _warn(PackError(pack.path, f"{name}: {error}"))
    return None


def entry_name(solution: str, group: str, detail: str = "") -> str:
    """The name of an entry in every pack."""
    return "/".join(part for part in (solution, group, detail) if part)
