"""The examples in docstrings run, and print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import steer

MODULES = sorted(m.name for m in pkgutil.walk_packages(steer.__path__, "steer.") if not m.name.endswith("__main__"))


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(found) > 10
