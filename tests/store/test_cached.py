"""Memories that forget where packs come or go."""

from steer import store
from steer.store import cached


def test_results_are_kept_until_packs_change():
    calls = []

    @cached(4)
    def square(x):
        calls.append(x)
        return x * x

    assert [square(3), square(3)] == [9, 9]
    assert calls == [3]
    with store.disabled():
        square(3)
    assert calls == [3, 3]
    square(3)
    store.forget()
    square(3)
    assert calls == [3, 3, 3, 3]
