"""Every solution satisfies its laws, and its laws would notice if it did not."""

from __future__ import annotations

import math

import pytest
import torch

from steer import group
from steer.bases import Task
from steer.expansion import Block
from steer.store import Entry
from tests.cases import assert_close

TASKS = {
    "irreps": Task("irreps", "octahedral()"),
    "irreps of complex type": Task("irreps", "pyritohedral()"),
    "couplings": Task("clebsch_gordan", "full_octahedral()"),
    "couplings of a continuous group": Task("clebsch_gordan", "conical()", detail="2"),
    "couplings of rotations": Task("clebsch_gordan", "so3()", detail="2"),
    "harmonics": Task("harmonics", "icosahedral()", detail="4"),
    "regular": Task("regular", "dihedral(6)"),
    "wigner_j": Task("wigner_j", detail="9"),
    "gauss_legendre": Task("gauss_legendre", detail="7"),
    "layer between irreps": Task("layer", "so3()", detail='{"in": "1", "out": "2", "kernel_size": 5, "lattice": "cubic"}'),
    "layer between regular fields": Task(
        "layer", "dihedral(4)", detail='{"in": "regular", "out": "regular", "kernel_size": 5}'
    ),
    "layer on a stretched grid": Task(
        "layer",
        "cyclic(2, d=3)",
        detail='{"in": "regular", "out": "1", "kernel_size": [1, 3, 3], "spacing": [3.0, 1.0, 1.0]}',
    ),
    "hexagonal layer": Task("layer", "o2()", detail='{"in": "1", "out": "0e", "kernel_size": 5, "lattice": "hexagonal"}'),
}


def solved(name: str) -> Entry:
    return TASKS[name].solve()[TASKS[name].name]


@pytest.mark.parametrize("name", TASKS)
def test_the_laws_hold(name):
    entry = solved(name)
    assert TASKS[name].residual(entry) < 1e-12
    assert entry.info["residual"] < 1e-12
    assert Task.of(entry.info) == TASKS[name]


@pytest.mark.parametrize("name", TASKS)
def test_the_laws_would_notice(name):
    """The negative control: one number in one tensor is a little off."""
    entry = solved(name)
    part = {
        "irreps": "values",
        "clebsch_gordan": "values",
        "wigner_j": "j",
        "gauss_legendre": "nodes",
        "layer": "constant 0",
    }
    part = part.get(TASKS[name].solution, "change")
    broken = dict(entry.tensors)
    broken[part] = broken[part].clone()
    flat = broken[part].view(-1)
    flat[int(flat.abs().argmax())] += 1e-6
    assert TASKS[name].residual(Entry(broken, entry.info)) > 1e-8


@pytest.mark.parametrize("name", ["layer between irreps", "layer between regular fields"])
def test_the_law_of_a_layer_would_notice_each_element(name):
    """Combinations stand for all elements: whichever is wrong, the law is missed. NaN is wrong too."""
    entry = solved(name)
    values = entry.tensors["constant 0"]
    for element in range(values.shape[-2]):
        for wrong in (1e-6, math.nan):
            broken = values.clone()
            row = broken.select(-2, element).view(-1, values.shape[-1])[0]
            row[int(row.abs().argmax())] += wrong
            tensors = {**entry.tensors, "constant 0": broken}
            assert TASKS[name].residual(Entry(tensors, entry.info)) > 1e-8


def test_the_proof_of_a_large_layer_is_small(monkeypatch):
    """The dense kernels of all 24 x 53 coefficients would take gigabytes."""
    task = Task("layer", "octahedral()", detail='{"in": "regular", "out": "regular", "kernel_size": 5}')
    entry, rows = task.solve()[task.name], []
    expand = Block.expand
    monkeypatch.setattr(Block, "expand", lambda self, weight, *rest: rows.append(len(weight)) or expand(self, weight, *rest))
    assert task.residual(entry) < 1e-12
    assert 0 < sum(rows) < 10


def test_what_is_missing_is_noticed():
    entry = solved("irreps")
    fewer = {**entry.tensors, "numbers": entry.tensors["numbers"][:-1]}
    assert TASKS["irreps"].residual(Entry(fewer, entry.info)) == math.inf
    entry = solved("couplings")
    fewer = {**entry.tensors, "triples": entry.tensors["triples"][:-1]}
    assert TASKS["couplings"].residual(Entry(fewer, entry.info)) == math.inf
    entry = solved("harmonics")
    assert TASKS["harmonics"].residual(Entry(entry.tensors, {**entry.info, "irreps": []})) == math.inf


GOLDEN = (1 + math.sqrt(5)) / 2
CHARACTERS = {
    # E, turns by 72, 120, 144 and 180 degrees
    "icosahedral()": [
        (1, 1, 1, 1, 1),
        (3, GOLDEN, 0, 1 - GOLDEN, -1),
        (3, 1 - GOLDEN, 0, GOLDEN, -1),
        (4, -1, 1, -1, 0),
        (5, 0, -1, 0, 1),
    ],
    # E, 6 mirrors, 8 turns by 120 degrees, 3 half turns, 6 improper quarter turns
    "full_tetrahedral()": [(1, 1, 1, 1, 1), (1, -1, 1, 1, -1), (2, 0, -1, 2, 0), (3, 1, 0, -1, -1), (3, -1, 0, -1, 1)],
    # E, 6 quarter turns, 8 turns by 120 degrees, 3 + 6 half turns
    "octahedral()": [(1, 1, 1, 1, 1), (1, -1, 1, 1, -1), (2, 0, -1, 2, 0), (3, 1, 0, -1, -1), (3, -1, 0, -1, 1)],
}
"""Rows of the character tables, classes in the order of falling trace and then of size."""


@pytest.mark.parametrize("name", CHARACTERS)
def test_characters_agree_with_the_tables(name):
    task = Task("irreps", name)
    entry, g = task.solve()[task.name], getattr(group, name[:-2])()
    classes = sorted(g.classes, key=lambda c: (-round(float(g.elements[c[0]].trace()), 9), len(c)))
    start, rows = 0, []
    for dim in entry.tensors["numbers"][:, 2].tolist():
        values = entry.tensors["values"][start : start + g.order * dim**2].reshape(-1, dim, dim)
        start += values.numel()
        character = values.diagonal(dim1=1, dim2=2).sum(1)
        rows.append([round(float(character[members[0]]), 9) for members in classes])
    assert_close(torch.tensor(sorted(rows)).double(), torch.tensor(sorted(CHARACTERS[name])).double(), 1e-6)
    assert_close(torch.tensor(rows, dtype=torch.float64)[:, 0], entry.tensors["numbers"][:, 2].double(), 1e-12)
