"""Builds: the same bytes for any number of workers and builders, after kills, and on a cluster."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from steer import store
from steer.bases import Task, _workers, build, compare, read_recipe
from steer.bases._solutions import SOLUTIONS
from steer.store import Entry, Pack

COMMAND = [sys.executable, "-m", "steer", "bases", "build"]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "XDG_DATA_HOME": str(home), "OMP_NUM_THREADS": "1", "TERM": "dumb"}


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> bytes:
    """The bytes of the small pack."""
    from tests.bases.conftest import SMALL

    folder = tmp_path_factory.mktemp("expected")
    (folder / "small.toml").write_text(SMALL)
    return build(read_recipe(folder / "small.toml"), folder).read_bytes()


def test_two_workers_give_the_same_bytes(recipe, tmp_path, expected, monkeypatch):
    """This process and another one, which is awake and takes its share."""
    monkeypatch.setattr(_workers, "_PATIENCE", 0)
    list(_workers.solved(_nap, list(range(200)), 2))
    here = []
    monkeypatch.setattr(Task, "solve", lambda self, real=Task.solve: here.append(self) or real(self))
    seen = []
    path = build(recipe, tmp_path / "new" / "folder", workers=2, progress=lambda *step: seen.append(step))
    assert path.read_bytes() == expected
    assert contents(path.parent) == ["small.safetensors"]
    assert [done for done, _, _ in seen] == list(range(len(recipe.jobs) + 1))
    assert 0 < len(here) < len(recipe.tasks)
    assert compare(Pack(path), Pack(path)) == []


def _nap(_number: int) -> None:
    time.sleep(0.05)


def test_every_entry_is_read_back(recipe, tmp_path, expected, monkeypatch):
    """What the pack says is what is computed without it."""
    (tmp_path / "small.safetensors").write_bytes(expected)
    pack = Pack(tmp_path / "small.safetensors")
    for task in recipe.tasks:
        entry = pack.read(task.name)
        for name, fresh in task.solve().items():
            assert pack.read(name).tensors.keys() == fresh.tensors.keys()
            assert all(torch.equal(pack.read(name).tensors[key], value) for key, value in fresh.tensors.items())
        assert entry.info["residual"] < 1e-12


def test_a_build_resumes(recipe, tmp_path, expected, monkeypatch):
    """What was finished before an interruption is not computed again."""
    count = len(recipe.jobs)

    def stop(done, _total, _note):
        if done == count - 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(recipe, tmp_path / "out", progress=stop)
    assert contents(tmp_path / "out") == [".small.parts"]
    solved = []
    monkeypatch.setattr(Task, "solve", lambda self, real=Task.solve: solved.append(self) or real(self))
    path = build(recipe, tmp_path / "out")
    assert path.read_bytes() == expected
    assert len(solved) == sum(map(len, recipe.jobs[-2:]))


def test_damaged_parts_are_computed_again(recipe, tmp_path, expected):
    def stop(done, _total, _note):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(recipe, tmp_path, progress=stop)
    parts = sorted((tmp_path / ".small.parts").rglob("*.safetensors"))
    assert len(parts) == 3
    parts[0].write_bytes(parts[0].read_bytes()[:-9])
    data = bytearray(parts[1].read_bytes())
    data[-1] ^= 1
    parts[1].write_bytes(data)
    assert build(recipe, tmp_path).read_bytes() == expected


@pytest.fixture
def interrupted(recipe, tmp_path, monkeypatch):
    """All parts of a build but the last, and a list of what is solved from now on."""

    def stop(done, total, _note):
        if done == total - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(recipe, tmp_path, progress=stop)
    again: list[Task] = []
    monkeypatch.setattr(Task, "solve", lambda self, real=Task.solve: again.append(self) or real(self))
    return again


def change_parts(folder: Path, change) -> None:
    """Rewrite all parts with other entries and another header, and hashes that fit."""
    for path in (folder / ".small.parts").glob("*.safetensors"):
        pack = Pack(path)
        header = {key: value for key, value in pack.manifest.items() if key not in ("entries", "sha256", "format")}
        entries = {name: pack.read(name) for name in pack.entries}
        change(entries, header)
        store.write(path, entries, header)


def test_what_is_left_of_a_build_is_taken_over(recipe, tmp_path, expected, interrupted):
    """The control of those that follow: parts that were rewritten as they were."""
    change_parts(tmp_path, lambda entries, header: None)
    assert build(recipe, tmp_path).read_bytes() == expected
    assert interrupted == list(recipe.jobs[-1])


@pytest.mark.parametrize("what", ["steer", "torch", "numpy", "scipy"])
def test_parts_of_other_versions_are_computed_again(recipe, tmp_path, expected, interrupted, what):
    def change(entries, header):
        header["versions"][what] = "0.0.1"
        for entry in entries.values():  # what they hold is another basis then, which obeys the same laws
            if "change" in entry.tensors:
                entry.tensors["change"] *= -1

    change_parts(tmp_path, change)
    assert build(recipe, tmp_path).read_bytes() == expected
    assert set(interrupted) == set(recipe.tasks)


def test_parts_that_miss_their_laws_are_computed_again(recipe, tmp_path, expected, interrupted):
    """Whatever residual they record."""

    def change(entries, header):
        if "wigner_j/2" in entries:
            entries["wigner_j/2"].tensors["j"][0, 0] += 1e-6

    change_parts(tmp_path, change)
    assert build(recipe, tmp_path).read_bytes() == expected
    assert {task.name for task in interrupted} == {"wigner_j/2", *(task.name for task in recipe.jobs[-1])}


def test_a_corrected_recipe_takes_over_what_it_still_asks_for(recipe_file, tmp_path, interrupted):
    text = recipe_file.read_text().replace('what = "wigner_j"\nmax_degree = 3', 'what = "wigner_j"\nmax_degree = 4')
    text = text.replace('groups = ["own", "dihedral(4)"]', 'groups = ["own", "dihedral(3)"]')
    recipe_file.write_text(text)
    changed = read_recipe(recipe_file)
    path = build(changed, tmp_path)
    assert {task.name for task in interrupted} >= {"wigner_j/4"}
    assert len(interrupted) == 1 + 4 + len(changed.jobs[-1])  # a degree of J, the harmonics of another group, the last job
    assert path.read_bytes() == build(changed, tmp_path / "fresh").read_bytes()


def test_a_build_removes_what_killed_ones_left(recipe, tmp_path, expected):
    for name in (".small.safetensors.abc123.tmp", ".other.safetensors.abc123.tmp", ".small.parts/.x.safetensors.abc.tmp"):
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_bytes(expected[:999])
    assert build(recipe, tmp_path / "out").read_bytes() == expected
    assert contents(tmp_path / "out") == [".other.safetensors.abc123.tmp", "small.safetensors"]


def test_what_misses_its_laws_is_not_written(recipe, tmp_path, monkeypatch):
    solution = SOLUTIONS["gauss_legendre"]
    monkeypatch.setattr(
        solution, "solve", lambda *_: Entry({"nodes": torch.zeros(2).double(), "weights": torch.ones(2).double()})
    )
    with pytest.raises(ArithmeticError, match="gauss_legendre/1 of small misses its laws by inf"):
        build(recipe, tmp_path / "out")
    assert contents(tmp_path / "out") == [".small.parts"]


def test_unknown_executors(recipe, tmp_path):
    with pytest.raises(ValueError, match=r'executor: "dask://HOST:PORT" is required; received .spark://here.'):
        build(recipe, tmp_path, executor="spark://here")
    assert contents(tmp_path) == ["small.toml"]  # nothing was finished, so nothing is kept


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_builds_leave_no_half_pack_and_resume(recipe_file, tmp_path, expected, workers):
    """Twenty-five kills at random moments of a run, of the builder alone: whole packs or none, and the next build ends."""
    out, whole = tmp_path / "out", tmp_path / "whole"
    stream = random.Random(workers)
    impatient = "from steer.bases import _workers; _workers._PATIENCE = 0; import runpy; runpy.run_module('steer', run_name='__main__')"
    command = [sys.executable, "-c", impatient, *COMMAND[3:], str(recipe_file), "--workers", str(workers), "--out"]
    start = time.perf_counter()
    subprocess.run([*command, str(whole)], env=environment(tmp_path), check=True, capture_output=True)
    length = time.perf_counter() - start
    kills = left = 0
    while kills < 25:
        process = subprocess.Popen(
            [*command, str(out)], env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(stream.uniform(0.3, 1.0) * length)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        path = out / "small.safetensors"
        left += (out / ".small.parts").exists()
        if path.exists():
            assert path.read_bytes() == expected
            path.unlink()
    assert left > 5  # they were in the middle
    orphan = out / ".small.safetensors.killed.tmp"  # the moment that is hit least
    orphan.write_bytes(expected[:999])
    subprocess.run([*command, str(out)], env=environment(tmp_path), check=True, capture_output=True)
    assert contents(out) == ["small.safetensors"]
    assert (out / "small.safetensors").read_bytes() == expected


def test_several_builders_and_readers_at_once(recipe_file, tmp_path, expected):
    """Two builders of one pack, then readers of a folder and a home that nobody may write to."""
    out = tmp_path / "out"
    command = [*COMMAND, str(recipe_file), "--out", str(out), "--workers", "1"]
    _run_together([command] * 2, environment(tmp_path))
    assert contents(out) == ["small.safetensors"]
    assert (out / "small.safetensors").read_bytes() == expected
    home = tmp_path / "readonly"
    home.mkdir()
    home.chmod(0o500)
    try:
        _run_together([[sys.executable, "-W", "error", "-c", READ]] * 3, {**environment(home), "STEER_BASES": str(out)})
    finally:
        home.chmod(0o700)
    assert list(home.iterdir()) == []


@pytest.mark.slow
def test_four_builders_and_eight_readers(recipe_file, tmp_path, expected):
    """On a home that nobody may write to: no error, one pack, and nothing in the home."""
    out, home = tmp_path / "out", tmp_path / "home"
    home.mkdir()
    home.chmod(0o500)
    env = {**environment(home), "HOME": str(home), "STEER_BASES": str(out)}
    try:
        _run_together([[*COMMAND, str(recipe_file), "--out", str(out), "--workers", "1"]] * 4, env)
        assert contents(out) == ["small.safetensors"]
        assert (out / "small.safetensors").read_bytes() == expected
        _run_together([[sys.executable, "-W", "error", "-c", READ]] * 8, env)
        assert contents(out) == ["small.safetensors"]
        assert list(home.iterdir()) == []  # also where the user may do everything
    finally:
        home.chmod(0o700)


READ = """
from steer import coupling, group, store
from steer.kernel import HarmonicRepresentation
names = [pack.path.name for pack in store.packs()]
assert "small.safetensors" in names, names
entry = store.find("block", dict, group.dihedral(4), "none")
assert entry is None
own = group.from_generators([[[0, -1, 0], [1, 0, 0], [0, 0, 1]], [[0, 0, 1], [1, 0, 0], [0, 1, 0]]])
assert store.find("irreps", lambda entry: entry, own) is not None
assert len(own.irreps()) == 5
irreps, change = coupling.decompose(HarmonicRepresentation(own, 3))
assert change.shape == (7, 7)
"""


def _run_together(commands: list[list[str]], env: dict[str, str]) -> None:
    processes = [subprocess.Popen(c, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for c in commands]
    for process in processes:
        text, _ = process.communicate(timeout=300)
        assert process.returncode == 0, text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the cluster's own threads and sockets
def test_a_cluster_gives_the_same_bytes(recipe, tmp_path, expected):
    distributed = pytest.importorskip("distributed")
    assert multiprocessing.get_start_method(allow_none=True) in (None, "fork", "spawn", "forkserver")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        address = cluster.scheduler_address.partition("://")[2]
        path = build(recipe, tmp_path, executor=f"dask://{address}")
    assert path.read_bytes() == expected


def test_packs_of_layers_are_read(recipe, tmp_path, monkeypatch):
    """A layer's sampled kernels come from the user's pack, and give the same weights and outputs."""
    from steer import group, gspaces, nn

    kind = gspaces.on(group.dihedral(4)).type("2xregular + 1")
    out = kind.gspace.type("regular + 0e")

    def layer() -> nn.R2Conv:
        torch.manual_seed(0)
        return nn.R2Conv(kind, out, 3)

    with store.disabled():
        computed = layer()
    build(recipe, tmp_path)
    monkeypatch.setenv("STEER_BASES", str(tmp_path))
    store.forget()
    monkeypatch.setattr("steer.expansion._blocks.solve_block", lambda *_: pytest.fail("it was computed"))
    found = layer()
    assert found.fingerprint == computed.fingerprint
    assert all(torch.equal(a, b) for a, b in zip(found.dense(), computed.dense(), strict=True))
    with pytest.raises(pytest.fail.Exception):  # the control: another size is in no pack
        nn.R2Conv(kind, out, 5)
