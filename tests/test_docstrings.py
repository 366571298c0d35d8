"""The examples in docstrings run, and print what they say."""

import doctest
import importlib
import pkgutil
import re

import pytest
import torch

import steer
from steer import nn

MODULES = sorted(m.name for m in pkgutil.walk_packages(steer.__path__, "steer.") if not m.name.endswith("__main__"))


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(found) > 10


LAYERS = {
    name: layer
    for name, layer in ((name, getattr(nn, name)) for name in nn.__all__)
    if isinstance(layer, type) and issubclass(layer, torch.nn.Module)
}
LAW = re.compile(r"\n    Law: \S")
EXACT = re.compile(r"\bexact for \w", re.IGNORECASE)
APPROXIMATE = re.compile(r"\bapproximate(, [^,;.]+,)? for \w", re.IGNORECASE)


def missing(docstring):
    """Which of the statements that every layer owes its reader a docstring lacks."""
    flat = " ".join(docstring.split())
    return [
        what
        for what, found in (
            ("a line that begins with 'Law: '", LAW.search(docstring)),
            ("'exact for ...'", EXACT.search(flat)),
            ("'approximate for ...'", APPROXIMATE.search(flat)),
        )
        if not found
    ]


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_states_its_law_and_what_it_is_exact_and_approximate_for(name):
    own = vars(LAYERS[name]).get("__doc__") or ""  # that of a parent may not be true of it
    assert missing(own) == []


def test_the_demands_on_docstrings_would_notice():
    assert len(LAYERS) > 80
    assert len(missing("A layer. Its law: it is exact.\n\n    Lawful, and approximate.\n")) == 3
    assert missing("A layer.\n\n    Law: `f`. Exact\n    for all; approximate, up to sampling,\n    for none.\n") == []
