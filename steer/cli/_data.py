"""Handwritten digits for the demo: scikit-learn's, the idx files of MNIST, or an npz file."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steer.cli._errors import UsageError
from steer.cli._idx import find_idx, read_idx

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
TEST_DIGITS = 500


@dataclass(frozen=True)
class Digits:
    """Images with their labels, in a training and a test part.

    Attributes:
        name: for headings.
        x_train, x_test: `[image, row, column]`, float32 from 0 (paper) to 1 (ink).
        y_train, y_test: `[image]`, int64 from 0.
        upright: whether the images stand as they were written; False for data that come rotated.
    """

    name: str
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    upright: bool = True

    @property
    def classes(self) -> int:
        return int(max(self.y_train.max(), self.y_test.max())) + 1

    def limited(self, train: int | None, test: int | None, seed: int) -> Digits:
        """At most so many images of each part, drawn with this seed."""
        kept_train = _draw(len(self.x_train), train, seed)
        kept_test = _draw(len(self.x_test), test, seed + 1)
        return Digits(
            self.name,
            self.x_train[kept_train],
            self.y_train[kept_train],
            self.x_test[kept_test],
            self.y_test[kept_test],
            self.upright,
        )


def _draw(n: int, limit: int | None, seed: int) -> Tensor:
    if limit is None or limit >= n:
        return torch.arange(n)
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:limit].sort().values


def load(path: Path | None, seed: int) -> Digits:
    """The digits at a path; scikit-learn's for None, split into training and test images by the seed.

    Args:
        path: a folder with the four idx files of MNIST (or the same, compressed with gzip), or an npz file with the arrays
            `x_train, y_train, x_test, y_test`.
        seed: of the split of scikit-learn's digits; files bring their own.
    Raises:
        UsageError: if the path does not exist, or a file is not what it should be.
    """
    if path is None:
        return _scikit_learn(seed)
    if not path.exists():
        raise UsageError(
            f"--data: a folder with the idx files of MNIST, or an .npz file, is required; {str(path)!r} does not exist; "
            "without --data the demo uses the digits of scikit-learn"
        )
    if path.is_dir():
        parts = {name: read_idx(file) for name, file in find_idx(path).items()}
        return _digits(path.name, parts, str(path), upright=True)
    return _npz(path)


def _scikit_learn(seed: int) -> Digits:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise UsageError(
            "demo: the digits of scikit-learn are required, which is not installed; `pip install 'steer[demo]'`, or give "
            "--data a folder with the files of MNIST"
        ) from error
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)).numpy()
    test, train = order[:TEST_DIGITS], order[TEST_DIGITS:]
    images = images.reshape(-1, 8, 8)
    parts = {"x_train": images[train], "y_train": labels[train], "x_test": images[test], "y_test": labels[test]}
    return _digits("scikit-learn digits", parts, "scikit-learn's digits", upright=True)


def _npz(path: Path) -> Digits:
    try:
        # Opened here: numpy leaves the file open where the archive is broken.
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):  # numpy takes such files for pickles, and advises to allow them
                raise ValueError("it is no zip archive")
            file.seek(0)
            archive = np.load(file, allow_pickle=False)
            missing = [name for name in ARRAYS if name not in archive.files]
            if missing:
                raise UsageError(
                    f"--data: the arrays {', '.join(ARRAYS)} are required in {str(path)!r}; missing: {', '.join(missing)}; it "  # noqa: E501
                    f"has: {', '.join(archive.files) or 'nothing'}"
                )
            parts = {name: _array(archive, name, path) for name in ARRAYS}
            turned = "angle_train" in archive.files
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(
            f"--data: an .npz archive is required; {str(path)!r} cannot be read as one ({type(error).__name__}: {error}); it "  # noqa: E501
            "may be incomplete: copy or download it again"
        ) from error
    return _digits(path.stem, parts, str(path), upright=not turned)


def _array(archive: Any, name: str, path: Path) -> np.ndarray:
    try:
        return np.asarray(archive[name])
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        # What numpy advises here would let the file run any program.
        raise UsageError(
            f"--data: arrays of numbers are required; {name} of {str(path)!r} holds Python objects, as of images "
            "of several sizes; save it again as one array of numbers"
        ) from error


def _digits(name: str, parts: dict[str, np.ndarray], source: str, upright: bool) -> Digits:
    """Check shapes and labels, and scale grey values to 0 ... 1."""
    for part in ("train", "test"):
        x, y = parts[f"x_{part}"], parts[f"y_{part}"]
        if x.dtype.kind not in "buif":
            raise UsageError(f"--data: real numbers are required as grey values; x_{part} of {source!r} has {x.dtype}")
        if x.ndim != 3 or x.shape[1] != x.shape[2] or len(x) == 0:
            raise UsageError(
                f"--data: square grey images [image, row, column] are required; x_{part} of {source!r} is {x.shape}"
            )
        if not np.isfinite(x).all():
            raise UsageError(f"--data: finite grey values are required; x_{part} of {source!r} has NaN or infinity")
        if y.ndim != 1 or len(y) != len(x):
            raise UsageError(f"--data: one label per image, {len(x)}, is required; y_{part} of {source!r} is {y.shape}")
        if not np.issubdtype(y.dtype, np.integer) or y.min() < 0 or y.max() > 99:
            spread = f" from {y.min()} to {y.max()}" if y.dtype.kind in "buif" else ""
            raise UsageError(
                f"--data: whole numbers from 0 to 99 are required as labels; y_{part} of {source!r} has {y.dtype}{spread}"
            )
    if len(parts["x_train"]) == 1:
        raise UsageError(f"--data: at least 2 images to train on are required; x_train of {source!r} has 1")
    if parts["x_train"].shape[1:] != parts["x_test"].shape[1:]:
        raise UsageError(
            f"--data: images of one size are required; those of {source!r} are {parts['x_train'].shape[1:]} and "
            f"{parts['x_test'].shape[1:]}"
        )
    top = float(parts["x_train"].max())
    if not top > 0:
        raise UsageError(f"--data: images with ink are required; the largest value in x_train of {source!r} is {top}")
    scaled = {key: torch.as_tensor(parts[key].astype(np.float32) / top) for key in ("x_train", "x_test")}
    labels = {key: torch.as_tensor(parts[key].astype(np.int64)) for key in ("y_train", "y_test")}
    return Digits(name=name, upright=upright, **scaled, **labels)
