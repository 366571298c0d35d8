"""Read representations from their printed form."""

from __future__ import annotations

import re

from steer.group import Group
from steer.representation._derived import direct_sum, regular, standard
from steer.representation._irrep import irrep, irreps
from steer.representation._representation import Representation


def parse(group: Group, text: str) -> Representation:
    """The direct sum that a string names: terms `label` or `NxLABEL` joined by `+`.

    A label is an irrep's ("0", "1o", "2+", ...), or "trivial", "regular", "standard".

    Raises:
        ValueError: if a term cannot be read or names no representation of the group.

    >>> import steer
    >>> str(steer.group.o3().representation("16x0e + 8x1o"))
    '16x0e + 8x1o'
    """
    # Labels of cylinder groups end in a sign, so there only a "+" behind a space separates terms.
    signed = irreps(group, 0)[0].label.endswith("+")
    terms = re.split(r"\s+\+\s*" if signed else r"\+", text.strip())
    parts: list[Representation] = []
    for term in terms:
        match = re.fullmatch(r"(?:(\d+)\s*[x*]\s*)?(\S+)", term.strip())
        if not match or match[1] == "0":
            raise ValueError(
                f'representation: terms such as "8x1" or "regular" joined by " + " are required; received {term.strip()!r} '
                f"in {text!r}"
            )
        count, label = int(match[1] or 1), match[2]
        named = {"trivial": lambda: group.trivial, "regular": lambda: regular(group), "standard": lambda: standard(group)}
        parts += [named[label]() if label in named else irrep(group, label)] * count
    return direct_sum(parts)
