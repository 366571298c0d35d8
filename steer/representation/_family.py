"""What is known of all irreps of a group, whoever computes them; and the one place where labels are spelled."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class IrrepInfo:
    """What a family knows of one irrep: its size, the dimension (1, 2, 4) of its endomorphisms, its degree."""

    dim: int
    endomorphisms: int
    degree: int


class Family(ABC):
    """All irreps of one group."""

    known: str  # what labels look like, for error messages

    @abstractmethod
    def labels(self, max_degree: int | None) -> tuple[str, ...]: ...

    @abstractmethod
    def info(self, label: str) -> IrrepInfo | None:
        """None when no irrep has this label."""

    @abstractmethod
    def matrices(self, label: str, g: Tensor) -> Tensor: ...

    @abstractmethod
    def from_integers(self, numbers: tuple[int, ...]) -> str | None:
        """Label of the irrep that integers name, or None."""

    def canonical(self, label: str) -> str | None:
        """The one spelling of a label, without leading zeros, or None when no irrep has it.

        Every label is a number in the digits 0 to 9, a parity "e" or "o" in some families, and a sign in others.
        """
        match = re.fullmatch(r"0*([0-9]{1,6})([eo]?)([+-]?)", label)
        name = "".join(match.groups()) if match else ""
        return name if match and self.info(name) is not None else None
