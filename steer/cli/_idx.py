"""The idx format: a magic number, the shape as big-endian integers, the bytes. Source: the page of MNIST, LeCun et al."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from steer.cli._errors import UsageError

MAGIC = {3: 2051, 1: 2049}  # unsigned bytes, with this many axes
FILES = {
    "x_train": ("train-images", 3),
    "y_train": ("train-labels", 1),
    "x_test": ("t10k-images", 3),
    "y_test": ("t10k-labels", 1),
}


def find_idx(folder: Path) -> dict[str, Path]:
    """The four files of MNIST in a folder, compressed or not.

    Raises:
        UsageError: naming the files that are missing.
    """
    found = {}
    missing = []
    for part, (stem, axes) in FILES.items():
        names = [f"{stem}{dot}idx{axes}-ubyte{ending}" for dot in "-." for ending in ("", ".gz")]
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is None:
            missing.append(names[1])
        else:
            found[part] = path
    if missing:
        archives = sorted(path.name for path in folder.glob("*.npz"))
        hint = f"; it holds {', '.join(archives)}: give the path of that file" if archives else ""
        raise UsageError(
            f"--data: the four idx files of MNIST (.gz or not) are required in {str(folder)!r}; missing: "
            f"{', '.join(missing)}{hint}"
        )
    return found


def read_idx(path: Path) -> np.ndarray:
    """The array in an idx file of MNIST, uint8.

    Raises:
        UsageError: if the file is truncated or corrupt, or of another kind.
    """
    axes = 3 if "idx3" in path.name else 1
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            data = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(
            f"--data: a complete file is required; {str(path)!r} cannot be read ({type(error).__name__}: {error}); copy or "
            "download it again"
        ) from error
    start = 4 * (axes + 1)
    if len(data) < start:
        raise UsageError(
            f"--data: a header of {start} bytes is required; {str(path)!r} has {len(data)} bytes; copy or download it again"
        )
    magic, *shape = struct.unpack(f">{axes + 1}I", data[:start])
    if magic != MAGIC[axes]:
        what = "images" if axes == 3 else "labels"
        raise UsageError(
            f"--data: an idx file of {what}, which starts with {MAGIC[axes]}, is required; {str(path)!r} starts with {magic}; "  # noqa: E501
            "it is another file under this name"
        )
    if len(data) - start != math.prod(shape):
        raise UsageError(
            f"--data: {math.prod(shape)} bytes for an array of shape {tuple(shape)} are required; {str(path)!r} has "
            f"{len(data) - start}; copy or download it again"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
