"""`steer bases`: what it prints, its exit codes, and one line for wrong usage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from steer import store
from steer.bases._solutions import SOLUTIONS
from steer.cli import main

RECIPE = """
name = "tiny"
about = "Two small things."
[[solve]]
what = "wigner_j"
max_degree = 1
[[solve]]
what = "harmonics"
max_degree = 1
groups = ["octahedral()"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STEER_BASES", raising=False)
    monkeypatch.setattr(store._shelf, "package_folders", lambda: [])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(RECIPE)
    store.forget()
    yield tmp_path
    monkeypatch.undo()
    store.forget()


def run(capsys, *arguments) -> tuple[int, str, str]:
    code = main(["bases", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_from_a_recipe_to_an_npz_file(folder, capsys):
    assert run(capsys, "list")[:2] == (0, "no packs are found: everything is computed\n")
    code, out, _ = run(capsys, "build", "tiny.toml", "--workers", 1)
    path = folder / "home" / "steer" / "bases" / "tiny.safetensors"
    assert code == 0
    assert f"{path}: 0.0" in out
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert "tiny.safetensors" in out
    assert "Two small things." in out
    code, out, _ = run(capsys, "info", path)
    assert code == 0
    assert "wigner_j/1" in out
    assert "harmonics octahedral() 1" in out
    code, out, _ = run(capsys, "verify")
    assert code == 0
    assert "right" in out
    code, out, _ = run(capsys, "export", path, "out.npz")
    assert code == 0
    with np.load(folder / "out.npz", allow_pickle=False) as arrays:
        assert np.abs(arrays["wigner_j/1//j"] - [[0, 1, 0], [1, 0, 0], [0, 0, -1]]).max() < 1e-15
        assert len(arrays.files) == 6


def test_differences_and_damage(folder, capsys):
    run(capsys, "build", "tiny.toml", "--out", "a", "--workers", 1)
    (folder / "tiny.toml").write_text(RECIPE.replace("max_degree = 1", "max_degree = 2"))
    run(capsys, "build", "tiny.toml", "--out", "b", "--workers", 1)
    old, new = folder / "a" / "tiny.safetensors", folder / "b" / "tiny.safetensors"
    code, out, _ = run(capsys, "diff", old, old)
    assert code == 0
    assert out == f"{old} and {old}: no difference, 5 entries are the same bit by bit\n"
    code, out, _ = run(capsys, "diff", old, new)
    assert code == 1
    assert out.count("only in the new one") == 2
    data = bytearray(old.read_bytes())
    data[-1] ^= 1
    old.write_bytes(data)
    code, out, _ = run(capsys, "verify", "a")
    assert code == 1
    assert "WRONG" in out
    assert "are not those that were written" in out
    code, _, err = run(capsys, "info", old)
    assert code == 2
    assert "delete the file, and build it again" in err


def test_differences_of_rounding(folder, capsys):
    """What another processor computes is the same to rounding; labels and entries are never a matter of rounding."""
    run(capsys, "build", "tiny.toml", "--workers", 1, "--out", "a")
    old, new = folder / "a" / "tiny.safetensors", folder / "new.safetensors"
    pack = store.Pack(old)
    entries = {name: pack.read(name) for name in pack.entries}
    entries["wigner_j/1"].tensors["j"][0, 1] += 2e-15
    store.write(new, entries, {"gauge": store.GAUGE})
    code, out, _ = run(capsys, "diff", old, new)
    assert code == 1
    assert "wigner_j/1  other values  2.0e-15" in out
    code, out, _ = run(capsys, "diff", old, new, "--rounding", "1e-13")
    assert code == 0
    assert (
        "the same to rounding, not bit by bit; 1 of 5 entries differ, the largest difference is 2.0e-15 in wigner_j/1" in out
    )
    assert run(capsys, "diff", old, new, "--rounding", "1e-15")[0] == 1
    del entries["wigner_j/0"]
    store.write(new, entries, {"gauge": store.GAUGE})
    code, out, _ = run(capsys, "diff", old, new, "--rounding", "1e300")
    assert code == 1
    assert "only in the old one" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "none.toml"], "none.toml: a recipe is required"),
        (["build", "tiny.toml", "--workers", "0"], "--workers: at least 1 is required; received 0"),
        (["build", "tiny.toml", "--executor", "here"], 'executor: "dask://HOST:PORT" is required'),
        (["build", "tiny.toml", "tiny.toml"], 'tiny.toml and tiny.toml both have name = "tiny"'),
        (["info", "none.safetensors"], "error: none.safetensors: a pack is required; there is no file of this name"),
        (["diff", "tiny.toml", "tiny.toml"], "a complete safetensors file is required"),
        (["diff", "--rounding", "nan", "x", "x"], "--rounding: a number >= 0 is required; received nan"),
        (["verify", "none"], "error: none: a folder with packs"),
        (["verify"], "no packs are found; give a folder, or build some"),
        (["export", "tiny.toml", "."], "error: .: the name of a file to write is required; this is a folder"),
        (["export", "tiny.toml", "none/x.npz"], "error: none: a folder that exists is required"),
        (["export", "tiny.toml", "x.npz"], "a complete safetensors file is required"),
    ],
)
def test_wrong_usage_is_one_line(folder, capsys, arguments, message):
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not list(folder.rglob("*.safetensors"))  # it was said before anything was built


def test_a_link_to_nothing_is_listed(folder, capsys):
    """A link whose file is gone is refused, and what is beside it is listed."""
    packs = folder / "home" / "steer" / "bases"
    run(capsys, "build", "tiny.toml", "--workers", 1)
    (packs / "gone.safetensors").symlink_to(folder / "nowhere")
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert "refused: a pack is required; there is no file of this name" in out
    assert "Two small things." in out


def test_a_folder_that_is_not_there_is_listed(folder, capsys, monkeypatch):
    monkeypatch.setenv("STEER_BASES", str(folder / "nowhere"))
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert f"{folder / 'nowhere'}  -   -        refused: STEER_BASES names this folder, which is not there" in out


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"entries": {"x": None}}, "a manifest with a table for every entry is required"),
        ({"sha256": []}, "a manifest with a table for every entry is required"),
        ({"entries": {"x": {"residual": "small"}}}, "a manifest that steer wrote is required; in this one"),
        ({"versions": None}, "a manifest that steer wrote is required; in this one"),
    ],
)
def test_invented_manifests_are_one_line(folder, capsys, monkeypatch, broken, message):
    """Manifests with hashes that fit and values that steer does not write."""
    write = json.dumps
    monkeypatch.setattr("steer.store._pack.json.dumps", lambda manifest, **how: write({**manifest, **broken}, **how))
    store.write(folder / "bad.safetensors", {}, {"gauge": store.GAUGE})
    monkeypatch.undo()
    code, _, err = run(capsys, "info", folder / "bad.safetensors")
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("depth", [600, 100_000])
def test_manifests_nested_deeply_are_one_line(folder, capsys, monkeypatch, depth):
    """The parser of JSON gives up at some depth, copies of what it read before that."""
    write = json.dumps
    nested = "[" * depth + "]" * depth
    monkeypatch.setattr(
        "steer.store._pack.json.dumps", lambda manifest, **how: write(manifest, **how).replace('"HERE"', nested)
    )
    store.write(folder / "deep.safetensors", {"x": store.Entry({}, {"labels": "HERE"})}, {"gauge": store.GAUGE})
    monkeypatch.undo()
    code, _, err = run(capsys, "info", folder / "deep.safetensors")
    assert code == 2
    assert "a manifest" in err
    assert err.count("\n") == 1


def test_a_full_disk_names_the_file(folder, capsys, monkeypatch):
    """The error of a write has no file, and the one of the temporary name would help nobody."""

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    code, _, err = run(capsys, "build", "tiny.toml", "--out", "out", "--workers", 1)
    assert code == 2
    assert err.startswith(f"steer: error: {Path('out') / '.tiny.parts'}")
    assert err.endswith(".safetensors: No space left on device\n")
    assert not list(folder.rglob("*.tmp"))


def test_a_build_that_fails_says_what_is_kept(folder, capsys, monkeypatch):
    """Parts that are finished are for the next build; without any, nothing is left."""

    def fail(group, detail):
        raise ValueError("something else is required")

    monkeypatch.setattr(SOLUTIONS["irreps"], "solve", fail)
    wrong = '[[solve]]\nwhat = "irreps"\ngroups = ["tetrahedral()"]\n'
    (folder / "tiny.toml").write_text(f'name = "tiny"\n{wrong}')
    code, _, err = run(capsys, "build", "tiny.toml", "--out", "out", "--workers", 1)
    assert code == 2
    assert "something else is required" in err
    assert list((folder / "out").iterdir()) == []
    (folder / "tiny.toml").write_text(RECIPE + wrong)
    code, _, err = run(capsys, "build", "tiny.toml", "--out", "out", "--workers", 1)
    assert code == 2
    assert f"; what was finished is in {Path('out') / '.tiny.parts'}, and a build of the same recipe goes on from it" in err


def test_a_killed_worker_is_one_line(folder, capsys, monkeypatch):
    def killed(function, jobs, workers, executor):
        yield jobs[0], function(jobs[0])
        raise ChildProcessError("a worker was killed")

    monkeypatch.setattr("steer.bases._build.solved", killed)
    code, _, err = run(capsys, "build", "tiny.toml", "--out", "packs")
    assert code == 2
    assert err == (
        "steer: error: a worker was killed; what was finished is in packs/.tiny.parts, and a build of the same recipe goes on "
        "from it\n"
    )


@pytest.mark.filterwarnings("always")
def test_warnings_of_a_build_are_one_line(folder, capsys, monkeypatch):
    def refused(size):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("steer.bases._workers._pool", refused)
    monkeypatch.setattr("steer.bases._workers._PATIENCE", 0.0)
    code, out, err = run(capsys, "build", "tiny.toml", "--workers", 2)
    assert code == 0
    assert "tiny.safetensors" in out
    assert err.startswith("steer: warning: no workers can be started (BrokenPipeError: [Errno 32] Broken pipe): one process")
    assert err.count("\n") == 1


def test_a_pack_that_misses_its_laws_is_one_line(folder, capsys, monkeypatch):
    monkeypatch.setattr("steer.bases._build.RESIDUAL", -1.0)
    code, _, err = run(capsys, "build", "tiny.toml", "--out", "out", "--workers", 1)
    assert code == 2
    assert "misses its laws by" in err
    assert "Traceback" not in err


def test_without_an_action_it_says_what_there_is(folder, capsys):
    code, out, _ = run(capsys)
    assert code == 2
    assert "verify" in out
