"""The rooms of the package: who may import whom, and what an import costs."""

import ast
import importlib
import json
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import steer

ROOT = Path(steer.__file__).parent
ROOMS = [
    "store",
    "group",
    "representation",
    "coupling",
    "kernel",
    "expansion",
    "field",
    "nn",
    "interop",
    "testing",
    "plot",
    "bases",
    "cli",
]
"""From the first room to the last: a room imports from those before it."""

LOWER = ROOMS[: ROOMS.index("nn")]
TYPES_ONLY = {("group/_group.py", "representation"), ("nn/_module.py", "testing")}
"""Imports for annotations alone, which never run."""

FILES = sorted(ROOT.rglob("*.py"))


def name_of(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path) for path in FILES}


def room_of(module):
    """The room of a module's full name; gspaces belongs to the fields, the package itself to none."""
    parts = module.split(".")
    return None if len(parts) == 1 else {"gspaces": "field", "version": None, "__main__": "cli"}.get(parts[1], parts[1])


def is_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(tree, path, types=False, top_level=False):
    """Modules of steer that a file imports anywhere: at the top, in functions, in branches; relative ones resolved."""
    found = []
    stack = [(tree, False)]
    while stack:
        node, inside = stack.pop()
        if isinstance(node, ast.Import) and inside == types:
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and inside == types:
            package = name_of(path).split(".") if path.name == "__init__.py" else name_of(path).split(".")[:-1]
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [f"{module}.{a.name}" if f"{module}.{a.name}" in MODULES else module for a in node.names]
        for child in ast.iter_child_nodes(node):
            if not (top_level and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))):
                stack.append((child, inside or is_for_types(node)))
    return {module for module in found if module == "steer" or module.startswith("steer.")}


TREES = {path: ast.parse(path.read_text()) for path in FILES}


def test_every_folder_is_a_room():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= set(ROOMS)
    assert set(LOWER) <= folders
    for folder in folders:
        assert (ROOT / folder / "__init__.py").exists()


def upward(path, modules):
    """Those of the modules that lie in a later room than the file, or are the whole package."""
    here = room_of(name_of(path))
    if here is None:
        return []
    return [m for m in sorted(modules) if m == "steer" or (room_of(m) and ROOMS.index(room_of(m)) > ROOMS.index(here))]


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(ROOT)) for p in FILES])
def test_imports_go_to_earlier_rooms_only(path):
    modules = imports(TREES[path], path)
    here = room_of(name_of(path))
    found = upward(path, modules)
    if here == "field" and path.name == "gspaces.py":
        # `from steer import group as _group` names a room, not the package.
        found = [m for m in found if m != "steer"]
    assert found == [], f"{path.relative_to(ROOT)} imports from later rooms"


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(ROOT)) for p in FILES])
def test_a_room_is_entered_through_its_front_door(path):
    """Private files of a room are imported inside of it only."""
    here = room_of(name_of(path))
    for module in imports(TREES[path], path):
        if any(part.startswith("_") and part != "__main__" for part in module.split(".")):
            assert room_of(module) == here, f"{path.relative_to(ROOT)} imports {module}"


def test_annotations_look_upward_at_the_doors_alone():
    found = {
        (str(path.relative_to(ROOT)), room_of(module))
        for path in FILES
        for module in upward(path, imports(TREES[path], path, types=True))
    }
    assert found == TYPES_ONLY


DOORS = {
    ("group/_group.py", "_representations", "importlib.import_module('steer.representation')"),
    ("nn/_module.py", "check_equivariance", "import_module('steer.testing')"),
}
"""Where a room opens a later one, by name and when it is asked to: file, function, call."""


def test_the_doors_upward():
    """`group` opens representations and layers open their measurement; nothing else up to them imports anything by name."""
    found = []
    for path in FILES:
        if room_of(name_of(path)) in (*LOWER, "nn"):
            for node in ast.walk(TREES[path]):
                for function in ast.walk(node) if isinstance(node, ast.FunctionDef) else []:
                    called = ast.unparse(function.func) if isinstance(function, ast.Call) else ""
                    text = ast.unparse(function)
                    if called.endswith(("import_module", "__import__")):
                        found.append((str(path.relative_to(ROOT)), node.name, text))
            names = [ast.unparse(n) for n in ast.walk(TREES[path]) if isinstance(n, (ast.Attribute, ast.Name))]
            named = [n for n in names if n in ("importlib.import_module", "import_module", "__import__")]
            assert len(named) == sum(file == path.relative_to(ROOT).as_posix() for file, _, _ in DOORS)
    assert set(found) == DOORS


def test_the_rules_would_notice():
    """The negative control: the functions above see an import in a function, a relative one, and a guarded one."""
    path = ROOT / "group" / "_group.py"
    tree = ast.parse("def f():\n    from steer.nn import ReLU\nif x:\n    from ..kernel import harmonics\n")
    assert upward(path, imports(tree, path)) == ["steer.kernel", "steer.nn"]
    guarded = ast.parse("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from steer.field import GSpace\n")
    assert imports(guarded, path) == set()
    assert upward(path, imports(guarded, path, types=True)) == ["steer.field"]
    assert imports(tree, path, top_level=True) == {"steer.kernel"}


FOR_ROOMS = {
    "store": {
        *("Entry", "EntryError", "Form", "cached", "digest", "entry_name", "files", "find", "group_name"),
        *("missing_folders", "probe", "replace", "same_bits", "same_probe", "sweep", "tensors", "write"),
    },
    "group": {"SAME", "deterministic", "gauss_legendre", "holds", "numbers", "require", "tolerance", "working"},
    "representation": {
        "canonical_rows",
        "canonicalise",
        "gradient_coupling",
        "kron",
        "parse_fields",
        "real_harmonics_from_complex",
        "is_searched",
        "searched_irreps",
        "table",
        "trace",
    },
    "coupling": {"Table", "clebsch_gordan_entry", "decomposition_entry"},
    "kernel": set(),
}
"""Names that a room offers to other rooms and not to users."""


@pytest.mark.parametrize("room", FOR_ROOMS)
def test_a_room_says_which_names_are_for_users(room):
    """Users' names are in `__all__`, and thereby in the reference; the docstring lists all others that the door imports."""
    module = importlib.import_module(f"steer.{room}")
    tree = ast.parse((ROOT / room / "__init__.py").read_text())
    imported = {a.asname or a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
    assert imported - set(module.__all__) == FOR_ROOMS[room]
    assert set(module.__all__) <= imported
    for name in FOR_ROOMS[room]:
        assert f"`{name}`" in module.__doc__


def test_modules_import_each_other_in_no_circle():
    graph = {name_of(path): imports(TREES[path], path, top_level=True) - {name_of(path)} for path in FILES}
    graph = {name: {m for m in found if m in MODULES} for name, found in graph.items()}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert set(order) == MODULES


FRESH = """
import json, sys
import torch
before = set(sys.modules)
import steer
values = [v for n, m in list(sys.modules.items()) if n.split(".")[0] == "steer" for v in vars(m).values()]
caches = list({id(v): v for v in values if callable(v) and hasattr(v, "cache_info")}.values())
print(json.dumps({
    "modules": sorted(m.split(".")[0] for m in set(sys.modules) - before),
    "filled": [o.__name__ for o in caches if o.cache_info().currsize],
    "caches": len(caches),
    "threads": torch.get_num_threads(),
    "seed": torch.initial_seed(),
}))
"""


def test_an_import_does_no_work_and_writes_nothing(tmp_path):
    """Fresh process: no heavy package comes along, no cache is filled, no file appears, the random state stays."""
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": str(ROOT.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment.pop("XDG_CACHE_HOME", None)
    before = {path: path.stat().st_mtime_ns for path in ROOT.rglob("*") if "__pycache__" not in path.parts}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FRESH],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout)
    unwanted = {"scipy", "matplotlib", "sklearn", "sympy", "pandas", "rich", "joblib", "torchvision", "IPython"}
    assert unwanted.isdisjoint(result["modules"])
    assert "steer" in result["modules"]
    assert result["filled"] == []
    assert result["caches"] > 5
    assert done.stderr == ""
    assert list(tmp_path.rglob("*")) == []
    assert {path: path.stat().st_mtime_ns for path in ROOT.rglob("*") if "__pycache__" not in path.parts} == before


ON_DEMAND = """
import steer
for room in ("bases", "interop", "plot", "testing"):
    assert getattr(steer, room).__name__ == "steer." + room and room in dir(steer), room
assert steer.check_equivariance is steer.testing.check_equivariance
from steer import *
assert all(name in globals() for name in steer.__all__)
try:
    steer.no_such_room
except AttributeError as error:
    assert "no_such_room" in str(error)
else:
    raise SystemExit("an unknown name must be an AttributeError")
"""


def test_rooms_that_no_network_needs_are_loaded_when_named():
    subprocess.run([sys.executable, "-W", "error", "-c", ON_DEMAND], cwd=ROOT.parent, check=True)


TRAINING_STEP = """
import sys, torch
from steer import gspaces, nn
plane, space = (gspaces.rot2dOnR2(8), gspaces.flipRot2dOnR2(-1)), (gspaces.octaOnR3(), gspaces.icoOnR3(), gspaces.rot3dOnR3())
for gspace in (*plane, *space):
    kind = nn.FieldType(gspace, [gspace.trivial_repr, gspace.standard_repr])
    conv = (nn.R2Conv if gspace in plane else nn.R3Conv)(kind, kind, 3)
    network = nn.Sequential(conv, nn.NormBatchNorm(kind), nn.NormNonLinearity(kind))
    network(torch.randn(2, kind.size, *(7,) * gspace.dimensionality)).sum().backward()
heavy = {"scipy", "matplotlib", "sklearn", "sympy", "joblib"} & set(sys.modules)
raise SystemExit(f"imported: {heavy}" if heavy else 0)
"""


def test_a_training_step_imports_no_package_that_only_tools_need():
    subprocess.run([sys.executable, "-c", TRAINING_STEP], cwd=ROOT.parent, check=True)
