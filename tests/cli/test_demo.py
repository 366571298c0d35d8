"""The demo from end to end, made small."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from steer.cli import _demo, _train, main

FILES = ["accuracy.csv", "demo.png", "report.md", "results.json"]


def test_a_run_leaves_everything(tiny: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*tiny, "--out", "here/results"]) == 0
    folder = Path("here/results")
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "demo.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((folder / "accuracy.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["angle"] for row in rows] == ["0", "90", "180", "270"]
    assert len({row["steerable"] for row in rows}) == 1  # exact quarter turns
    assert all(0 <= float(row["plain"]) <= 100 for row in rows)
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert list(found["networks"]) == ["plain", "steerable"]
    assert not found["interrupted"]
    assert found["networks"]["plain"]["parameters"] > found["networks"]["steerable"]["parameters"]
    exact = [m["error"] for m in found["equivariance"]["steerable"] if m["exact"]]
    assert exact
    assert max(exact) < 1e-12
    report = (folder / "report.md").read_text(encoding="utf-8")
    out = capsys.readouterr().out
    for text in (report, out):
        assert "conv1" in text
        assert "a 6 from a 9" in text
    assert "| 270° |" in report


def test_the_same_seed_gives_the_same_numbers(tiny: list[str]) -> None:
    state = torch.get_rng_state()
    for out, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert main([*tiny, "--out", out, "--seed", str(seed)]) == 0
    numbers = [json.loads(Path(out, "results.json").read_text(encoding="utf-8")) for out in "abc"]
    for found in numbers:
        for network in found["networks"].values():
            assert network.pop("training_seconds") > 0
    assert numbers[0] == numbers[1]
    assert numbers[0]["equivariance"] != numbers[2]["equivariance"]
    assert torch.equal(torch.get_rng_state(), state)


def test_an_npz_that_is_rotated_already(
    tiny: list[str], arrays: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("mine.npz", **arrays, angle_train=np.zeros(20))
    assert main([*tiny, "--data", "mine.npz"]) == 0
    assert "mine: 20 training images, rotated as they come; 10 test images" in capsys.readouterr().out
    found = json.loads(Path("demo-out/results.json").read_text(encoding="utf-8"))
    assert all(0 <= network["test_accuracy"] <= 100 for network in found["networks"].values())


@pytest.mark.parametrize(("call", "networks", "angles"), [(1, [], 0), (6, ["plain"], 3), (8, ["plain", "steerable"], 0)])
def test_an_interrupted_run_leaves_what_was_finished(
    tiny: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    call: int,
    networks: list[str],
    angles: int,
) -> None:
    """Ctrl-C comes at one of: train plain, test it, turn by 0, 90, 180, 270 degrees, train steerable, test it ..."""
    count = 0
    correct = _train.correct
    train = _train.train

    def stop() -> None:
        nonlocal count
        count += 1
        if count == call:
            raise KeyboardInterrupt

    def interrupted_train(*arguments: object) -> float:
        stop()
        return train(*arguments)  # type: ignore[arg-type]

    def interrupted_correct(*arguments: object) -> torch.Tensor:
        stop()
        return correct(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(_train, "train", interrupted_train)
    monkeypatch.setattr(_train, "correct", interrupted_correct)
    assert main([*tiny, "--out", "cut"]) == 130
    said = capsys.readouterr().err
    if not networks:
        assert said == "steer: interrupted; nothing was finished\n"
        assert list(Path("cut").iterdir()) == []
        return
    assert said == "steer: interrupted; finished parts are in cut: accuracy.csv, results.json, report.md\n"
    assert sorted(path.name for path in Path("cut").iterdir()) == ["accuracy.csv", "report.md", "results.json"]
    found = json.loads(Path("cut/results.json").read_text(encoding="utf-8"))
    assert found["interrupted"]
    assert list(found["networks"]) == networks
    assert len(found["networks"][networks[-1]]["accuracy_by_angle"]) == angles
    assert "interrupted" in Path("cut/report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--epochs", "0"], "--epochs, a whole number >= 1, is required; received 0"),
        (["--limit", "1"], "--limit, a whole number >= 2, is required; received 1"),
        (["--step", "7"], "--step, a divisor of 360, is required; received 7"),
        (["--seed", "-1"], "--seed, a whole number from 0 .* is required; received -1"),
        (["--device", "nonsense"], "--device, one that torch can use here, is required; received 'nonsense'"),
        (["--device", "meta"], "--device, one that torch can use here, is required; received 'meta'"),
        (["--out", "file/below"], "--out, a folder that can be written, is required; 'file/below'"),
        (["--step", "x"], "argument --step: invalid int value: 'x'"),
    ],
)
def test_bad_arguments(tiny: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], match: str) -> None:
    Path("file").write_text("", encoding="utf-8")
    assert main([*tiny, *arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.search(match, said)


def test_without_matplotlib(tiny: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    assert main(tiny) == 2
    assert (
        "matplotlib is required for the picture, which is not installed; `pip install 'steer[demo]'`"
        in capsys.readouterr().err
    )


def test_without_scikit_learn(tiny: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    assert main(tiny) == 2
    assert "the digits of scikit-learn are required, which is not installed" in capsys.readouterr().err


def test_batches_count() -> None:
    assert _demo._batches(_train.BATCH) == 1
    assert _demo._batches(_train.BATCH + 1) == 2


def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path, monkeypatch, capsys) -> None:
    def refuse(**where):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert main(["demo", "--out", str(tmp_path)]) != 0
    assert "demo: --out, a folder that can be written, is required" in capsys.readouterr().err
