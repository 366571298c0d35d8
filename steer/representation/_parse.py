"""Read representations from their printed form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from steer.group import Group, require
from steer.representation._cosets import regular
from steer.representation._derived import direct_sum, standard
from steer.representation._irrep import Irrep, irrep, irreps
from steer.representation._representation import Representation


def parse(group: Group, text: str) -> Representation:
    """The direct sum of what a string names, see `parse_fields`.

    >>> import steer
    >>> str(steer.group.o3().representation("16x0e + 8x1o"))
    '16x0e + 8x1o'
    """
    return direct_sum(parse_fields(group, text))


def parse_fields(group: Group, text: str) -> list[Representation]:
    """The representations that a string names: terms `label`, `NxLABEL` or `Nx(SUM)` joined by `+`.

    A label is an irrep's ("0", "1o", "2+", ...), or "trivial", "regular", "standard"; a sum in brackets is one
    representation, as in "2x(0 + 3x1)".

    Raises:
        ValueError: if a term cannot be read or names no representation of the group.
    """
    require(group, Group, "representation", "a group of steer.group")
    require(text, str, "representation", 'a string such as "8xregular + 4x1"')
    # Labels of cylinder groups end in a sign, so there only a "+" behind a space separates terms.
    signed = irreps(group, 0)[0].label.endswith("+")
    named = {"trivial": lambda: group.trivial, "regular": lambda: regular(group), "standard": lambda: standard(group)}
    found: list[Representation] = []
    for term in re.split(r"\s+\+\s*(?![^(]*\))" if signed else r"\+(?![^(]*\))", text.strip()):
        match = re.fullmatch(r"(?:([0-9]+)\s*[x*]\s*)?(?:\((?P<sum>[^()]+)\)|(?P<label>[^\s()]+))", term.strip())
        if not match or (match[1] and int(match[1]) == 0):
            raise ValueError(
                f'representation: terms such as "8x1", "regular" or "2x(0 + 1)" joined by " + " are required; received '
                f"{term.strip()!r} in {text!r}"
            )
        label = match["label"]
        one = (
            parse(group, match["sum"])
            if label is None
            else named[label]()
            if label in named
            else _irrep(group, label, named)
        )
        found += [one] * int(match[1] or 1)
    return found


def _irrep(group: Group, label: str, named: Iterable[str]) -> Irrep:
    """An irrep by its label.

    Raises:
        ValueError: if there is none; with the name that was meant, if one is close.
    """
    try:
        return irrep(group, label)
    except ValueError as error:
        near = get_close_matches(label.lower(), named, 1)
        raise ValueError(f"{error}; did you mean {near[0]!r}?" if near else str(error)) from None
