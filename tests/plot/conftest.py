"""Figures are drawn in memory and closed after each test."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import pytest


@pytest.fixture(autouse=True)
def in_memory() -> Iterator[None]:
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield
    pyplot.close("all")
    matplotlib.use(before)
