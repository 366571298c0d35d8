"""The wheel: packs travel in it, and are found and right once it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_installed_wheel_holds_the_packs(tmp_path):
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(source)], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("steer-*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".safetensors")]
    packs = sorted(path.name for path in (ROOT / "bases" / "packs").glob("*.safetensors"))
    assert packs
    assert sorted(names) == [f"steer/packs/{name}" for name in packs]
    place = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(place), str(wheel)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(place), "XDG_DATA_HOME": str(tmp_path), "STEER_BASES": ""}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(place / "bin" / "steer"), "bases", "verify"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.perf_counter() - start < 60
    assert str(place / "steer" / "packs") in done.stdout
    assert all(name in done.stdout for name in packs)
