"""`verify` and `compare`: what is wrong is named, even where every hash is right."""

from __future__ import annotations

import math
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


def problems_of(path: Path) -> tuple[str, ...]:
    (finding,) = verify([path.parent])
    return finding.problems


def test_missing_groups_are_named(pack):
    name = next(name for name in Pack(pack).entries if name.startswith("group/"))
    rewritten(pack, name, None)
    assert set(problems_of(pack)) == {f"{name}: is missing"}


def test_missing_entries_are_named(pack):
    rewritten(pack, "wigner_j/1", None)
    assert problems_of(pack) == ("wigner_j/1: is missing",)


def test_invented_entries_are_named(pack):
    entry = Pack(pack).read("wigner_j/1")
    rewritten(pack, "wigner_j/x", Entry(entry.tensors, {**entry.info, "task": {**entry.info["task"], "detail": "x"}}))
    asked, computed = problems_of(pack)
    assert asked == "wigner_j/x: is not asked for by the recipe"
    assert computed.startswith("wigner_j/x: cannot be computed again")


def test_entries_without_a_task_are_named(pack):
    """Nothing but its task says what an entry should be."""
    entry = Pack(pack).read("wigner_j/1")
    rewritten(pack, "wigner_j/1", Entry({"j": -entry.tensors["j"]}, {"residual": 0.0}))
    (problem,) = problems_of(pack)
    assert problem == "wigner_j/1: a task that made it is required in the manifest; there is none"


def test_entries_under_another_name_are_named(pack):
    """What is right for degree 1 would be read as the harmonics of degree 0."""
    zero, one = (next(n for n in Pack(pack).entries if n.endswith(f"harmonics {degree}")) for degree in (0, 1))
    rewritten(pack, zero, Pack(pack).read(one))
    assert problems_of(pack) == (f"{zero}: is the name of something else; its task makes {one}",)


def test_groups_of_no_entry_are_named(pack):
    name = next(name for name in Pack(pack).entries if name.startswith("group/"))
    rewritten(pack, "group/0000000000000000", Pack(pack).read(name))
    assert problems_of(pack) == ("group/0000000000000000: is a group of none of the entries",)


def test_tasks_of_another_recipe_are_named(pack):
    """The name of the table of a continuous group does not say to which degree it goes: the recipe does."""
    recipe = pack.with_name("table.toml")
    for degree in (1, 2):
        text = f'name = "table"\n[[solve]]\nwhat = "clebsch_gordan"\nmax_degree = {degree}\ngroups = ["conical()"]'
        recipe.write_text(text)
        table = build(read_recipe(recipe), pack.parent / str(degree))
    assert problems_of(table) == ()
    smaller = Pack(pack.parent / "1" / table.name)
    (name,) = (name for name in smaller.entries if name.startswith("clebsch_gordan"))
    rewritten(table, name, smaller.read(name))
    (problem,) = problems_of(table)
    assert problem == "recipe: the tasks of the entries are not those of the recipe that the manifest names"


def test_packs_that_do_not_say_what_they_hold(pack):
    whole = Pack(pack)
    write(pack, {name: whole.read(name) for name in whole.entries}, {"gauge": GAUGE})
    assert problems_of(pack) == ("tasks: a list of what the recipe asks for is required in the manifest; there is none",)


def test_folders_without_packs(tmp_path):
    (tmp_path / ".hidden.safetensors").touch()
    with pytest.raises(FileNotFoundError, match="a folder with packs"):
        verify([tmp_path])


def test_what_is_never_read_is_not_verified(pack):
    """Hidden files, such as those that a file manager or a synchroniser leaves beside a pack."""
    pack.with_name(f"._{pack.name}").write_bytes(b"no pack")
    assert [finding.path for finding in verify([pack.parent])] == [pack]


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


def test_bits_are_compared_and_not_values(pack, tmp_path):
    """Zeros of both signs are equal values; a NaN is not equal to its own copy."""
    other = tmp_path / "other" / pack.name
    other.parent.mkdir()
    other.write_bytes(pack.read_bytes())
    entry = Pack(pack).read("wigner_j/1")
    zero = tuple((entry.tensors["j"] == 0).nonzero()[0].tolist())
    entry.tensors["j"][zero] = -entry.tensors["j"][zero]
    rewritten(other, "wigner_j/1", entry)
    (difference,) = compare(Pack(pack), Pack(other))
    assert (difference.entry, difference.what, difference.size) == ("wigner_j/1", "other values", 5e-324)
    (finding,) = verify([other.parent])
    assert finding.problems == ()
    assert 0.0 < finding.difference < 1e-300
    entry.tensors["j"][zero] = math.nan
    rewritten(other, "wigner_j/1", entry)
    assert compare(Pack(other), Pack(other)) == []
    (difference,) = compare(Pack(pack), Pack(other))
    assert difference.size == math.inf


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0.0, -0.0)])
def test_labels_that_are_equal_and_not_the_same(pack, tmp_path, one, other):
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(pack.read_bytes())
    entry = Pack(pack).read("wigner_j/1")
    for path, value in ((pack, one), (copy, other)):
        rewritten(path, "wigner_j/1", replace(entry, info={**entry.info, "more": value}))
    (difference,) = compare(Pack(pack), Pack(copy))
    assert difference.what == "other labels"


def test_another_gauge_is_a_difference(pack, tmp_path):
    """Weights over one gauge are refused by a reader of the other, whatever the numbers say."""
    old, other = Pack(pack), tmp_path / "other.safetensors"
    write(other, {name: old.read(name) for name in old.entries}, {"gauge": 7})
    (difference,) = compare(old, Pack(other))
    assert (difference.entry, difference.what) == ("gauge", f"{GAUGE} in the old one, 7 in the new one")
