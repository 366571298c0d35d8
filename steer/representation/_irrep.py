"""Irreducible representations, named by their group's labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from steer.group import Group, require
from steer.representation._families import family, integers
from steer.representation._family import IrrepInfo
from steer.representation._representation import Representation


@dataclass(frozen=True, repr=False)
class Irrep(Representation):
    """An irreducible representation over the reals.

    `endomorphisms` is the dimension of its commutant: 1 (real type), 2 (complex type), 4 (quaternionic type). Get one
    from `group.irreps()` or `group.irrep(label)`.
    """

    group: Group
    label: str

    def __post_init__(self) -> None:
        require(self.group, Group, "Irrep", "a group of steer.group")
        canonical = family(self.group).canonical(self.label) if isinstance(self.label, str) else None
        if canonical is None:
            raise _unknown(self.group, self.label)
        object.__setattr__(self, "label", canonical)

    @cached_property
    def _info(self) -> IrrepInfo:
        info = family(self.group).info(self.label)
        assert info is not None
        return info

    @property
    def dim(self) -> int:
        return self._info.dim

    @property
    def degree(self) -> int:
        return self._info.degree

    @property
    def endomorphisms(self) -> int:
        return self._info.endomorphisms

    def matrices(self, g: Tensor) -> Tensor:
        return family(self.group).matrices(self.label, g)

    @property
    def irreps(self) -> tuple[Irrep, ...]:
        return (self,)

    @property
    def as_irrep(self) -> Irrep:
        return self

    @property
    def is_trivial(self) -> bool:
        return self == trivial(self.group)

    def __str__(self) -> str:
        return self.label


def irreps(group: Group, max_degree: int | None = None) -> tuple[Irrep, ...]:
    """All irreps of a finite group, or those of degree at most `max_degree`."""
    require(group, Group, "irreps", "a group of steer.group")
    if max_degree is not None and (not isinstance(max_degree, int) or isinstance(max_degree, bool) or max_degree < 0):
        raise ValueError(f"irreps(max_degree): a whole number >= 0 is required; received {max_degree!r}")
    return tuple(Irrep(group, label) for label in family(group).labels(max_degree))


def irrep(group: Group, *label: Any) -> Irrep:
    """One irrep by its printed label, or by integers (frequency; parity and frequency; degree; position).

    Raises:
        ValueError: if the group has no such irrep.
    """
    rules = family(require(group, Group, "irrep", "a group of steer.group"))
    if len(label) == 1 and isinstance(label[0], Irrep) and label[0].group == group:
        return label[0]
    received = label[0] if len(label) == 1 else label
    name = rules.from_integers(label) if integers(label) else received
    if not isinstance(name, str) or rules.canonical(name) is None:
        raise _unknown(group, received)
    return Irrep(group, name)


def _unknown(group: Group, received: Any) -> ValueError:
    rules = family(group)
    listing = f"; it has {', '.join(rules.labels(None))}" if group.is_finite and group.order <= 200 else ""
    return ValueError(f"irrep: {group} names its irreps by {rules.known}; received {received!r}{listing}")


def trivial(group: Group) -> Irrep:
    """The trivial representation."""
    return Irrep(group, family(require(group, Group, "trivial", "a group of steer.group")).labels(0)[0])
