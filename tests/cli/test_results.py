"""Files of results are whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from steer.cli._results import Results, Trained, write_whole


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = write_whole(tmp_path / "a.txt", lambda path: path.write_text("old", encoding="utf-8") and None)

    def fails(path: Path) -> None:
        path.write_text("ne", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(target, fails)
    assert target.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_partial_results_print(tmp_path: Path) -> None:
    results = Results({"seed": 0}, {"plain": Trained(10, 1.5, 90.0, {0: 90.0, 180: 30.0}), "steerable": Trained(5, 2.0)})
    assert results.networks["plain"].loss == 60.0
    assert [path.name for path in results.write(tmp_path)] == ["accuracy.csv", "results.json", "report.md"]
    assert (tmp_path / "accuracy.csv").read_text(encoding="utf-8") == "angle,plain,steerable\n0,90.000,\n180,30.000,\n"
    rows = results.summary()
    assert rows[1][:6] == ("plain", "10", "1.5 s", "10.00 %", "90.0 %", "30.0 % (180°)")
    assert rows[2][3:] == ("-",) * 5


def test_nothing_finished_writes_nothing(tmp_path: Path) -> None:
    assert Results({}).write(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
