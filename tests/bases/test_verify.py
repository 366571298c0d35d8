"""`verify` and `compare`: what is wrong is named, even where every hash is right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from steer.bases import build, compare, read_recipe, verify
from steer.store import GAUGE, Entry, Pack, write

RECIPE = """
name = "tiny"
[[solve]]
what = "wigner_j"
max_degree = 2
[[solve]]
what = "harmonics"
max_degree = 1
groups = ["octahedral()"]
"""


@pytest.fixture
def pack(tmp_path) -> Path:
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return build(read_recipe(tmp_path / "tiny.toml"), tmp_path)


def rewritten(path: Path, name: str, entry: Entry | None) -> None:
    """The same pack with another entry, and hashes that fit."""
    pack = Pack(path)
    entries = {key: pack.read(key) for key in pack.entries}
    entries = {key: Entry({k: v.clone() for k, v in e.tensors.items()}, e.info) for key, e in entries.items()}
    if entry is None:
        del entries[name]
    else:
        entries[name] = entry
    header = {key: value for key, value in pack.manifest.items() if key not in ("entries", "sha256", "format")}
    write(path, entries, header)


def test_a_pack_that_is_right(pack):
    (finding,) = verify([pack.parent])
    assert finding.problems == ()
    assert finding.entries == 3 + 2 + 1
    assert finding.residual < 1e-12
    assert finding.difference == 0.0


def test_flipped_bits_are_named(pack):
    data = bytearray(pack.read_bytes())
    data[-1] ^= 1
    pack.write_bytes(data)
    (finding,) = verify([pack.parent])
    assert finding.problems == (f"the bytes of {Pack(pack).verify()[0]} are not those that were written",)


def test_wrong_numbers_with_right_hashes_are_named(pack):
    entry = Pack(pack).read("wigner_j/2")
    broken = entry.tensors["j"].clone()
    broken[0, 0] += 1e-6
    rewritten(pack, "wigner_j/2", Entry({"j": broken}, entry.info))
    assert Pack(pack).verify() == []
    (finding,) = verify([pack.parent])
    assert len(finding.problems) == 2
    assert "wigner_j/2: misses its laws by" in finding.problems[0]
    assert "wigner_j/2: other values than a fresh computation, by 1e-06" in finding.problems[1]


def test_another_basis_with_right_laws_is_named(pack):
    """Signs of a change of basis are a gauge: the laws hold, and weights would still be read wrongly."""
    name = next(name for name in Pack(pack).entries if name.endswith("harmonics 1"))
    entry = Pack(pack).read(name)
    rewritten(pack, name, Entry({"change": -entry.tensors["change"]}, entry.info))
    (finding,) = verify([pack.parent])
    (problem,) = finding.problems
    assert f"{name}: other values than a fresh computation, by 2" in problem


def test_missing_groups_and_invented_entries_are_named(pack):
    name = next(name for name in Pack(pack).entries if name.startswith("group/"))
    rewritten(pack, name, None)
    entry = Pack(pack).read("wigner_j/1")
    rewritten(pack, "wigner_j/x", Entry(entry.tensors, {**entry.info, "task": {**entry.info["task"], "detail": "x"}}))
    (finding,) = verify([pack.parent])
    assert any(f"{name}: is missing" in problem for problem in finding.problems)
    assert any("wigner_j/x: cannot be computed again" in problem for problem in finding.problems)


def test_folders_without_packs(tmp_path):
    with pytest.raises(FileNotFoundError, match="a folder with packs"):
        verify([tmp_path])


def test_differences(pack, tmp_path):
    other = tmp_path / "other.safetensors"
    other.write_bytes(pack.read_bytes())
    entry = Pack(other).read("wigner_j/1")
    changed = entry.tensors["j"].clone()
    changed[0, 0] += 0.5
    rewritten(other, "wigner_j/1", replace(entry, tensors={"j": changed}))
    rewritten(other, "wigner_j/2", None)
    rewritten(other, "wigner_j/7", Entry({"j": torch.zeros(3, 3)}, {}))
    rewritten(other, "wigner_j/0", Entry({"j": torch.zeros(2, 2).double()}, Pack(other).read("wigner_j/0").info))
    found = {difference.entry: (difference.what, difference.size) for difference in compare(Pack(pack), Pack(other))}
    assert found == {
        "wigner_j/0": ("other shapes", float("inf")),
        "wigner_j/1": ("other values", 0.5),
        "wigner_j/2": ("only in the old one", float("inf")),
        "wigner_j/7": ("only in the new one", float("inf")),
    }
    assert compare(Pack(pack), Pack(pack)) == []


def test_another_gauge_is_a_difference(pack, tmp_path):
    """Weights over one gauge are refused by a reader of the other, whatever the numbers say."""
    old, other = Pack(pack), tmp_path / "other.safetensors"
    write(other, {name: old.read(name) for name in old.entries}, {"gauge": 7})
    (difference,) = compare(old, Pack(other))
    assert (difference.entry, difference.what) == ("gauge", f"{GAUGE} in the old one, 7 in the new one")
