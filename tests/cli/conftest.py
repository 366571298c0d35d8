"""A small network and few digits, so that a whole run of the demo takes seconds."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from steer.cli import _networks


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Arguments of a tiny demo, with the network made tiny as well; the current folder is a temporary one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_networks, "steerable", partial(_networks.steerable, turns=4, fields=(1, 1, 1, 2)))
    return ["demo", "--limit", "40", "--curve-limit", "20", "--epochs", "1", "--step", "90"]


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    """Two kinds of pictures of 9 x 9 pixels: bars and blobs."""
    generator = np.random.default_rng(0)
    labels = np.arange(30, dtype=np.uint8) % 2
    images = np.zeros((30, 9, 9), np.uint8)
    images[labels == 0, 1:8, 4] = 255
    images[labels == 1, 3:6, 3:6] = 255
    images[:, 2:7, 2:7] //= generator.integers(1, 3, (30, 5, 5), dtype=np.uint8)
    return {"x_train": images[:20], "y_train": labels[:20], "x_test": images[20:], "y_test": labels[20:]}
