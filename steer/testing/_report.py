"""What an equivariance measurement found, as numbers, as a table and as an assertion."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

NETWORK = "(whole network)"


@dataclass(frozen=True)
class Measurement:
    """Error of one layer under one element.

    Attributes:
        layer: qualified name of the layer, or `NETWORK`.
        kind: class of the layer.
        element: the group element, `[d, d]`.
        exact: whether the grid supports the element, so that nothing but rounding is allowed.
        error: largest deviation of `L(g f)` from `g L(f)`, relative to the largest value of `L(f)`.
    """

    layer: str
    kind: str
    element: Tensor
    exact: bool
    error: float


@dataclass(frozen=True)
class EquivarianceReport:
    """All measurements of one check; prints as a table with a row per layer.

    Attributes:
        measurements: one per layer and element, layers in the order of the forward pass, the network last.
        constant: names of layers whose output did not vary at all, for which the law says nothing.
    """

    measurements: tuple[Measurement, ...]
    constant: tuple[str, ...]

    def error(self, layer: str = NETWORK, exact: bool | None = True) -> float:
        """Largest error of a layer over the exact elements (the others with `exact=False`, all with None)."""
        return max((m.error for m in self._of(layer) if exact is None or m.exact is exact), default=0.0)

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

    def assert_exact(self, tolerance: float = 1e-12) -> None:
        """Raise `AssertionError`, with the table and the first layer at fault, unless exact elements hold to `tolerance`.

        A network or layer whose output is constant also fails: it would pass any law.
        """
        fault = self.first_at_fault(tolerance)
        if fault is not None:
            raise AssertionError(f"{fault} breaks equivariance (error {self.error(fault):.2g} > {tolerance:.2g})\n{self}")
        if NETWORK in self.constant:
            raise AssertionError(f"the output does not vary, so the law says nothing\n{self}")

    def __str__(self) -> str:
        counts = [sum(m.exact for m in self._of(NETWORK)), sum(not m.exact for m in self._of(NETWORK))]
        head = ("layer", "kind", f"{counts[0]} exact elements", f"{counts[1]} other elements")
        rows = [head]
        for layer in self.layers:
            found = self._of(layer)
            other = f"{self.error(layer, False):.1e}" if counts[1] else "-"
            note = " (constant output)" if layer in self.constant else ""
            rows.append((layer, found[0].kind + note, f"{self.error(layer):.1e}", other))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
