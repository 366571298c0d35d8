"""What every command shares, and `steer info`."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from steer.cli import _info, main
from steer.representation import GAUGE
from steer.version import __version__


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"steer {__version__}\n"


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("demo", "check", "info"))


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["info", "--nonsense"], ["check"]])
def test_wrong_usage_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "error: " in said
    assert "--help" in said


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    found = {name: value.strip() for name, value in lines.items()}
    assert found["steer"] == __version__
    assert found["gauge of the bases"] == str(GAUGE)
    assert found["torch"].startswith(torch.__version__.partition("+")[0])
    assert str(torch.get_num_threads()) in found["threads"]
    assert found["devices"].startswith("cpu")
    assert "optional: matplotlib" in found


def test_info_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_info, "OPTIONAL", ("no-such-package-anywhere",))
    assert _info.facts()["optional: no-such-package-anywhere"] == "not installed"


def test_interruption_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> dict[str, str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(_info, "facts", interrupted)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "steer: interrupted\n"


def test_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "steer", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"steer {__version__}\n"
