"""Run a computation so that its bits do not depend on how many threads the process has.

Bases are file format: weights trained against one basis are meaningless against another. Parallel reductions and
blocked matrix products may round differently for another number of threads, so every function whose result
defines a basis runs on one thread and restores the caller's setting.
"""

import contextlib
import functools
import os
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")

_LOCK = threading.RLock()  # the number of threads belongs to the process: one computation at a time may change it
_INSIDE = threading.local()


def _renew_lock() -> None:
    global _LOCK
    _LOCK = threading.RLock()


if hasattr(os, "register_at_fork"):
    # A child forked while another thread computes would inherit a lock that nobody in it can release.
    os.register_at_fork(after_in_child=_renew_lock)


def deterministic(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate `function` to run on one thread, without gradients, and on the CPU whatever the default device is.

    Results are ordinary tensors even under `torch.inference_mode()`, because they are kept for calls that differentiate.
    Computations of several Python threads come one after the other: a function may build up state that its callers share.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if getattr(_INSIDE, "is_set", False):  # a caller has set everything already
            return function(*args, **kwargs)
        with _LOCK, contextlib.ExitStack() as stack:
            _INSIDE.is_set = True
            stack.callback(setattr, _INSIDE, "is_set", False)
            threads = torch.get_num_threads()
            if threads != 1:
                torch.set_num_threads(1)
                stack.callback(torch.set_num_threads, threads)
            # Both contexts cost more than a small operation, so they are entered only where they change anything.
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
            if torch.is_inference_mode_enabled():
                stack.enter_context(torch.inference_mode(False))
            with torch.no_grad():
                return function(*args, **kwargs)

    return wrapper
