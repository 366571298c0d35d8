"""What every command shares, and `steer info`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import steer_command
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


COMMAND = [sys.executable, "-c", "import steer_command; raise SystemExit(steer_command.main())"]
ROOT = Path(__file__).parents[2]
BUFFERED = {**os.environ, "PYTHONUNBUFFERED": ""}  # argparse says nothing of what fails at once


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is required")
@pytest.mark.parametrize("arguments", [["--help"], ["bases", "list"]])
def test_a_full_disk_is_one_line(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=ROOT, env=BUFFERED, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (2, "steer: error: standard output: No space left on device\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_nobody_reads(unbuffered: str) -> None:
    """As in `steer bases list | head -1`: no error is printed, and the exit code is that of a pipe that was cut off."""
    reader, writer = os.pipe()
    os.close(reader)
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with os.fdopen(writer, "w") as cut:
        done = subprocess.run(
            [*COMMAND, "bases", "list"], cwd=ROOT, env=env, stdout=cut, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_another_broken_pipe_is_an_error(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def broken() -> dict[str, str]:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(_info, "facts", broken)
    assert main(["info"]) == 2
    assert capfd.readouterr().err == "steer: error: a pipe to another process: Broken pipe\n"


SLOW = """
import pathlib, time
pathlib.Path("started").touch()
try:
    time.sleep(60)
except BaseException:  # some packages do this while they are imported
    raise ImportError("something went wrong") from None
"""


@pytest.mark.parametrize("ignored", [False, True])
def test_interruption_while_torch_is_imported(tmp_path: Path, ignored: bool) -> None:
    """In place of steer, a package whose import takes long; in the background of a shell Ctrl-C is ignored."""
    (tmp_path / "steer").mkdir()
    (tmp_path / "steer" / "__init__.py").write_text(SLOW.replace("60", "1") if ignored else SLOW)
    (tmp_path / "steer" / "cli.py").write_text("main = lambda: 7\n")
    (tmp_path / "steer_command.py").write_bytes((ROOT / "steer_command.py").read_bytes())
    prepare = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); " if ignored else ""
    process = subprocess.Popen(
        [sys.executable, "-c", prepare + COMMAND[-1]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "started").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == ((7, "") if ignored else (130, "steer: interrupted\n"))


def test_the_command_is_the_same_as_the_module(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "argv", ["steer", "--version"])
    assert steer_command.main() == 0
    assert capsys.readouterr().out == f"steer {__version__}\n"
    assert signal.getsignal(signal.SIGINT) is before
