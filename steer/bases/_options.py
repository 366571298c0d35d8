"""What the values of a recipe have to be, key by key; TOML itself knows only that they are numbers, texts or lists."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Check = Callable[[Any], bool]


def _whole(least: int, most: float = math.inf) -> Check:
    return lambda value: type(value) is int and least <= value <= most  # a bool is an int to isinstance


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _length(least: float) -> Check:
    return lambda value: _number(value) and least <= value <= 1e6  # no NaN either


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and bool(value) and all(map(check, value))


def _or(*checks: Check) -> Check:
    return lambda value: any(check(value) for check in checks)


def _matrix(value: Any) -> bool:
    return _list_of(_list_of(_number))(value) and all(len(row) == len(value) for row in value)


OPTIONS: dict[str, tuple[Check, str]] = {
    "name": (
        lambda value: isinstance(value, str) and value.replace("-", "").replace("_", "").isalnum(),
        '"...", of letters, digits, "-" and "_",',
    ),
    "about": (lambda value: isinstance(value, str), '"...", a sentence,'),
    "max_degree": (_whole(0), "a whole number >= 0"),
    "max_nodes": (_whole(1), "a whole number >= 1"),
    "groups": (_list_of(_text), 'a list of groups, such as ["octahedral()"],'),
    "generators": (_list_of(_matrix), "a list of square matrices, such as [[[0.0, -1.0], [1.0, 0.0]]],"),
    "in": (_text, 'fields as text, such as "4xregular" or "8x0 + 2x1",'),
    "out": (_text, 'fields as text, such as "4xregular" or "8x0 + 2x1",'),
    "kernel_size": (
        _or(_whole(1, 255), _list_of(_whole(1, 255))),
        "a whole number >= 1 and <= 255, or a list with one for each axis,",
    ),
    "lattice": (_text, 'the name of a lattice, such as "hexagonal",'),
    "spacing": (
        _or(_length(1e-6), _list_of(_length(1e-6))),
        "a number >= 1e-6 and <= 1e6, or a list with one for each axis,",
    ),
    "band_limit": (
        _or(_whole(0, 100), _list_of(_whole(0, 100))),
        "a whole number >= 0 and <= 100, or a list with one for each ring,",
    ),
    "rings": (_list_of(_length(0)), "a list of radii >= 0 and <= 1e6, such as [0.0, 1.0, 2.0],"),
    "widths": (
        _list_of(_length(1e-6)),
        "a list with one number >= 1e-6 and <= 1e6 for each ring, such as [0.005, 0.6, 0.4],",
    ),
}
"""For each key of a recipe, whether a value will do, and what is required in words."""


def require(table: dict[str, Any], key: str) -> Any:
    """The value of a key.

    Raises:
        ValueError: if it is missing, or is not what the key requires.
    """
    check, words = OPTIONS[key]
    if key not in table:
        raise ValueError(f"{key} = {words} is required; there is none")
    if not check(table[key]):
        raise ValueError(f"{key} = {words} is required; received {table[key]!r}")
    return table[key]


def tables(content: dict[str, Any], key: str, kind: type, example: str) -> Any:
    """The tables under a key: a dictionary of them, or a list.

    Raises:
        ValueError: if something else is there, such as one table in place of a list of tables.
    """
    found = content.get(key, kind())
    inside = list(found.values()) if isinstance(found, dict) else found
    if isinstance(found, kind) and all(isinstance(table, dict) for table in inside):
        return found
    if isinstance(found, dict):
        received = f"[{key}]"
    else:
        received = f"[[{key}]]" if _list_of(lambda item: isinstance(item, dict))(found) else f"{key} = {found!r}"
    raise ValueError(f"{example} is required; received {received}")
