"""What a run of the demo found, and its files: every one is complete or absent, whenever the run ends."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from steer.testing import EquivarianceReport

NOTE = (
    "A network that no rotation can change cannot tell a 6 from a 9 by how it stands, only by how it is written. This belongs "  # noqa: E501
    "to the task, not to the method, and may cost the steerable network a little of its accuracy where nothing is turned."
)


@dataclass
class Trained:
    """One network after training.

    Attributes:
        parameters: how many numbers were learned.
        seconds: of training.
        accuracy: on all test images as they are, in percent.
        curve: angle in degrees -> accuracy in percent, on the test images of the curve.
    """

    parameters: int
    seconds: float
    accuracy: float | None = None
    curve: dict[int, float] = field(default_factory=dict)

    @property
    def loss(self) -> float:
        """Points between the accuracy on images as they are and at the worst angle."""
        return self.curve[0] - min(self.curve.values())


@dataclass
class Results:
    """All networks of a run with its settings; parts that were not reached are missing."""

    settings: dict[str, Any]
    networks: dict[str, Trained] = field(default_factory=dict)
    equivariance: dict[str, EquivarianceReport] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def angles(self) -> list[int]:
        return sorted({angle for network in self.networks.values() for angle in network.curve})

    def write(self, folder: Path) -> list[Path]:
        """Write what there is: `accuracy.csv`, `results.json` and `report.md`, one after the other."""
        if not self.networks:
            return []
        texts = {"accuracy.csv": self._csv(), "results.json": self._json(), "report.md": self.markdown()}
        return [write_whole(folder / name, partial(_text, text=text)) for name, text in texts.items()]

    def _csv(self) -> str:
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["angle", *self.networks])
        for angle in self.angles:
            cells = [network.curve.get(angle) for network in self.networks.values()]
            rows.writerow([angle, *("" if cell is None else f"{cell:.3f}" for cell in cells)])
        return out.getvalue()

    def _json(self) -> str:
        networks = {
            name: {
                "parameters": network.parameters,
                "training_seconds": round(network.seconds, 2),
                "test_accuracy": None if network.accuracy is None else round(network.accuracy, 4),
                "accuracy_by_angle": {str(angle): round(value, 4) for angle, value in network.curve.items()},
            }
            for name, network in self.networks.items()
        }
        equivariance = {
            name: [
                {"layer": m.layer, "kind": m.kind, "element": m.element.tolist(), "exact": m.exact, "error": m.error}
                for m in report.measurements
            ]
            for name, report in self.equivariance.items()
        }
        content = {
            "settings": self.settings,
            "interrupted": self.interrupted,
            "networks": networks,
            "equivariance": equivariance,
        }
        return json.dumps(content, indent=1) + "\n"

    def summary(self) -> list[tuple[str, ...]]:
        """Rows of the table of networks, the heading first."""
        rows: list[tuple[str, ...]] = [
            ("network", "parameters", "training", "test error", "not turned", "worst angle", "loss", "mean of all angles")
        ]
        for name, network in self.networks.items():
            curve = network.curve
            angles: tuple[str, ...] = ("-",) * 4
            if 0 in curve:
                worst = min(curve, key=lambda angle: curve[angle])
                mean = sum(curve.values()) / len(curve)
                angles = (
                    f"{curve[0]:.1f} %",
                    f"{curve[worst]:.1f} % ({worst}°)",
                    f"{network.loss:.1f} points",
                    f"{mean:.1f} %",
                )
            error = "-" if network.accuracy is None else f"{100 - network.accuracy:.2f} %"
            rows.append((name, f"{network.parameters:,}", f"{network.seconds:.1f} s", error, *angles))
        return rows

    def markdown(self) -> str:
        """The report for people."""
        parts = ["# A plain and a steerable network on turned digits", ""]
        if self.interrupted:
            parts += ["**The run was interrupted: this is what was finished.**", ""]
        parts += [f"- {name.replace('_', ' ')}: {value}" for name, value in self.settings.items()]
        parts += ["", *_table(self.summary()), "", NOTE, "", "## Accuracy by angle, in percent", ""]
        rows = [("angle", *self.networks)]
        for angle in self.angles:
            cells = [network.curve.get(angle) for network in self.networks.values()]
            rows.append((f"{angle}°", *("-" if cell is None else f"{cell:.1f}" for cell in cells)))
        parts += _table(rows)
        for name, report in self.equivariance.items():
            parts += ["", f"## Measured equivariance, {name} network", "", "```", str(report), "```"]
        return "\n".join([*parts, ""])


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def write_whole(path: Path, write: Callable[[Path], None]) -> Path:
    """Write a file under another name and rename it, so that no reader and no interruption meets half a file."""
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
