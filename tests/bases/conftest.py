"""A small recipe that takes seconds, and folders of the test alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from steer import store
from steer.bases import Recipe, read_recipe

SMALL = """
name = "small"
about = "Enough of everything."

[groups.own]
generators = [[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]

[[solve]]
what = "wigner_j"
max_degree = 3

[[solve]]
what = "gauss_legendre"
max_nodes = 3

[[solve]]
what = "irreps"
groups = ["own", "tetrahedral()"]

[[solve]]
what = "clebsch_gordan"
groups = ["tetrahedral()", "dihedral(4)", "own"]

[[solve]]
what = "clebsch_gordan"
max_degree = 1
groups = ["so3()", "conical()"]

[[solve]]
what = "harmonics"
max_degree = 3
groups = ["own", "dihedral(4)"]

[[solve]]
what = "regular"
groups = ["tetrahedral()"]

[[solve]]
what = "layer"
groups = ["dihedral(4)"]
in = "2xregular + 1"
out = "regular + 0e"
kernel_size = 3

[[solve]]
what = "layer"
groups = ["so3()"]
in = "0 + 1"
out = "0 + 1 + 2"
kernel_size = 3
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def recipe(recipe_file: Path) -> Recipe:
    return read_recipe(recipe_file)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory, monkeypatch):
    """The user's packs are not those of the test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.delenv("STEER_BASES", raising=False)
    store.forget()
    yield
    monkeypatch.undo()
    store.forget()
