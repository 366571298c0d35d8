"""Loaders: what was written comes back, and each way a file can be wrong is one clear error."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from steer.cli import main
from steer.cli._data import ARRAYS, load
from steer.cli._errors import UsageError
from steer.cli._idx import FILES

Arrays = dict[str, np.ndarray]


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">{array.ndim + 1}I", 2048 + array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, arrays: Arrays, ending: str = ".gz", dot: str = "-") -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    paths = {}
    for part, (stem, axes) in FILES.items():
        paths[part] = folder / f"{stem}{dot}idx{axes}-ubyte{ending}"
        data = idx_bytes(arrays[part])
        paths[part].write_bytes(gzip.compress(data) if ending else data)
    return paths


@pytest.mark.parametrize(("ending", "dot"), [(".gz", "-"), ("", "-"), ("", ".")])
def test_idx_files_come_back(tmp_path: Path, arrays: Arrays, ending: str, dot: str) -> None:
    write_idx(tmp_path / "mnist", arrays, ending, dot)
    digits = load(tmp_path / "mnist", 0)
    assert digits.name == "mnist"
    assert digits.upright
    assert digits.classes == 2
    for part in ARRAYS:
        expected = arrays[part] / 255 if part.startswith("x") else arrays[part].astype(np.int64)
        assert np.allclose(getattr(digits, part).numpy(), expected)


def test_npz_comes_back(tmp_path: Path, arrays: Arrays) -> None:
    np.savez(tmp_path / "some.npz", **arrays)
    np.savez_compressed(tmp_path / "turned.npz", **arrays, angle_train=np.zeros(20))
    digits, turned = load(tmp_path / "some.npz", 0), load(tmp_path / "turned.npz", 0)
    assert (digits.name, digits.upright, turned.upright) == ("some", True, False)
    for part in ARRAYS:
        assert torch.equal(getattr(digits, part), getattr(turned, part))
    assert float(digits.x_train.max()) == 1.0


def test_scikit_learn_digits_split_by_the_seed() -> None:
    first, again, other = load(None, 0), load(None, 0), load(None, 1)
    assert len(first.x_train) == 1297
    assert len(first.x_test) == 500
    assert torch.equal(first.x_train, again.x_train)
    assert not torch.equal(first.x_train, other.x_train)
    everything = torch.cat([first.x_train, first.x_test]).flatten(1)
    assert torch.equal(everything.sum(0), torch.cat([other.x_train, other.x_test]).flatten(1).sum(0))


def test_limits_draw_the_same_images_for_a_seed(arrays: Arrays, tmp_path: Path) -> None:
    np.savez(tmp_path / "some.npz", **arrays)
    digits = load(tmp_path / "some.npz", 0)
    few = digits.limited(7, 3, seed=5)
    assert (len(few.x_train), len(few.y_train), len(few.x_test), len(few.y_test)) == (7, 7, 3, 3)
    assert torch.equal(few.x_train, digits.limited(7, None, seed=5).x_train)
    assert len(digits.limited(1000, None, seed=5).x_train) == 20


def truncated_gzip(folder: Path, arrays: Arrays) -> Path:
    path = write_idx(folder, arrays)["x_train"]
    path.write_bytes(path.read_bytes()[:-20])
    return folder


def not_gzip(folder: Path, arrays: Arrays) -> Path:
    write_idx(folder, arrays)["y_test"].write_bytes(b"<html>not found</html>")
    return folder


def corrupt_gzip(folder: Path, arrays: Arrays) -> Path:
    path = write_idx(folder, arrays)["x_train"]
    data = bytearray(path.read_bytes())
    data[12:40] = bytes(28)
    path.write_bytes(bytes(data))
    return folder


def wrong_magic(folder: Path, arrays: Arrays) -> Path:
    paths = write_idx(folder, arrays, "")
    paths["x_train"].write_bytes(paths["y_train"].read_bytes())
    return folder


def truncated_data(folder: Path, arrays: Arrays) -> Path:
    path = write_idx(folder, arrays, "")["x_test"]
    path.write_bytes(path.read_bytes()[:-1])
    return folder


def empty_file(folder: Path, arrays: Arrays) -> Path:
    write_idx(folder, arrays, "")["x_test"].write_bytes(b"")
    return folder


def missing_file(folder: Path, arrays: Arrays) -> Path:
    write_idx(folder, arrays)["y_train"].unlink()
    return folder


def archive_in_folder(folder: Path, arrays: Arrays) -> Path:
    folder.mkdir()
    np.savez(folder / "mine.npz", **arrays)
    return folder


def missing_path(folder: Path, arrays: Arrays) -> Path:
    return folder / "nowhere"


def saved(folder: Path, arrays: Arrays) -> Path:
    folder.mkdir()
    np.savez(folder / "mine.npz", **arrays)
    return folder / "mine.npz"


def npz_without_arrays(folder: Path, arrays: Arrays) -> Path:
    return saved(folder, {"images": arrays["x_train"], "y_train": arrays["y_train"]})


def truncated_npz(folder: Path, arrays: Arrays) -> Path:
    path = saved(folder, arrays)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def npy_not_npz(folder: Path, arrays: Arrays) -> Path:
    folder.mkdir()
    np.save(folder / "mine.npy", arrays["x_train"])
    return folder / "mine.npy"


def objects_in_npz(folder: Path, arrays: Arrays) -> Path:
    return saved(folder, {**arrays, "y_train": np.array([{}] * 20)})


def text_not_npz(folder: Path, arrays: Arrays) -> Path:
    folder.mkdir()
    (folder / "mine.npz").write_text("not found")
    return folder / "mine.npz"


def strings_as_images(folder: Path, arrays: Arrays) -> Path:
    return saved(folder, {**arrays, "x_train": arrays["x_train"].astype(str)})


def strings_as_labels(folder: Path, arrays: Arrays) -> Path:
    return saved(folder, {**arrays, "y_test": arrays["y_test"].astype(str)})


def complex_images(folder: Path, arrays: Arrays) -> Path:
    return saved(folder, {**arrays, "x_test": arrays["x_test"] * 1j})


def infinite_images(folder: Path, arrays: Arrays) -> Path:
    images = arrays["x_train"].astype(float)
    images[0, 0, 0] = -np.inf
    return saved(folder, {**arrays, "x_train": images})


def one_training_image(folder: Path, arrays: Arrays) -> Path:
    return saved(folder, {**arrays, "x_train": arrays["x_train"][:1], "y_train": arrays["y_train"][:1]})


def colour_images(folder: Path, arrays: Arrays) -> Path:
    return saved(folder, {**arrays, "x_train": np.zeros((20, 9, 9, 3), np.uint8)})


def label_missing(folder: Path, arrays: Arrays) -> Path:
    return saved(folder, {**arrays, "y_test": arrays["y_test"][:-1]})


def fractional_labels(folder: Path, arrays: Arrays) -> Path:
    return saved(folder, {**arrays, "y_train": arrays["y_train"] / 2})


def sizes_differ(folder: Path, arrays: Arrays) -> Path:
    return saved(folder, {**arrays, "x_test": np.ones((10, 8, 8), np.uint8)})


def blank_images(folder: Path, arrays: Arrays) -> Path:
    return saved(folder, {**arrays, "x_train": np.zeros((20, 9, 9), np.uint8)})


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (missing_path, "folder with the idx files of MNIST, or an .npz file, is required; .*nowhere' does not exist"),
        (missing_file, "four idx files of MNIST .* missing: train-labels-idx1-ubyte.gz$"),
        (archive_in_folder, "missing: train-images.*it holds mine.npz: give the path of that file"),
        (truncated_gzip, "a complete file is required; .*train-images.*EOFError.*download it again"),
        (not_gzip, "a complete file is required; .*t10k-labels.*BadGzipFile.*download it again"),
        (corrupt_gzip, "a complete file is required; .*train-images.*error.*download it again"),
        (wrong_magic, "idx file of images, which starts with 2051, is required; .*train-images.* starts with 2049"),
        (truncated_data, r"810 bytes for an array of shape \(10, 9, 9\) are required; .*t10k-images.* has 809"),
        (empty_file, "a header of 16 bytes is required; .*t10k-images.* has 0 bytes"),
        (npz_without_arrays, "missing: x_train, x_test, y_test; it has: images, y_train"),
        (truncated_npz, "an .npz archive is required; .*mine.npz.*download it again"),
        (npy_not_npz, "an .npz archive is required; .*mine.npy"),
        (objects_in_npz, "arrays of numbers are required; y_train of .*mine.npz. holds Python objects"),
        (text_not_npz, "an .npz archive is required; .*mine.npz.*it is no zip archive"),
        (strings_as_images, "real numbers are required as grey values; x_train of .* has <U"),
        (strings_as_labels, "whole numbers from 0 to 99 are required as labels; y_test of .* has <U[0-9]+$"),
        (complex_images, "real numbers are required as grey values; x_test of .* has complex128"),
        (infinite_images, "finite grey values are required; x_train of .* has NaN or infinity"),
        (one_training_image, "at least 2 images to train on are required; x_train of .* has 1"),
        (colour_images, r"square grey images .* are required; x_train of .* is \(20, 9, 9, 3\)"),
        (label_missing, r"one label per image, 10, is required; y_test of .* is \(9,\)"),
        (fractional_labels, "whole numbers from 0 to 99 are required as labels; y_train of .* has float64"),
        (sizes_differ, r"images of one size are required; .* \(9, 9\) and \(8, 8\)"),
        (blank_images, "images with ink are required; .* is 0.0"),
    ],
)
def test_bad_data_is_one_clear_error(
    tmp_path: Path,
    arrays: Arrays,
    spoil: Callable[[Path, Arrays], Path],
    match: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = spoil(tmp_path / "data", arrays)
    with pytest.raises(UsageError, match=match) as caught:
        load(path, 0)
    assert "\n" not in str(caught.value)
    assert main(["demo", "--data", str(path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"steer: error: {caught.value}\n"
