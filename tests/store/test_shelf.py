"""Where packs are looked for, what is found for a group, and that refused packs are no harm."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from steer import coupling, group, store
from steer.bases import build, read_recipe
from steer.kernel import HarmonicRepresentation
from steer.store import PackWarning
from tests.cases import assert_close

OWN = """
name = "own"
[[solve]]
what = "harmonics"
max_degree = 2
groups = ["octahedral()", "GROUP"]
"""


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """No pack is found but those in the folders of the test."""
    monkeypatch.setattr(store._shelf, "package_folders", lambda: [tmp_path / "package"])
    monkeypatch.setenv("STEER_BASES", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    store.forget()
    yield tmp_path
    monkeypatch.undo()
    store.forget()


def whole(entry: store.Entry) -> store.Entry:
    return entry


def make(folder: Path, name: str = "own", group: str = "dihedral(3, d=3)") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = folder / f"{name}.toml"
    recipe.write_text(OWN.replace('"own"', f'"{name}"').replace("GROUP", group))
    return build(read_recipe(recipe), folder)


def test_the_order_of_the_folders(shelf, monkeypatch):
    wanted = [shelf / "package", shelf / "mine", shelf / "also", shelf / "home" / "steer" / "bases"]
    assert store.folders() == []
    for folder in wanted:
        folder.mkdir(parents=True)
    monkeypatch.setenv("STEER_BASES", f"{shelf / 'mine'}:{shelf / 'also'}:{shelf / 'missing'}")
    assert store.folders() == wanted


def test_packs_are_read_and_nothing_is_written(shelf):
    cube = group.octahedral()
    representation = HarmonicRepresentation(cube, 2)
    (shelf / "mine").mkdir()
    assert store.find("decomposition", whole, cube, representation.packed_as) is None
    computed = coupling.decompose(representation)
    make(shelf / "mine")
    entry = store.find("decomposition", whole, cube, "harmonics 2")
    assert entry is not None
    assert torch.equal(entry.tensors["change"], computed[1])
    found = coupling.decompose(representation)
    assert found[0] == computed[0]
    assert torch.equal(found[1], computed[1])
    with store.disabled():
        assert store.find("decomposition", whole, cube, "harmonics 2") is None
    assert sorted(p.name for p in (shelf / "mine").iterdir()) == ["own.safetensors", "own.toml"]


def test_reading_takes_the_place_of_computing(shelf, monkeypatch):
    make(shelf / "mine")
    monkeypatch.setattr("steer.coupling._decompose._copies", lambda *_: pytest.fail("it was computed"))
    coupling.decompose(HarmonicRepresentation(group.octahedral(), 2))
    with pytest.raises(pytest.fail.Exception):  # the control: another degree is in no pack
        coupling.decompose(HarmonicRepresentation(group.octahedral(), 3))


def test_a_group_that_is_only_nearly_equal_is_another_one(shelf):
    make(shelf / "mine")
    angle = 2e-7
    turn = group.rotation([1, 0, 0], angle)
    cube = group.octahedral()
    nearly = group.from_generators([turn @ g @ turn.mT for g in cube.generators])
    assert nearly.order == 24
    assert store.group_name(group.octahedral()) == store.group_name(cube)
    assert store.find("decomposition", whole, nearly, "harmonics 2") is None
    assert store.find("decomposition", whole, cube, "harmonics 2") is not None
    change = coupling.decompose(HarmonicRepresentation(nearly, 1))[1]
    assert_close(change @ change.mT, torch.eye(3).double())


def solve_all():
    groups = (group.octahedral(), group.dihedral(3, d=3))
    found = [coupling.decompose(HarmonicRepresentation(g, degree)) for g in groups for degree in range(3)]
    return [([str(irrep) for irrep in irreps], change.tolist()) for irreps, change in found]


@pytest.mark.parametrize("fault", ["truncated", "flipped", "flipped label", "other gauge"])
def test_refused_packs_are_computed_instead(shelf, fault):
    path = make(shelf / "mine")
    data = bytearray(path.read_bytes())
    if fault == "truncated":
        path.write_bytes(data[:-20])
    elif fault == "other gauge":
        pack = store.Pack(path)
        store.write(path, {name: pack.read(name) for name in pack.entries}, {"gauge": 0})
    else:
        where = data.index(b"irreps") if fault == "flipped label" else -1
        data[where] ^= 1
        path.write_bytes(data)
    store.forget()
    with pytest.warns(PackWarning, match=r"a pack was refused, its contents are computed instead: .*own.safetensors"):
        found = solve_all()
    with store.disabled():
        assert found == solve_all()


def test_folders_that_cannot_be_written_to(shelf):
    path = make(shelf / "package")
    (shelf / "mine").mkdir()
    (shelf / "package").chmod(0o500)
    path.chmod(0o400)
    try:
        store.forget()
        assert store.find("decomposition", whole, group.octahedral(), "harmonics 1") is not None
    finally:
        (shelf / "package").chmod(0o700)


def test_the_first_pack_wins(shelf):
    make(shelf / "package", "first")
    make(shelf / "mine", "second")
    assert [pack.path.name for pack in store.packs()] == ["first.safetensors", "second.safetensors"]
    entry = store.find("decomposition", whole, group.octahedral(), "harmonics 1")
    assert entry is not None
    shutil.rmtree(shelf / "package")
    store.forget()
    assert [pack.path.name for pack in store.packs()] == ["second.safetensors"]


def test_hidden_files_are_no_packs(shelf):
    path = make(shelf / "mine")
    for name in (".own.safetensors", "._own.safetensors", "own.safetensors.tmp"):
        path.with_name(name).write_bytes(b"no pack")
    assert store.files(shelf / "mine") == [path]
    assert [pack.path for pack in store.packs()] == [path]


def test_a_folder_that_may_not_be_read_stops_nothing(shelf, monkeypatch):
    """As in a container that runs for another user than the home belongs to."""

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    (shelf / "mine").mkdir()
    monkeypatch.setattr("os.listdir", refuse)
    store.forget()
    with pytest.warns(store.PackWarning, match="a folder of packs that can be read is required: Permission denied"):
        assert store.packs() == ()


def test_a_way_that_may_not_be_read_is_no_folder(monkeypatch):
    import os

    real = os.stat

    def stat(path, *args, **kwargs):
        if "locked" in str(path):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setenv("STEER_BASES", "/locked/bases")
    monkeypatch.setattr(os, "stat", stat)
    assert all("locked" not in str(folder) for folder in store.folders())


def test_a_folder_of_the_variable_that_is_not_there_is_said_once(shelf, monkeypatch):
    """A spelling error would be noticed by nobody otherwise; the other places may be empty without a word."""
    make(shelf / "mine")
    monkeypatch.setenv("STEER_BASES", f"{shelf / 'mine'}:{shelf / 'main'}")
    store.forget()
    with pytest.warns(PackWarning, match=f"there is none at {shelf / 'main'}: make it, or take it out of STEER_BASES"):
        assert len(store.packs()) == 1
    assert len(store.packs()) == 1  # a second warning would be an error here


@pytest.mark.parametrize("home", ["here", "./here", ""])
def test_a_relative_home_is_ignored(shelf, monkeypatch, home):
    """So the specification of base directories wants it: the packs would be others in every folder."""
    monkeypatch.setenv("XDG_DATA_HOME", home)
    monkeypatch.setenv("HOME", str(shelf))
    assert store.user_folder() == shelf / ".local" / "share" / "steer" / "bases"
    monkeypatch.setenv("XDG_DATA_HOME", str(shelf / "there"))
    assert store.user_folder() == shelf / "there" / "steer" / "bases"
