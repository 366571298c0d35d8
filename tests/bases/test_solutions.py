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


@pytest.mark.parametrize("name", TASKS)
def test_laws_are_measured_on_one_thread(name, monkeypatch):
    """Residuals are in the bytes of a pack; and threads that wait for each other took seven times as long."""
    entry, seen, before = solved(name), set(), torch.get_num_threads()
    monkeypatch.setattr("steer.bases._solutions._size", lambda _values: seen.add(torch.get_num_threads()) or 0.0)
    monkeypatch.setattr("numpy.abs", lambda values: seen.add(torch.get_num_threads()) or values)
    torch.set_num_threads(2)
    try:
        TASKS[name].residual(entry)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == {1}


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


@pytest.mark.parametrize("n", range(1, 33))
def test_gauss_legendre_against_exact_integrals(n):
    """`sum w x^k` is the integral of x^k, 2 / (k + 1) or 0, for k < 2 n; for k = 2 n it is short by a known amount."""
    entry = Task("gauss_legendre", detail=str(n)).solve()[f"gauss_legendre/{n}"]
    nodes, weights = entry.tensors["nodes"], entry.tensors["weights"]
    exact = [2 / (k + 1) if k % 2 == 0 else 0.0 for k in range(2 * n + 1)]
    found = torch.stack([(weights * nodes**k).sum() for k in range(2 * n + 1)])
    assert_close(found[:-1], torch.tensor(exact[:-1], dtype=torch.float64), 1e-13)
    # The error of the rule for x^(2 n): the integral of the square of the Legendre polynomial with leading coefficient one.
    short = 2 / (2 * n + 1) * (2**n / math.comb(2 * n, n)) ** 2
    assert abs(float(found[-1]) - (exact[-1] - short)) < 1e-13


GOLDEN = (1 + math.sqrt(5)) / 2
KINDS = {"E": (3, 1), "C2": (-1, 1), "C3": (0, 1), "C4": (1, 1), "C5": (GOLDEN, 1), "C5^2": (1 - GOLDEN, 1)}
KINDS |= {"i": (-3, -1), "m": (1, -1), "S4": (-1, -1), "S6": (0, -1), "S10": (GOLDEN - 1, -1), "S10^3": (-GOLDEN, -1)}
"""Trace and determinant of the elements that the tables call so (Schoenflies; m is a mirror)."""

TWO = {"G": GOLDEN, "g": 1 - GOLDEN, "-G": -GOLDEN, "-g": GOLDEN - 1}
CHARACTERS = {
    "tetrahedral()": """E 4C3 4C3 3C2
        A   1  1  1  1
        E   2 -1 -1  2
        T   3  0  0 -1""",
    "full_tetrahedral()": """E 8C3 3C2 6S4 6m
        A1  1  1  1  1  1
        A2  1  1  1 -1 -1
        E   2 -1  2  0  0
        T1  3  0 -1  1 -1
        T2  3  0 -1 -1  1""",
    "pyritohedral()": """E 4C3 4C3 3C2 i 4S6 4S6 3m
        Ag  1  1  1  1  1  1  1  1
        Eg  2 -1 -1  2  2 -1 -1  2
        Tg  3  0  0 -1  3  0  0 -1
        Au  1  1  1  1 -1 -1 -1 -1
        Eu  2 -1 -1  2 -2  1  1 -2
        Tu  3  0  0 -1 -3  0  0  1""",
    "octahedral()": """E 8C3 3C2 6C4 6C2
        A1  1  1  1  1  1
        A2  1  1  1 -1 -1
        E   2 -1  2  0  0
        T1  3  0 -1  1 -1
        T2  3  0 -1 -1  1""",
    "full_octahedral()": """E 8C3 6C2 6C4 3C2 i 6S4 8S6 3m 6m
        A1g 1  1  1  1  1  1  1  1  1  1
        A2g 1  1 -1 -1  1  1 -1  1  1 -1
        Eg  2 -1  0  0  2  2  0 -1  2  0
        T1g 3  0 -1  1 -1  3  1  0 -1 -1
        T2g 3  0  1 -1 -1  3 -1  0 -1  1
        A1u 1  1  1  1  1 -1 -1 -1 -1 -1
        A2u 1  1 -1 -1  1 -1  1 -1 -1  1
        Eu  2 -1  0  0  2 -2  0  1 -2  0
        T1u 3  0 -1  1 -1 -3 -1  0  1  1
        T2u 3  0  1 -1 -1 -3  1  0  1 -1""",
    "icosahedral()": """E 12C5 12C5^2 20C3 15C2
        A   1  1  1  1  1
        T1  3  G  g  0 -1
        T2  3  g  G  0 -1
        G   4 -1 -1  1  0
        H   5  0  0 -1  1""",
    "full_icosahedral()": """E 12C5 12C5^2 20C3 15C2 i 12S10 12S10^3 20S6 15m
        Ag  1  1  1  1  1  1  1  1  1  1
        T1g 3  G  g  0 -1  3  g  G  0 -1
        T2g 3  g  G  0 -1  3  G  g  0 -1
        Gg  4 -1 -1  1  0  4 -1 -1  1  0
        Hg  5  0  0 -1  1  5  0  0 -1  1
        Au  1  1  1  1  1 -1 -1 -1 -1 -1
        T1u 3  G  g  0 -1 -3 -g -G  0  1
        T2u 3  g  G  0 -1 -3 -G -g  0  1
        Gu  4 -1 -1  1  0 -4  1  1 -1  0
        Hu  5  0  0 -1  1 -5  0  0  1 -1""",
}
"""The tables of Mulliken as they are printed (Altmann and Herzig, Point-Group Theory Tables), with G and g for (1 +- sqrt 5) / 2.

Irreps of complex type are pairs of conjugate rows there; their sum is one irrep here.
"""


def published(name: str) -> tuple[list[tuple[int, float, int]], torch.Tensor]:
    """Size, trace and determinant of each class, and the rows."""
    heading, *lines = CHARACTERS[name].splitlines()
    columns = []
    for word in heading.split():
        kind = word.lstrip("0123456789")
        columns.append((int(word.removesuffix(kind) or 1), *KINDS[kind]))
    rows = [[float(TWO.get(value, value)) for value in line.split()[1:]] for line in lines]
    return columns, torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("name", CHARACTERS)
def test_characters_agree_with_the_published_tables(name):
    """Every class is a column, and every irrep is one row, to 1e-12."""
    task = Task("irreps", name)
    entry, g = task.solve()[task.name], getattr(group, name[:-2])()
    columns, rows = published(name)
    assert sum(size for size, _, _ in columns) == g.order
    left, ours, start = list(range(len(columns))), [], 0
    classes: list[list[int]] = [[] for _ in columns]
    for members in g.classes:
        first = g.elements[members[0]]
        facts = torch.tensor([len(members), float(first.trace()), float(torch.linalg.det(first))])
        place = next(i for i in left if torch.allclose(facts, torch.tensor(columns[i]).float(), atol=1e-6))
        left.remove(place)
        classes[place] = list(members)
    assert not left
    for dim in entry.tensors["numbers"][:, 2].tolist():
        values = entry.tensors["values"][start : start + g.order * dim**2].reshape(-1, dim, dim)
        start += values.numel()
        character = values.diagonal(dim1=1, dim2=2).sum(1)
        worst = max(float((character[members] - character[members[0]]).abs().max()) for members in classes)
        assert worst < 1e-12
        ours.append(torch.stack([character[members[0]] for members in classes]))
    same = (torch.stack(ours)[:, None] - rows).abs().amax(2) < 1e-12
    assert torch.equal(same.sum(0), torch.ones(len(rows), dtype=torch.long))
    assert torch.equal(same.sum(1), torch.ones(len(rows), dtype=torch.long))


@pytest.mark.parametrize("name", CHARACTERS)
def test_the_published_tables_are_copied_right(name):
    """Rows and columns are orthogonal, which one wrong sign would break."""
    columns, rows = published(name)
    sizes = torch.tensor([size for size, _, _ in columns], dtype=torch.float64)
    gram = (rows * sizes) @ rows.mT / sizes.sum()
    assert_close(gram, torch.diag(gram.diagonal()), 1e-12)
    assert set(gram.diagonal().round(decimals=9).tolist()) <= {1.0, 2.0}
    assert int((rows[:, 0] ** 2 / gram.diagonal()).sum().round()) == int(sizes.sum())
