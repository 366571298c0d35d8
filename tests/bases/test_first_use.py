"""The first use of a named group reads a pack, or a closed form: nothing is solved."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.first_use import CONTINUOUS, FINITE, use
from steer import group, store
from steer.representation._search import Search

ROOT = Path(__file__).parents[2]


@pytest.fixture
def unsolvable(monkeypatch):
    """The two solvers refuse: the search for irreps, and that for intertwiners, of which all else is made."""
    store.forget()

    def refuse(*_):
        pytest.fail("it was solved")

    monkeypatch.setattr(Search, "_extend", refuse)
    monkeypatch.setattr("steer.coupling._intertwiners._intertwiners", refuse)


@pytest.mark.parametrize("name", FINITE + CONTINUOUS)
def test_a_named_group_is_read(name, unsolvable):
    use(name)


@pytest.mark.parametrize("name", ["inversion()", "cyclic(8)", "icosahedral()", "conical()"])
def test_the_solvers_are_those_that_would_run(name, unsolvable):
    """The negative control: without packs each of these is solved."""
    with store.disabled(), pytest.raises(pytest.fail.Exception, match="it was solved"):
        use(name)


def test_every_name_is_in_the_table():
    """All public functions of the room that return a group, but the one for groups without a name."""
    functions = {name: getattr(group, name) for name in group.__all__ if not inspect.isclass(getattr(group, name))}
    makers = {name for name, function in functions.items() if "Group" in str(inspect.signature(function).return_annotation)}
    assert {"cyclic", "so3", "from_generators"} <= makers
    assert makers - {"from_generators"} == {name.partition("(")[0] for name in FINITE + CONTINUOUS}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["full_icosahedral()", "full_cylindrical()"])
def test_the_benchmark_runs(name):
    """One process each for a read and a computation; how long they take is the benchmark's to say."""
    for computed in (False, True):
        call = f"from benchmarks.first_use import child; child({name!r}, {computed}, 1)"
        done = subprocess.run([sys.executable, "-c", call], cwd=ROOT, check=True, capture_output=True, text=True)
        assert 0 < json.loads(done.stdout) < 60
