"""The file that `escnn_export.py` writes, read and checked."""

from __future__ import annotations

import json
import math
import os
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steer.group import FiniteGroup, from_generators

FORMAT, VERSION = "steer-dense", 1


@dataclass(frozen=True, eq=False)
class Space:
    """A group of the peer, on its grid.

    Attributes:
        name: how the peer prints it.
        order: number of elements; `math.inf` for a continuous group.
        dimension: of the grid.
        elements: some elements, generators of a finite group, on positions (x, y, z) as steer has them, `[n, d, d]`.
    """

    name: str
    order: float
    dimension: int
    elements: Tensor

    def group(self) -> FiniteGroup:
        """The group that the elements generate, with the peer's orientation in space.

        Raises:
            ValueError: if it is continuous.
        """
        if math.isinf(self.order):
            raise ValueError(f"group: a finite group is required; {self.name} is continuous; take it from steer.group")
        return from_generators(list(self.elements), max_order=int(self.order))


@dataclass(frozen=True, eq=False)
class Field:
    """A representation of the peer: its values on the elements of its space, `[n, size, size]`."""

    name: str
    space: Space
    size: int
    values: Tensor


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of the peer.

    Attributes:
        name: where it was in the peer's network.
        type: its class there.
        kind: "convolution", "transposed", "linear", "batch_norm", "norm", "gate", "pointwise", "fourier", "stock",
            "other".
        fields_in, fields_out: its fields.
        settings: what else the header says.
        arrays: its numbers.
    """

    name: str
    type: str
    kind: str
    fields_in: tuple[Field, ...]
    fields_out: tuple[Field, ...]
    settings: dict[str, Any]
    arrays: dict[str, Tensor]

    @property
    def arguments(self) -> dict[str, Any]:
        return self.settings.get("arguments", {})

    @property
    def rings(self) -> dict[str, list[Any]]:
        """The arguments `rings`, `widths` and `band_limit` of a convolution that spans the peer's kernel."""
        columns = list(zip(*self.settings.get("rings", []), strict=True))
        return dict(zip(("rings", "widths", "band_limit"), map(list, columns), strict=True)) if columns else {}

    def __str__(self) -> str:
        text = f"{self.name}: {self.type}"
        if self.fields_in:
            text += f", {_listed(self.fields_in)} -> {_listed(self.fields_out)}"
        shown = [f"{key}={value}" for key, value in [*self.arguments.items(), *self.rings.items()] if key != "batches"]
        return ", ".join([text, *shown])


@dataclass(frozen=True, eq=False)
class DenseNetwork:
    """A network of escnn or e2cnn as dense kernels and tables of matrices; prints as a list of its layers.

    Attributes:
        library: which library wrote it, with its version.
        spaces, layers: what is in it, layers in the order of the modules.
    """

    library: str
    spaces: tuple[Space, ...]
    layers: tuple[Layer, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.library}, {', '.join(space.name for space in self.spaces)}", *map(str, self.layers)])


def read_dense(path: str | os.PathLike[str]) -> DenseNetwork:
    """Read a file of `escnn_export.py`, without pickle.

    Args:
        path: the file.
    Returns:
        The layers with their fields and arrays; `print` shows what to build in steer.
    Raises:
        ValueError: if it is no such file, or not whole.
        OSError: if it cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            if not zipfile.is_zipfile(file):  # numpy takes such files for pickles, and advises to allow them
                raise ValueError("it is no npz file")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        header = json.loads(str(arrays.pop("header")[()]))
        if header["format"] != FORMAT or header["version"] > VERSION:
            raise ValueError(f"format {header['format']} {header['version']}; update steer to read a newer one")
        return _network(header, {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as cause:
        raise ValueError(
            f"read_dense: a whole file of steer/interop/escnn_export.py is required; received {os.fspath(path)} "
            f"({type(cause).__name__}: {cause}); export the network again"
        ) from cause


def _network(header: dict[str, Any], arrays: dict[str, Tensor]) -> DenseNetwork:
    spaces = tuple(
        Space(s["name"], s["order"] if s["order"] > 0 else math.inf, s["dimension"], arrays[s["elements"]])
        for s in header["spaces"]
    )
    fields = [Field(r["name"], spaces[r["space"]], r["size"], arrays[r["values"]]) for r in header["representations"]]
    layers = []
    for record in header["layers"]:
        names = record["arrays"]
        layers.append(
            Layer(
                record["name"],
                record["type"],
                record["kind"],
                tuple(fields[i] for i in record["fields_in"]),
                tuple(fields[i] for i in record["fields_out"]),
                record,
                {key: arrays[name] for key, name in names.items()},
            )
        )
    return DenseNetwork(header["library"], spaces, tuple(layers))


def _listed(fields: tuple[Field, ...]) -> str:
    runs: list[tuple[str, int]] = []
    for field in fields:
        if runs and runs[-1][0] == field.name:
            runs[-1] = (field.name, runs[-1][1] + 1)
        else:
            runs.append((field.name, 1))
    return " + ".join(f"{count}x{name}" for name, count in runs)
