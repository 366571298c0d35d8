"""One solution to compute: a value that can be sent to another process."""

from __future__ import annotations

import ast
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import torch

from steer import group as groups
from steer.bases._solutions import SOLUTIONS, STORED_AS, Solution
from steer.group import Group, from_generators
from steer.store import Entry, EntryError, entry_name, group_name

GROUP = "group/"
"""How names of entries begin that say what group a name means: they have no task of their own."""

TURNS = 128
"""The most turns of a group: its table of products grows with the square of the order, which is up to four times as many."""


@dataclass(frozen=True)
class Task:
    """What to compute.

    Args:
        solution: a key of `SOLUTIONS`.
        group: the group as text, "octahedral()" or "cyclic(4, d=3)"; or the name of one given by generators; or empty.
        generators: the matrices of a group given by them, as nested tuples.
        detail: what else it depends on, as its solution writes it.
    """

    solution: str
    group: str = ""
    generators: tuple[Any, ...] = ()
    detail: str = ""

    def _find(self) -> tuple[Solution, Group | None]:
        return SOLUTIONS[self.solution], read_group(self.group, self.generators) if self.group else None

    @property
    def name(self) -> str:
        """Of the entry, in every pack."""
        solution, group = self._find()
        beside = solution.name(group, self.detail)
        return entry_name(STORED_AS.get(self.solution, self.solution), group_name(group) if group else "", beside)

    def solve(self) -> dict[str, Entry]:
        """The entry by its name, with what fixes the group; the residual of the laws is in its `info`."""
        solution, group = self._find()
        found = solution.solve(group, self.detail)
        residual = solution.residual(group, self.detail, found)
        info = json.loads(json.dumps({**found.info, "task": asdict(self)}))  # as it comes back from a file: lists, no tuples
        out = {self.name: Entry(found.tensors, {**info, "residual": residual})}
        if group is not None:
            facts = {"name": group.name, "d": group.d, "order": None if not group.is_finite else group.order}
            tensors = {"components": group.components, "algebra": group.algebra}
            out[f"{GROUP}{group_name(group)}"] = Entry(tensors, facts)
        return out

    def residual(self, entry: Entry) -> float:
        """By how much an entry misses the laws of its solution; infinite for one that is none."""
        solution, group = self._find()
        try:
            return solution.residual(group, self.detail, entry)
        except EntryError:
            return math.inf

    @classmethod
    def of(cls, info: dict[str, Any]) -> Task:
        """The task that an entry's manifest records."""
        recorded = dict(info["task"])
        return cls(recorded["solution"], recorded["group"], _tuples(recorded["generators"]), recorded["detail"])


def _tuples(values: Any) -> Any:
    return tuple(_tuples(value) for value in values) if isinstance(values, (list, tuple)) else float(values)


def read_group(text: str, generators: tuple[Any, ...] = ()) -> Group:
    """A group from the call that makes it, such as "dihedral(4, d=3)", or from generator matrices.

    Raises:
        ValueError: if the text is no such call, or one of a group of more than `TURNS` turns.
    """
    if generators:
        return from_generators([torch.tensor(matrix, dtype=torch.float64) for matrix in generators], name=text)
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in groups.__all__:
            raise ValueError("not a call")
        arguments = [ast.literal_eval(node) for node in call.args]
        options = {str(key.arg): ast.literal_eval(key.value) for key in call.keywords}
        if any(isinstance(value, int) and value > TURNS for value in [*arguments, *options.values()]):
            raise ValueError(f"at most {TURNS} turns are required")
        found = getattr(groups, call.func.id)(*arguments, **options)
    except (SyntaxError, ValueError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        raise ValueError(
            f'a group such as "octahedral()" or "cyclic(4, d=3)", or the name of one in [groups], is required; received '
            f"{text!r} ({error})"
        ) from None
    if not isinstance(found, Group):
        raise ValueError(f"a group is required; {text!r} is a {type(found).__name__}")
    return found
