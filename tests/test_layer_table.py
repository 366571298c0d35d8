"""The table of layers in the documentation knows every layer."""

import re
from pathlib import Path

from steer import nn

PAGE = Path(__file__).parents[1] / "docs" / "choosing.md"

ELSEWHERE = {"EquivariantModule", "SteerableModule", "SteerableConv", "SteerableConvTransposed", "SteerableUpsampling"} | {
    *("FieldType", "GeometricTensor", "CartesianTensor", "BrokenSymmetryWarning", "UnreachableIrrepsWarning")
}
"""What layers are made of, and what goes through them."""

FUNCTIONS = {name for name in nn.__all__ if not isinstance(getattr(nn, name), type)}


def named() -> set[str]:
    text = PAGE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]*)`", " ".join(row.split("|")[1] for row in rows)))))


def test_every_layer_is_in_the_table():
    pointwise = {
        name for name in nn.__all__ if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Pointwise)
    }
    aliases = {name for name in nn.__all__ if getattr(nn, name).__name__ != name}
    missing = set(nn.__all__) - FUNCTIONS - ELSEWHERE - named() - pointwise - aliases
    assert not missing


def test_the_table_would_notice():
    assert "R2Conv" in named()
    assert "NoSuchLayer" not in named()
