"""Packs: what is written is read, bit by bit, or refused with the reason and the way out."""

from __future__ import annotations

import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from steer.store import FORMAT, Entry, Pack, PackError, write
from tests.cases import seeded

ENTRIES = {
    "solved/a": Entry({"x": torch.randn(3, 4, generator=seeded(0), dtype=torch.float64)}, {"labels": ["0", "1o"]}),
    "solved/b": Entry({"x": torch.arange(5), "empty": torch.zeros(0, 2).double()}, {"residual": 1e-16}),
}


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "small.safetensors", ENTRIES, {"gauge": 7, "about": "two entries"})
    return tmp_path / "small.safetensors"


def test_what_was_written_is_read(path):
    pack = Pack(path, gauge=7)
    assert list(pack.entries) == sorted(ENTRIES)
    assert pack.manifest["about"] == "two entries"
    for name, entry in ENTRIES.items():
        found = pack.read(name)
        assert found.info == entry.info
        assert set(found.tensors) == set(entry.tensors)
        assert all(torch.equal(found.tensors[key], value) for key, value in entry.tensors.items())
        assert all(found.tensors[key].dtype == value.dtype for key, value in entry.tensors.items())
    assert "solved/c" not in pack
    assert pack.verify() == []
    assert torch.equal(pickle.loads(pickle.dumps(pack)).read("solved/b").tensors["x"], torch.arange(5))


def test_the_bytes_depend_on_the_contents_alone(path, tmp_path):
    write(tmp_path / "other.safetensors", dict(reversed(ENTRIES.items())), {"about": "two entries", "gauge": 7})
    assert path.read_bytes() == (tmp_path / "other.safetensors").read_bytes()


@pytest.mark.parametrize("where", [-1, -30, -60])
def test_one_flipped_bit_is_named(path, where):
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)
    pack = Pack(path)
    (wrong,) = pack.verify()
    with pytest.raises(PackError, match=rf"the bytes of {wrong} are not those that were written; delete the file"):
        pack.read(wrong.partition("//")[0])


def everything(path):
    """Read all that a pack has."""
    pack = Pack(path, gauge=7)
    for name in pack.entries:
        pack.read(name)


def test_every_flipped_bit_is_refused(tmp_path):
    """Of the length of the header, of the header with the manifest, and of the tensors: no file is read as another one."""
    entries = {
        "a": Entry(
            {"x": torch.tensor([[1.5, -2.0]]).double(), "n": torch.zeros(0, 2)}, {"labels": ["0", "1o"], "shape": [4]}
        ),
        "b": Entry({"x": torch.arange(3)}, {"residual": 1e-16}),
    }
    path = tmp_path / "tiny.safetensors"
    write(path, entries, {"gauge": 7})
    data = path.read_bytes()
    everything(path)
    for place in range(8 * len(data)):  # there is no bit that does not matter
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(PackError, match=r"tiny\.safetensors"):
            everything(path)


def test_tensors_of_another_type_or_shape_are_refused(path):
    """Equal bytes are not enough: the header of safetensors says how they are read."""
    data = path.read_bytes()
    for old, new in ((b'"shape":[3,4]', b'"shape":[4,3]'), (b'"shape":[0,2]', b'"shape":[0,3]'), (b'"I64"', b'"F64"')):
        assert data.count(old) == 1
        path.write_bytes(data.replace(old, new))
        (wrong,) = Pack(path).verify()
        with pytest.raises(PackError, match=f"the bytes of {wrong} are not those"):
            Pack(path).read(wrong.partition("//")[0])


def test_tensors_that_changed_places_are_refused(tmp_path):
    path = tmp_path / "two.safetensors"
    write(path, {"a": Entry({"x": torch.ones(1)}), "b": Entry({"x": torch.zeros(1)})}, {"gauge": 7})
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"a//x"', b'"?//x"').replace(b'"b//x"', b'"a//x"').replace(b'"?//x"', b'"b//x"'))
    assert Pack(path).verify() == ["a//x", "b//x"]


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_truncated_files_are_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(PackError, match=r"small.safetensors: a complete safetensors file is required.*steer bases build"):
        Pack(path)


def test_other_safetensors_are_refused(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "net.safetensors")
    with pytest.raises(PackError, match="a manifest of steer is required in its header; there is none"):
        Pack(tmp_path / "net.safetensors")


def test_another_gauge_and_another_format_are_refused(path, monkeypatch):
    with pytest.raises(PackError, match=r"bases of gauge 8 are required; received those of gauge 7; build it again"):
        Pack(path, gauge=8)
    monkeypatch.setattr("steer.store._pack.FORMAT", 3)
    with pytest.raises(PackError, match=r"format 3 is required; received format 2; read it with the version of steer"):
        Pack(path)


def test_packs_without_a_hash_of_the_manifest_are_refused(tmp_path):
    """Format 1: its manifest says so, and anything else that it says cannot be believed."""
    for said in (1, FORMAT):
        manifest = {"format": said, "gauge": 7, "entries": {"a": {}}, "sha256": {"a//x": "0" * 64}}
        save_file({"a//x": torch.zeros(2)}, tmp_path / "old.safetensors", {"steer.pack": json.dumps(manifest)})
        with pytest.raises(PackError, match=rf"format {FORMAT} is required; received format 1; .* build it again with"):
            Pack(tmp_path / "old.safetensors")


@pytest.mark.parametrize("change", ["lacks", "has undeclared"])
def test_missing_and_extra_tensors_are_refused(path, change):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    if change == "lacks":
        del tensors["solved/b//x"]
    else:
        tensors["solved/b//z"] = torch.zeros(1)
    save_file(tensors, path, metadata)
    with pytest.raises(PackError, match=rf"the tensors of its manifest are required; it {change} solved/b//[xz]"):
        Pack(path)


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(PackError, match=r"no file of this name; `steer bases list` shows the packs") as error:
        Pack(tmp_path / "none.safetensors")
    assert "delete" not in str(error.value)
    with pytest.raises(PackError, match="a pack is required; there is only a folder of this name"):
        Pack(tmp_path)
