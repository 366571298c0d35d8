"""Files appear whole, and what killed writers leave is swept away, while writers that live are not disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from steer.store import replace, sweep


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    target = tmp_path / "file"
    replace(target, b"first")

    def fail(*_args):
        raise OSError(28, "disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match=f"disk full: '{target}'"):
        replace(target, b"second")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"first"


WRITER = """
import os, sys
from pathlib import Path
from steer.store import replace
def stop(handle):
    print(handle, flush=True)
    sys.stdin.read(1)
os.fsync = stop
replace(Path(sys.argv[1]), b"of the other process")
"""


def test_what_a_killed_writer_left_is_swept_away_and_a_live_one_is_not(tmp_path):
    target = tmp_path / "file"
    command = [sys.executable, "-c", WRITER, str(target)]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    dead, alive = writers
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()  # its file is there, and not yet complete
    (tmp_path / ".other.abc.tmp").touch()
    assert len(list(tmp_path.iterdir())) == 3
    sweep(target)
    assert len(list(tmp_path.iterdir())) == 3
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    sweep(target)
    assert len(list(tmp_path.iterdir())) == 2
    alive.communicate("x")
    assert alive.returncode == 0
    for stream in (dead.stdin, dead.stdout):
        assert stream is not None
        stream.close()
    assert target.read_bytes() == b"of the other process"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.abc.tmp", "file"]  # another file's is left alone


def test_writers_and_sweepers_at_once(tmp_path):
    """Between the making of a file and its lock, a sweeper may take it: the writer makes another one."""
    target, done = tmp_path / "file", threading.Event()

    def keep_sweeping() -> None:
        while not done.is_set():
            sweep(target)

    sweepers = [threading.Thread(target=keep_sweeping) for _ in range(2)]
    for thread in sweepers:
        thread.start()
    try:
        for i in range(300):
            replace(target, str(i).encode())
            assert target.read_bytes() == str(i).encode()
    finally:
        done.set()
        for thread in sweepers:
            thread.join()
    assert os.listdir(tmp_path) == ["file"]
