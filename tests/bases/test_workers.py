"""Jobs on several processes: each once, none that waits for a start, and nobody left behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from joblib.externals.loky import get_reusable_executor

from steer.bases import _workers
from steer.bases._workers import solved


def nap(_number: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def invert(number: int) -> float:
    time.sleep(0.05)
    return 1 / number


@pytest.mark.parametrize(("workers", "patience", "count"), [(1, 0.0, 20), (2, 0.0, 200), (3, 0.0, 300), (2, 60.0, 20)])
def test_every_job_is_done_once(monkeypatch, workers, patience, count):
    monkeypatch.setattr(_workers, "_PATIENCE", patience)
    found = list(solved(nap, list(range(count)), workers))
    assert sorted(job for job, _ in found) == list(range(count))
    assert os.getpid() in {process for _, process in found}
    assert len({process for _, process in found}) == (1 if patience else workers)


def test_errors_of_workers_arrive(monkeypatch):
    monkeypatch.setattr(_workers, "_PATIENCE", 0.0)
    with pytest.raises(ZeroDivisionError):  # the last one is the first that is sent away
        list(solved(invert, list(range(200, -1, -1)), 2))
    assert dict(solved(invert, [1, 2], 2)) == {1: 1.0, 2: 0.5}


@pytest.mark.parametrize("where", ["pool", "first", "second"])
def test_without_workers_this_process_goes_on(monkeypatch, where):
    """The pool, its first process or its second one cannot be made: what was started ends, and a later build has workers."""
    from joblib.externals.loky.backend.process import LokyProcess

    monkeypatch.setattr(_workers, "_PATIENCE", 0.0)
    start, started = LokyProcess.start, []

    def refuse(process: LokyProcess) -> None:
        if len(started) == (where == "second"):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        started.append(process)
        start(process)

    def no_pool(size: int) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    get_reusable_executor().shutdown(wait=True, kill_workers=True)
    with monkeypatch.context() as broken:
        if where == "pool":
            broken.setattr(_workers, "_pool", no_pool)
        else:
            broken.setattr(LokyProcess, "start", refuse)
        with pytest.warns(RuntimeWarning, match="no workers can be started .*: one process does all") as warned:
            found = list(solved(nap, list(range(5)), 3))
    assert len(warned) == 1
    assert sorted(job for job, _ in found) == list(range(5))
    assert {process for _, process in found} == {os.getpid()}
    for process in started:
        process.join(20)
        assert process.exitcode is not None
    assert len({process for _, process in solved(nap, list(range(200)), 2)}) == 2


def end(job: tuple[int, int]) -> int:
    if os.getpid() != job[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return job[1]


def test_a_killed_worker_is_named(monkeypatch):
    monkeypatch.setattr(_workers, "_PATIENCE", 0.0)
    with pytest.raises(ChildProcessError, match="a worker was killed, .* memory ran out: fewer workers"):
        list(solved(end, [(os.getpid(), number) for number in range(400)], 2))
    assert dict(solved(invert, [1, 2], 2)) == {1: 1.0, 2: 0.5}


BUILDER = """
import os, sys, time
from steer.bases import _workers
_workers._PATIENCE = 0.0
for _, process in _workers.solved(nap, list(range(100000)), 3):
    print(process, flush=True)
"""


def lives(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_workers_end_with_a_killed_builder():
    """Killed alone, without its group: nobody tells the workers."""
    script = f"from tests.bases.test_workers import nap{BUILDER}"
    builder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert builder.stdout is not None
    seen: set[int] = set()
    while len(seen) < 3:
        seen.add(int(builder.stdout.readline()))
    assert all(lives(process) for process in seen)
    builder.send_signal(signal.SIGKILL)
    builder.wait()
    builder.stdout.close()
    end = time.monotonic() + 20
    while any(lives(process) for process in seen) and time.monotonic() < end:
        time.sleep(0.1)
    assert not [process for process in seen if lives(process)]
