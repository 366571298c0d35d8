"""What a transfer of weights found."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class LayerReport:
    """One layer: its name here, its name in the file, its kind, and `|given - taken| / |given|` over its numbers."""

    name: str
    source: str
    kind: str
    residual: float


@dataclass(frozen=True, eq=False)
class Report:
    """What `load_dense` did; prints as a table.

    With Q the matrices below, `network(Q_in x) = Q_out peer(x)`; both are unit matrices unless the peer has another basis
    for the fields of input or output.

    Attributes:
        layers: one entry per layer that was compared.
        input_change, output_change: Q for the channels of the first and of the last equivariant layer that was compared,
            `[channels, channels]`, float64; None if there is none.
    """

    layers: tuple[LayerReport, ...]
    input_change: Tensor | None = field(default=None, repr=False)
    output_change: Tensor | None = field(default=None, repr=False)

    @property
    def residual(self) -> float:
        """The largest residual of a layer."""
        return max((layer.residual for layer in self.layers), default=0.0)

    def __str__(self) -> str:
        rows = [("layer", "in the file", "kind", "residual")]
        rows += [(layer.name or "network", layer.source, layer.kind, f"{layer.residual:.1e}") for layer in self.layers]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )
