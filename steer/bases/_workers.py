"""Jobs on several processes of this machine, or on a cluster."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
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
    """
    if executor is not None:
        with _dask(executor) as cluster:
            yield from _collected({cluster.submit(function, job): job for job in jobs})
        return
    start, left = time.monotonic(), deque(jobs)
    pool: Executor | None = None
    sent: dict[Future[R], J] = {}
    answered = False
    try:
        while left or sent:
            for future in [future for future in sent if future.done()]:
                answered = True
                yield sent.pop(future), future.result()
            if pool is None and workers > 1 and left and time.monotonic() - start > _PATIENCE:
                pool = _pool(workers - 1)
            while pool and left and len(sent) < 2 * (workers - 1):  # one in work and one that waits for each
                job = left.pop()  # from the other end
                sent[pool.submit(function, job)] = job
            if left:
                job = left.popleft()
                yield job, function(job)
            elif answered:
                wait(sent, return_when=FIRST_COMPLETED)
            elif sent:  # the others may not have started yet
                _, job = sent.popitem()
                yield job, function(job)
    except BaseException:
        _end(pool)
        raise
    if not answered:
        _end(pool)


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


def _end(pool: Executor | None) -> None:
    """Stop workers at once, whatever they do."""
    if pool is not None:
        pool.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]


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
