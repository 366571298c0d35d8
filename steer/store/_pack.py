"""A pack: one safetensors file with a manifest of what every tensor is and must be."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from steer.store._file import replace

FORMAT = 2
"""The version of the layout of packs."""

GAUGE = 1
"""The version of the canonical gauge, and of all orders and normalisations: weights belong to one."""

SUFFIX = ".safetensors"
_MANIFEST = "steer.pack"
_NO_PACK = "if it was a pack, build it again with `steer bases build`; if not, leave it, and keep it out of folders of packs"
_WAY_OUT = "delete the file, and build it again with `steer bases build`"


class PackError(ValueError):
    """A pack that cannot be trusted: what is wrong with which file, and the way out."""

    def __init__(self, path: Path, problem: str, way_out: str = _WAY_OUT) -> None:
        super().__init__(f"{path}: {problem}; {way_out}")
        self.path, self.problem = path, problem


@dataclass(frozen=True)
class Entry:
    """One solution of a pack.

    Attributes:
        tensors: its arrays by name.
        info: what the manifest says of it: labels, the recipe's arguments, the residual of its laws.
    """

    tensors: dict[str, Tensor]
    info: dict[str, Any] = field(default_factory=dict)


def write(path: Path, entries: Mapping[str, Entry], header: Mapping[str, Any]) -> None:
    """Write a pack as a whole or not at all: a file of another name is renamed once it is complete.

    The bytes depend on the arguments alone, so that two writers at once leave the same file.

    Args:
        path: ends in ".safetensors"; its folder must exist.
        entries: solutions by name, names without "//".
        header: further values for the manifest, as JSON has them: gauge, recipe, versions of the generators.
    """
    tensors = {
        f"{name}//{part}": value.detach().to("cpu").contiguous()
        for name, entry in sorted(entries.items())
        for part, value in sorted(entry.tensors.items())
    }
    manifest = {
        **header,
        "format": FORMAT,
        "entries": {name: entry.info for name, entry in sorted(entries.items())},
        "sha256": {name: sha256(value) for name, value in tensors.items()},
    }
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    # One key for the manifest and its hash, for the order of several is not fixed in the file.
    replace(path, save(tensors, {_MANIFEST: f"{_sha256_of_text(text)} {text}"}))


def sha256(value: Tensor) -> str:
    """Of a tensor: its type, its shape, and its bytes as they lie in the file."""
    text = hashlib.sha256(f"{value.dtype} {list(value.shape)} ".encode())
    text.update(_bytes(value).numpy().data if value.numel() else b"")
    return text.hexdigest()


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors have one type, one shape, and the same bits: 0.0 and -0.0 have not, a NaN and its copy have."""
    return a.dtype == b.dtype and a.shape == b.shape and _bytes(a).equal(_bytes(b))


def _bytes(value: Tensor) -> Tensor:
    return value.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8)


def _sha256_of_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _manifest(path: Path, given: str) -> dict[str, Any]:
    """The manifest of a header, if it is the one that was written and of this format."""
    written, _, text = given.partition(" ")
    unhashed = given.startswith("{")  # format 1, and that alone
    if not unhashed and written != _sha256_of_text(text):
        raise PackError(path, "the bytes of its manifest are not those that were written")
    try:
        manifest: dict[str, Any] = json.loads(given if unhashed else text)
        found = 1 if unhashed else manifest["format"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise PackError(path, "a manifest of steer is required in its header; there is none", _NO_PACK) from None
    if found != FORMAT:
        way_out = "read it with the version of steer that wrote it, or build it again with `steer bases build`"
        raise PackError(path, f"format {FORMAT} is required; received format {found}", way_out)
    return manifest


class Pack:
    """A pack that was opened: its manifest is read, its tensors stay in the file until they are asked for.

    Nothing of the file is believed without a hash: that of the manifest is compared when the pack is opened, and those that
    the manifest has of the tensors when these are first read. Names and places of tensors need none of their own: the names
    are in the manifest, and bytes from another place are other bytes.

    Args:
        path: of the file.
        gauge: the version of the gauge that the reader computes in; None for any.
    Raises:
        PackError: if it is no pack, truncated, of another format or gauge, if its manifest is not the one that was written,
            or if it does not hold the tensors it declares.
    """

    def __init__(self, path: Path, gauge: int | None = None) -> None:
        self.path = path
        if not Path(path).is_file():
            problem = f"a pack is required; there is {'only a folder' if Path(path).is_dir() else 'no file'} of this name"
            raise PackError(path, problem, "`steer bases list` shows the packs that are found")
        try:
            self._file = safe_open(path, framework="pt")
            names, metadata = set(self._file.keys()), self._file.metadata() or {}
        except (SafetensorError, OSError) as error:
            problem = f"a complete safetensors file is required; reading it says: {error}"
            raise PackError(path, problem, _NO_PACK) from None
        if _MANIFEST not in metadata:
            raise PackError(path, "a manifest of steer is required in its header; there is none", _NO_PACK)
        manifest = _manifest(path, metadata[_MANIFEST])
        try:
            declared, self.entries = set(manifest["sha256"]), dict(manifest["entries"])
        except (KeyError, TypeError, ValueError):
            raise PackError(path, "a manifest with entries and hashes is required in its header", _NO_PACK) from None
        if gauge is not None and manifest.get("gauge") != gauge:
            problem = f"bases of gauge {gauge} are required; received those of gauge {manifest.get('gauge')}"
            raise PackError(path, problem, "build it again with `steer bases build`")
        if not all(isinstance(some, dict) for some in (manifest["sha256"], *self.entries.values())):
            raise PackError(path, "a manifest with a table for every entry is required", _NO_PACK)
        owned = {name for name in declared if name.rpartition("//")[0] in self.entries}
        for what, some in (("lacks", declared - names), ("has undeclared", names - declared), ("disowns", declared - owned)):
            if some:
                raise PackError(path, f"the tensors of its manifest are required; it {what} {', '.join(sorted(some)[:3])}")
        self.manifest: dict[str, Any] = manifest
        self._names: dict[str, list[str]] = {}
        for name in sorted(names):
            self._names.setdefault(name.rpartition("//")[0], []).append(name)
        self._checked: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        return Pack, (self.path,)

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def read(self, name: str) -> Entry:
        """One entry, in tensors and values of its own.

        Raises:
            PackError: if the bytes are not those that were written.
        """
        shared = self.view(name)
        return Entry({part: value.clone() for part, value in shared.tensors.items()}, copy.deepcopy(shared.info))

    def view(self, name: str) -> Entry:
        """The same without copies: the tensors may share the memory of the file, the values are the manifest's own.

        For readers that write to neither, such as `find`.
        """
        tensors = {}
        for full in self._names.get(name, []):
            tensor = self._tensor(full)
            if full not in self._checked and sha256(tensor) != self.manifest["sha256"][full]:
                raise PackError(self.path, f"the bytes of {full} are not those that were written")
            self._checked.add(full)
            tensors[full.rpartition("//")[2]] = tensor
        return Entry(tensors, self.entries[name])

    def verify(self) -> list[str]:
        """Names of the tensors whose type, shape or bytes are not those that were written."""
        names = sorted(self.manifest["sha256"])
        return [name for name in names if sha256(self._tensor(name)) != self.manifest["sha256"][name]]

    def _tensor(self, full: str) -> Tensor:
        try:
            tensor: Tensor = self._file.get_tensor(full)
        except (SafetensorError, OSError, TypeError, RuntimeError) as error:
            raise PackError(self.path, f"{full} cannot be read: {error}") from None
        return tensor
