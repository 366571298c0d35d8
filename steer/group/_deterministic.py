"""Run a computation so that its bits do not depend on how many threads the process has.

Bases are file format: weights trained against one basis are meaningless against another. Parallel reductions and
blocked matrix products may round differently for another number of threads, so every function whose result
defines a basis runs on one thread and restores the caller's setting.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def deterministic(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate `function` to run on one thread, without gradients, and on the CPU whatever the default device is."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        threads = torch.get_num_threads()
        if threads != 1:
            torch.set_num_threads(1)
        try:
            # A device context doubles the cost of every small operation, so it is entered only where it changes anything.
            elsewhere = torch.get_default_device().type != "cpu"
            with torch.no_grad(), torch.device("cpu") if elsewhere else contextlib.nullcontext():
                return function(*args, **kwargs)
        finally:
            if threads != 1:
                torch.set_num_threads(threads)

    return wrapper
