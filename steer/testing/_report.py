"""What an equivariance measurement found, as numbers, as a table and as an assertion."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NETWORK = "(whole network)"


@dataclass(frozen=True)
class Measurement:
    """Error of one layer under one element.

    Attributes:
        layer: qualified name of the layer, or `NETWORK`.
        kind: class of the layer.
        element: the group element, `[d, d]`.
        exact: whether grid and layer support the element, so that nothing but rounding is allowed.
        error: largest deviation of `L(g f)` from `g L(f)`, relative to the largest value of `L(f)`.
        floor: the same for turning the output there and back: what resampling alone loses. Zero for exact elements.
    """

    layer: str
    kind: str
    element: Tensor
    exact: bool
    error: float
    floor: float = 0.0


@dataclass(frozen=True)
class EquivarianceReport:
    """All measurements of one check; prints as a table with a row per layer, and what is at fault, and why, below it.

    Attributes:
        measurements: one per layer and element, layers in the order of the forward pass, the network last.
        constant: names of layers whose output did not vary at all, for which the law says nothing.
        reasons: pairs of a layer that breaks an exact element and the likely reason.
        gspace: the symmetry, in words.
    """

    measurements: tuple[Measurement, ...]
    constant: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...] = ()
    gspace: str = ""

    def error(self, layer: str = NETWORK, exact: bool | None = True) -> float:
        """Largest error of a layer over the exact elements (the others with `exact=False`, all with None).

        NaN where an error is; zero where no such element was tested.
        """
        return _largest([m.error for m in self._of(layer) if exact is None or m.exact is exact])

    def floor(self, layer: str = NETWORK) -> float:
        """Largest error that resampling alone gives, over the elements that are not exact."""
        return _largest([m.floor for m in self._of(layer)])

    def _of(self, layer: str) -> list[Measurement]:
        found = [m for m in self.measurements if m.layer == layer]
        if not found:
            raise KeyError(f"report: one of {', '.join(self.layers)} is required; received {layer!r}")
        return found

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the measured layers in the order of the forward pass, the network last."""
        return tuple(dict.fromkeys(m.layer for m in self.measurements))

    def first_at_fault(self, tolerance: float) -> str | None:
        """The first layer whose exact error exceeds the tolerance, None if there is none."""
        return next((layer for layer in self.layers if not self.error(layer) <= tolerance), None)

    def verdict(self, tolerance: float = 1e-12) -> str | None:
        """What is wrong: a layer at fault and the likely reason, or a test that proves nothing; None if all holds."""
        fault = self.first_at_fault(tolerance)
        if fault is not None:
            why = dict(self.reasons).get(fault)
            found = f"{fault} breaks equivariance: error {self.error(fault):.2g}, above {tolerance:.2g}"
            return found + (f"; {why}" if why else "")
        identity = torch.eye(self.measurements[0].element.shape[-1], dtype=torch.float64)
        moving = [m for m in self._of(NETWORK) if m.exact and not torch.allclose(m.element, identity)]
        if not moving and any(not m.exact for m in self._of(NETWORK)):
            return (
                f"not tested: none of the elements besides the identity must hold exactly on this grid ({self.gspace}); "
                "assert_approximate tests the others"
            )
        if self.constant:
            return f"not tested: the output of {', '.join(self.constant)} does not vary, so the law says nothing"
        return None

    def assert_exact(self, tolerance: float = 1e-12) -> None:
        """Raise `AssertionError` unless all exact elements hold: with the first layer at fault, the reason, and the table.

        It also fails where it would prove nothing: where no element besides the identity was tested of a group that has
        more, and where the output of a layer or of the network does not vary.
        """
        found = self.verdict(tolerance)
        if found is not None:
            raise AssertionError(f"{found}\n{self.table}")

    def assert_approximate(self, tolerance: float) -> None:
        """Raise `AssertionError`, with the table, unless the other elements hold to `tolerance` for the whole network."""
        if not any(not m.exact for m in self._of(NETWORK)):
            raise AssertionError(f"not tested: every element is exact on this grid\n{self}")
        if not self.error(exact=False) <= tolerance:
            raise AssertionError(f"error {self.error(exact=False):.2g} > {tolerance:.2g} for elements between\n{self}")

    def __str__(self) -> str:
        fault = next((layer for layer in self.layers if layer in dict(self.reasons)), None)
        if fault is None:
            return self.table
        return f"{self.table}\n\n{fault} breaks equivariance: error {self.error(fault):.2g}; {dict(self.reasons)[fault]}"

    @property
    def table(self) -> str:
        """A row per layer, without the reason that `str` adds where an exact element fails by more than rounding."""
        counts = [sum(m.exact for m in self._of(NETWORK)), sum(not m.exact for m in self._of(NETWORK))]
        rows: list[tuple[str, ...]] = [
            ("layer", "kind", f"{counts[0]} exact elements", f"{counts[1]} other elements", "resampling alone")
        ]
        for layer in self.layers:
            found = self._of(layer)
            note = " (constant output)" if layer in self.constant else ""
            exact = f"{self.error(layer):.1e}" if any(m.exact for m in found) else "-"
            others = [f"{self.error(layer, False):.1e}", f"{self.floor(layer):.1e}"] if counts[1] else ["-", "-"]
            rows.append((layer, found[0].kind + note, exact, *others))
        shown = rows if counts[1] else [row[:3] for row in rows]
        widths = [max(len(row[i]) for row in shown) for i in range(len(shown[0]))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in shown]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _largest(numbers: list[float]) -> float:
    """The largest; NaN if there is one, zero if there is none."""
    return float(torch.tensor([0.0, *numbers], dtype=torch.float64).max())
