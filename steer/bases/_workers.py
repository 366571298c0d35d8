"""Jobs on several processes of this machine, or on a cluster."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from queue import Empty, SimpleQueue
from typing import TypeVar

J = TypeVar("J")
R = TypeVar("R")

_PATIENCE = 1.0  # seconds of work in this process before others are started, which takes a few seconds
_WATCH = 0.5  # seconds between two looks of a worker at whether its builder lives
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def solved(
    function: Callable[[J], R], jobs: list[J], workers: int, executor: str | None = None
) -> Generator[tuple[J, R], None, None]:
    """`job, function(job)` for every job, as they are finished.

    Args:
        function: of a module, of values that can be sent to another process.
        jobs: hashable, each once.
        workers: processes on this machine, this one included: it works too, so that a few small jobs never wait for the
            start of another process.
        executor: "dask://HOST:PORT" for a Dask cluster in place of them.
    Raises:
        ValueError: if the executor is unknown.
        ChildProcessError: if another process is killed while it works.
    Warns:
        RuntimeWarning: if no other process can be started: all is done in this one.
    """
    if executor is not None:
        with _dask(executor) as cluster:
            yield from _collected({cluster.submit(function, job): job for job in jobs})
        return
    start, left = time.monotonic(), deque(jobs)
    while left and (workers == 1 or time.monotonic() - start < _PATIENCE):
        job = left.popleft()
        yield job, function(job)
    if left:
        yield from _shared(function, left, workers - 1)


def _shared(function: Callable[[J], R], left: deque[J], others: int) -> Iterator[tuple[J, R]]:
    """Jobs that other processes take from the end, and this one from the beginning."""
    try:
        pool = _pool(others)
    except (OSError, RuntimeError) as error:
        _warn_alone(error)
        yield from ((job, function(job)) for job in left)
        return
    missing, answered, alone = len(left), False, False
    sent: dict[J, None] = {}
    answers: SimpleQueue[tuple[J, Future[R] | Exception]] = SimpleQueue()

    def send() -> bool:
        try:
            job = left.pop()
        except IndexError:  # all are taken
            return False
        sent[job] = None
        try:
            future = pool.submit(function, job)
        except (OSError, RuntimeError) as error:  # a submitted job starts processes, where some are missing
            answers.put((job, error))
            return False
        future.add_done_callback(lambda future: answer(job, future))
        return True

    def answer(job: J, future: Future[R]) -> None:
        answers.put((job, future))
        send()  # from the pool's own thread: this one may be at work for long

    try:
        for _ in range(2 * others):  # one in work and one that waits for each
            if not send():
                break
        while missing:
            try:
                job, future = answers.get(block=answered and not left)
            except Empty:
                try:
                    # What was sent last may be with a worker that has not even started.
                    job = left.popleft() if left or answered else sent.popitem()[0]
                except (IndexError, KeyError):
                    continue
                result = function(job)
            else:
                if isinstance(future, Exception):
                    if not alone:
                        _warn_alone(future)
                    alone = True
                else:
                    answered = True
                if job not in sent:  # it was done here as well
                    continue
                del sent[job]
                result = function(job) if isinstance(future, Exception) else _result(future)
            missing -= 1
            yield job, result
    except BaseException:
        answered = False
        raise
    finally:
        if not answered:  # stop them at once, whatever they do
            left.clear()
            started = list(getattr(pool, "_processes", {}).values())
            pool.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]
            for process in started:  # a pool that could not start all of them forgets the others
                process.terminate()


def _result(future: Future[R]) -> R:
    try:
        return future.result()
    except BrokenExecutor:
        raise ChildProcessError("a worker was killed, most often because memory ran out: fewer workers need less") from None


def _warn_alone(error: object) -> None:
    why = f"{type(error).__name__}: {error}"
    warnings.warn(f"no workers can be started ({why}): one process does all of the work", RuntimeWarning, stacklevel=4)


def _collected(sent: dict[Future[R], J]) -> Iterator[tuple[J, R]]:
    while sent:
        for future in wait(sent, return_when=FIRST_COMPLETED).done:
            yield sent.pop(future), future.result()


def _pool(size: int) -> Executor:
    # It is kept for the next recipe, and its workers end when they have had nothing to do for a while: long enough that none
    # is about to leave when jobs come.
    from joblib.externals.loky import get_reusable_executor

    options = {"timeout": 300, "initializer": _end_with, "initargs": (os.getpid(),), "env": _THREADS}
    pool: Executor = get_reusable_executor(size, **options)
    return pool


def _end_with(builder: int) -> None:
    """End this worker when its builder is gone, killed even: otherwise it would finish its job first, and wait for more."""

    def watch() -> None:
        while os.getppid() == builder:
            time.sleep(_WATCH)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _dask(executor: str) -> Iterator[Executor]:
    scheme, _, address = executor.partition("://")
    if scheme != "dask" or not address:
        raise ValueError(f'executor: "dask://HOST:PORT" is required; received {executor!r}')
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise ValueError("executor: the package distributed is required for dask://; pip install 'steer[dask]'") from None
    with Client(f"tcp://{address}") as client:
        yield client.get_executor()
