"""Memories of computations, which can be told to forget where packs come or go."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

R = TypeVar("R")

_MEMORIES: list[_lru_cache_wrapper[Any]] = []


def cached(maxsize: int | None) -> Callable[[Callable[..., R]], _lru_cache_wrapper[R]]:
    """`functools.lru_cache` for functions whose results may come from a pack."""

    def decorate(function: Callable[..., R]) -> _lru_cache_wrapper[R]:
        memory = lru_cache(maxsize, typed=True)(function)
        _MEMORIES.append(memory)
        return memory

    return decorate


def forget_results() -> None:
    """Empty all of them."""
    for memory in _MEMORIES:
        memory.cache_clear()
