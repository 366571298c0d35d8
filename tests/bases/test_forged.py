"""Packs with right hashes that do not hold what they say: each is refused by name, and what it should hold is computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from steer import coupling, group, representation, store
from steer.bases import Task
from steer.expansion import Block, block, block_name, lattice, sampling, solve_block
from steer.group import gauss_legendre
from steer.store import Entry, EntryError, PackWarning, same_bits

PYRITOHEDRAL, PLANE = group.pyritohedral(), group.dihedral(4)
GRID = sampling(lattice(None, 2), (3, 3))
FIELDS = {
    "irreps": (PLANE.irrep(1, 1), PLANE.irrep(1, 1)),
    "into a regular field": (PLANE.irrep(1, 1), PLANE.regular),
    "of regular fields": (PLANE.regular, PLANE.regular),
    "out of a quotient": (PLANE.quotient(2), PLANE.irrep(1, 1)),
    "of quotients": (PLANE.quotient(2), PLANE.quotient(4)),
}


def layer_of(fields: str) -> tuple[Entry, str]:
    """As a recipe would have it; recipes have no words for quotients."""
    into, out = FIELDS[fields]
    described, name = block_name(into, out, GRID)
    entry = solve_block(into, out, GRID).entry()
    return Entry(entry.tensors, {**entry.info, "of": described}), f"block/{store.group_name(PLANE)}/{name}"


def constants(found: Block) -> list[Tensor]:
    return [found.centre, found.gain, *found.constants]


def all_couplings(of: group.Group, degree: int | None = None) -> list[Tensor]:
    irreps = of.irreps(degree)
    return [coupling.clebsch_gordan(a, b, c) for a in irreps for b in irreps for c in irreps]


def irreps_of(of: group.FiniteGroup) -> list[Tensor]:
    return [irrep.matrices(of.elements) for irrep in of.irreps()]


TASKS: dict[str, tuple[Task, Callable[[], list[Tensor]]]] = {
    "wigner_j": (Task("wigner_j", detail="2"), lambda: [representation.wigner_j(2)]),
    "gauss_legendre": (Task("gauss_legendre", detail="3"), lambda: list(gauss_legendre(3))),
    "irreps": (Task("irreps", "pyritohedral()"), lambda: irreps_of(PYRITOHEDRAL)),
    "couplings": (Task("clebsch_gordan", "pyritohedral()"), lambda: all_couplings(PYRITOHEDRAL)),
    "couplings of rotations": (Task("clebsch_gordan", "so3()", detail="2"), lambda: all_couplings(group.so3(), 2)),
    "regular": (Task("regular", "pyritohedral()"), lambda: [coupling.decompose(PYRITOHEDRAL.regular)[1]]),
}
LAYERS = {f"layer {fields}": fields for fields in FIELDS}


def entries_of(kind: str) -> tuple[dict[str, Entry], str]:
    """A pack of one solution, and its name in there."""
    if kind == "group":
        solved, name = entries_of("regular")
        return solved, next(name for name in solved if name.startswith("group/"))
    if kind in TASKS:
        return TASKS[kind][0].solve(), TASKS[kind][0].name
    solved = {key: value for key, value in Task("regular", "dihedral(4)").solve().items() if key.startswith("group/")}
    entry, name = layer_of(LAYERS[kind])
    return {**solved, name: entry}, name


def used(kind: str) -> list[Tensor]:
    if kind in LAYERS:
        return constants(block(*FIELDS[LAYERS[kind]], GRID))
    return TASKS["regular" if kind == "group" else kind][1]()


KINDS = ["group", *TASKS, *LAYERS]


def generic(entry: Entry) -> Iterator[tuple[str, Entry]]:
    """What can be wrong with any entry."""

    def other(part: str, value: Tensor) -> Entry:
        return Entry({**entry.tensors, part: value}, entry.info)

    yield "one too many", other("more", torch.zeros(2).double())
    for part, value in entry.tensors.items():
        yield f"no {part}", Entry({name: kept for name, kept in entry.tensors.items() if name != part}, entry.info)
        yield f"float32 {part}", other(part, value.float())
        yield f"flat {part}", other(part, value.reshape(-1, 1))
        yield (
            f"more of {part}",
            other(part, torch.cat([value, value[:1] if len(value) else value.new_ones(1, *value.shape[1:])])),
        )
        if len(value):
            yield f"less of {part}", other(part, value[:-1])
        if value.is_floating_point() and value.numel():
            for wrong in (math.nan, math.inf):
                broken = value.clone()
                broken.view(-1)[-1] = wrong
                yield f"{wrong} in {part}", other(part, broken)


def changed(entry: Entry, part: str, place: tuple[int, ...], value: int) -> Entry:
    broken = entry.tensors[part].clone()
    broken[place] = value
    return Entry({**entry.tensors, part: broken}, entry.info)


def labelled(entry: Entry, **info: Any) -> Entry:
    return Entry(entry.tensors, {key: value for key, value in {**entry.info, **info}.items() if value is not None})


def own(kind: str, entry: Entry) -> Iterator[tuple[str, Entry]]:
    """What can be wrong with one of this kind."""
    if kind == "irreps":
        for column, values in enumerate(((1, 7), (0, 9), (0, -1, 2), (0, 3, 2))):
            for value in values:
                yield f"{value} in column {column} of numbers", changed(entry, "numbers", (1, column), value)
        for degrees in (None, "3", 0, True, 2.0):
            yield f"degrees {degrees}", labelled(entry, degrees=degrees)
    key = {"couplings": "labels", "couplings of rotations": "labels", "regular": "irreps"}.get(kind)
    if key:
        right = entry.info[key]
        for labels in (
            None,
            3,
            {},
            [],
            right[:-1],
            [*right, right[-1]],
            ["17o", *right[1:]],
            [1, *right[1:]],
            ["00", *right[1:]],
        ):
            yield f"{key} {labels}", labelled(entry, **{key: labels})
    if key == "labels":
        for place, value in (((0, 0), 99), ((0, 1), -1), ((0, 3), 0), ((0, 3), 2), ((1, 2), 0)):
            yield f"{value} in triples", changed(entry, "triples", place, value)
    if kind.startswith("layer"):
        for shape in (None, {}, [], {**entry.info["shape"], "other": 77}, {**entry.info["shape"], "kernel": [3, 3]}):
            yield f"shape {shape}", labelled(entry, shape=shape)
        for described in (None, 5, entry.info["of"] + " "):
            yield f"of {described}", labelled(entry, of=described)
        if kind in ("layer of regular fields", "layer of quotients"):
            for value in (99, -1, int(entry.tensors["constant 1"][0, 1])):
                yield f"coset to {value}", changed(entry, "constant 1", (0, 0), value)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No pack is found but the test's."""
    monkeypatch.setattr(store._shelf, "package_folders", list)
    monkeypatch.setenv("STEER_BASES", str(tmp_path))
    store.forget()
    yield tmp_path
    monkeypatch.undo()
    store.forget()


def keep(folder: Path, entries: dict[str, Entry]) -> None:
    store.write(folder / "forged.safetensors", entries, {"gauge": store.GAUGE})
    store.forget()


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_one_is_read(kind, folder, monkeypatch):
    """The control: nothing is warned of, which would be an error here, and a number that is changed is seen."""
    entries, name = entries_of(kind)
    keep(folder, entries)
    computed = used(kind)
    seen = []
    view = store.Pack.view
    monkeypatch.setattr(store.Pack, "view", lambda self, name: seen.append(name) or view(self, name))
    store.forget()
    assert all(map(same_bits, used(kind), computed))
    assert name in seen


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_one_is_refused(kind, folder):
    entries, name = entries_of(kind)
    with store.disabled():
        computed = used(kind)
    for what, forged in [*generic(entries[name]), *own(kind, entries[name])]:
        keep(folder, {**entries, name: forged})
        assert store.packs()[0].verify() == [], what
        try:
            with pytest.warns(PackWarning, match=rf"forged.safetensors: {name}: .*required.*build it again"):
                found = used(kind)
        except pytest.fail.Exception:
            pytest.fail(f"{what}: was not refused")
        assert all(map(same_bits, found, computed)), what


def test_the_next_pack_is_asked(folder):
    entries, name = entries_of("wigner_j")
    keep(folder, {name: Entry({}, entries[name].info)})
    marked = {"j": 2 * entries[name].tensors["j"]}
    store.write(folder / "later.safetensors", {name: Entry(marked)}, {"gauge": store.GAUGE})
    store.forget()
    with pytest.warns(PackWarning, match="forged"):
        assert same_bits(representation.wigner_j(2), marked["j"])


def test_a_missing_coupling_of_rotations_is_computed(folder):
    """Nothing in the form of a table says that a product of two irreps of a continuous group is complete."""
    entries, name = entries_of("couplings of rotations")
    triples, values = entries[name].tensors["triples"], entries[name].tensors["values"]
    last = 5**3
    assert triples[-1].tolist() == [2, 2, 2, 1]
    keep(folder, {**entries, name: Entry({"triples": triples[:-1], "values": values[:-last]}, entries[name].info)})
    assert same_bits(coupling.so3_clebsch_gordan(2, 2, 2).flatten(), values[-last:])


def test_a_size_without_a_number_is_one_size():
    entry = Entry({"a": torch.zeros(3).double(), "b": torch.zeros(4).double()})
    forms = {"a": store.Form(("n",)), "b": store.Form(("n",))}
    with pytest.raises(EntryError, match=r"b: torch.float64 \[n\] is required with {'n': 3}; received torch.float64 \[4\]"):
        store.tensors(entry, forms)
    assert store.tensors(entry, {**forms, "b": store.Form(("m",))}) == entry.tensors
