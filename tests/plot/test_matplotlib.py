"""Without matplotlib."""

from __future__ import annotations

import subprocess
import sys

import pytest

from steer import plot


def test_the_error_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"matplotlib is required, which is not installed; `pip install 'steer\[plot\]'`"):
        plot.accuracy_by_angle({"plain": {0: 1.0}})


def test_it_is_imported_only_to_draw() -> None:
    code = "import sys, steer.plot, steer.cli; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
