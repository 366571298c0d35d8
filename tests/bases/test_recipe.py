"""Recipes: what they ask for, and clear errors for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from steer.bases import RecipeError, build, read_recipe, verify
from steer.store import Pack

LAYER = (
    'name = "x"\n[[solve]]\nwhat = "layer"\ngroups = ["octahedral()"]\nin = "regular"\nout = "regular"\nkernel_size = 3\n'
)
SOLVE = '[[solve]]\nwhat = "harmonics"\nmax_degree = 2\ngroups = ["octahedral()"]\n'


def test_what_a_recipe_asks_for(recipe):
    assert recipe.name == "small"
    assert recipe.about == "Enough of everything."
    names = [task.name for task in recipe.tasks]
    assert len(set(names)) == len(names)
    assert sum(name.startswith("wigner_j/") for name in names) == 4
    assert sum(name.startswith("decomposition/") for name in names) == 9
    # Each pair of kinds of fields once: regular and 1 to regular and 0e; 0 and 1 to 0, 1 and 2.
    assert sum(name.startswith("block/") for name in names) == 4 + 6
    assert sum(map(len, recipe.jobs)) == len(recipe.tasks)


def test_repetition_changes_nothing(tmp_path):
    once, twice = tmp_path / "once.toml", tmp_path / "twice.toml"
    once.write_text(f'name = "x"\n{SOLVE}')
    twice.write_text(f'name = "x"\n{SOLVE}{SOLVE}')
    assert read_recipe(once) == read_recipe(twice)
    assert read_recipe(once).digest == read_recipe(twice).digest


def test_there_are_no_harmonics_of_high_degree_on_the_line(tmp_path):
    """Degrees 0 and 1, which are even and odd functions of a sign."""
    path = tmp_path / "line.toml"
    path.write_text(f'name = "line"\n{SOLVE.replace("octahedral()", "trivial(1)")}')
    recipe = read_recipe(path)
    assert [task.detail for task in recipe.tasks] == ["0", "1"]
    pack = Pack(build(recipe, tmp_path))
    assert [pack.read(task.name).tensors["change"].tolist() for task in recipe.tasks] == [[[1.0]], [[1.0]]]


def test_the_recipes_of_the_package():
    folder = Path(__file__).parents[2] / "bases" / "recipes"
    found = {path.stem: read_recipe(path) for path in sorted(folder.glob("*.toml"))}
    assert set(found) == {"axial", "polyhedral", "reflections", "spatial"}
    assert all(recipe.name == name and recipe.about for name, recipe in found.items())
    assert {path.stem for path in folder.parent.glob("packs/*")} == set(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "a recipe in TOML is required"),
        (SOLVE, r'name = "...", of letters, digits'),
        (f'name = "../x"\n{SOLVE}', r"received '../x'"),
        ('name = "x"', r"at least one \[\[solve\]\] table is required; there is none"),
        (
            f'name = "x"\nnames = 3\n{SOLVE}',
            r"a recipe: keys among about, groups, name, solve are required; received 'names': did you mean 'name'\?",
        ),
        ('name = "x"\n[[solve]]\ngroups = []', r"\[\[solve\]\] number 1: what = ..., one of irreps, .*; there is none"),
        (f'name = "x"\n{SOLVE}[[solve]]\nwhat = "spheres"', r"number 2: what = ..., one of irreps, .*; received 'spheres'"),
        (
            'name = "x"\n[[solve]]\nwhat = "harmonics"\ngroups = ["octahedral()"]',
            "max_degree = a whole number >= 0 is required",
        ),
        (f'name = "x"\n{SOLVE.replace("max", "least")}', "harmonics: keys among groups, max_degree, what are required"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", "octagon()")}', r"a group such as .* received 'octagon\(\)'"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", "cyclic(0)")}', r"received 'cyclic\(0\)'"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", "so2.__class__()")}', "a group such as"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", "planar_rotation(1.0)")}', "a group is required"),
        ('name = "x"\n[groups.a]\ngenerator = []\n' + SOLVE, r"\[groups.a\]: keys among generators"),
        ('name = "x"\n[groups.a]\ngenerators = [[[2.0]]]\n' + SOLVE.replace("octahedral()", "a"), "orthogonal matrices"),
        (f'name = "x"\n{SOLVE.replace("max_degree", "max_deg")}', r"received 'max_deg': did you mean 'max_degree'\?"),
        (f'name = "x"\n{SOLVE.replace("harmonics", "harmonic")}', r"received 'harmonic': did you mean 'harmonics'\?"),
        (f'name = "x"\nzzz = 3\n{SOLVE}', "received 'zzz'$"),  # nothing is near
        # values that would fill the disk
        (
            f'name = "x"\n{SOLVE.replace("2", "1_000_000_000")}',
            r"max_degree <= 100 is required; received 1000000000; of full",
        ),
        (
            'name = "x"\n[[solve]]\nwhat = "wigner_j"\nmax_degree = 101',
            r"max_degree <= 100 .* 101; all matrices to .* 11 MB",
        ),
        ('name = "x"\n[[solve]]\nwhat = "gauss_legendre"\nmax_nodes = 1001', r"max_nodes <= 1000 .* 1001; .* 8 MB"),
        (
            'name = "x"\n[[solve]]\nwhat = "clebsch_gordan"\nmax_degree = 21\ngroups = ["so3()"]',
            "max_degree <= 20 is required; received 21; of so3.. degree 12 is 32 MB",
        ),
        # values of another kind
        (f'name = "x"\nabout = 3\n{SOLVE}', 'about = "...", a sentence, is required; received 3'),
        (f'name = "x"\ngroups = 5\n{SOLVE}', r"a table \[groups.NAME\] with .* is required; received groups = 5"),
        (f'name = "x"\n[[groups]]\ngenerators = []\n{SOLVE}', r"a table \[groups.NAME\] .*; received \[\[groups\]\]"),
        (f'name = "x"\n[groups]\na = 3\n{SOLVE}', r"a table \[groups.NAME\] .*; received \[groups\]"),
        (f'name = "x"\n[groups.a]\n{SOLVE}', r"\[groups.a\]: generators = a list of square matrices, .*; there is none"),
        (f'name = "x"\n[groups.a]\ngenerators = 3\n{SOLVE}', r"\[groups.a\]: generators = a list .*; received 3"),
        (f'name = "x"\n[groups.a]\ngenerators = []\n{SOLVE}', r"generators = a list of square matrices, .* received \[\]"),
        (f'name = "x"\n[groups.a]\ngenerators = [[[1.0, 0.0]]]\n{SOLVE}', "a list of square matrices"),
        (
            'name = "x"\n[solve]\nwhat = "irreps"',
            r"a table \[\[solve\]\], in double brackets, is required; received \[solve\]",
        ),
        ('name = "x"\nsolve = 3', r"a table \[\[solve\]\], .*; received solve = 3"),
        ('name = "x"\n[[solve]]\nwhat = ["layer"]', r"what = ..., one of .*; received \['layer'\]"),
        (f'name = "x"\n{SOLVE.replace("2", "1.5")}', "max_degree = a whole number >= 0 is required; received 1.5"),
        (f'name = "x"\n{SOLVE.replace("2", "true")}', "max_degree = .*; received True"),
        (f'name = "x"\n{SOLVE.replace("2", chr(34) + "3" + chr(34))}', "max_degree = .*; received '3'"),
        ('name = "x"\n[[solve]]\nwhat = "wigner_j"\nmax_degree = 1.5', "max_degree = .*; received 1.5"),
        ('name = "x"\n[[solve]]\nwhat = "gauss_legendre"\nmax_nodes = 0', "max_nodes = a whole number >= 1 is required"),
        ('name = "x"\n[[solve]]\nwhat = "clebsch_gordan"\ngroups = ["so3()"]', "max_degree = .* is required; there is none"),
        ('name = "x"\n[[solve]]\nwhat = "irreps"', "groups = a list of groups, .* is required; there is none"),
        (
            'name = "x"\n[[solve]]\nwhat = "irreps"\ngroups = "octahedral()"',
            r"a list of groups.*; received 'octahedral\(\)'",
        ),
        ('name = "x"\n[[solve]]\nwhat = "irreps"\ngroups = 5', "a list of groups, .*; received 5"),
        (
            'name = "x"\n[[solve]]\nwhat = "irreps"\ngroups = ["so3()"]',
            r"irreps: finite groups are required; 'so3\(\)' is not",
        ),
        ('name = "x"\n[[solve]]\nwhat = "irreps"\ngroups = ["from_generators([[1.0]])"]', "a group such as"),
        (LAYER.replace('in = "regular"', "in = 3"), "in = fields as text, .*; received 3"),
        (LAYER.replace('in = "regular"', 'in = ["regular"]'), r"in = fields as text, .*; received \['regular'\]"),
        (LAYER.replace('in = "regular"', 'in = "spinor"'), "spinor"),
        (LAYER.replace("kernel_size = 3", ""), "kernel_size = a whole number >= 1 .* is required; there is none"),
        (LAYER.replace("kernel_size = 3", "kernel_size = 3.0"), "kernel_size = .*; received 3.0"),
        (LAYER.replace("kernel_size = 3", "kernel_size = [3, 3]"), "kernel_size: 3 whole numbers >= 1 are required"),
        (LAYER + "rings = 1.0", "rings = a list of radii >= 0 and <= 1e6, .* is required; received 1.0"),
        (LAYER + "widths = 0", "widths = a list with one number .* for each ring, .* is required; received 0"),
        (
            LAYER + "widths = [0.0, 1.0]",
            r"a list with one number >= 1e-6 and <= 1e6 for each ring, .*; received \[0.0, 1.0\]",
        ),
        (LAYER + "rings = [0.0, 1.0]\nwidths = [1.0]", "one width per radius is required"),
        (LAYER + "lattice = 3", "lattice = the name of a lattice, .*; received 3"),
        (LAYER + 'lattice = "square"', "lattice: one of .* is required"),
        (
            LAYER + 'spacing = "1"',
            "spacing = a number >= 1e-6 and .*, or a list with one for each axis, is required; received '1'",
        ),
        (LAYER + "spacing = -1", "spacing = a number >= 1e-6 and <= 1e6, .* received -1"),
        (LAYER + "band_limit = 1.5", "band_limit = a whole number >= 0 .*; received 1.5"),
        (LAYER + "band_limit = [1]", "band_limit: one degree, or one for each of 2 rings"),
        # values far out of bounds, which would hang or end in torch
        ("about = " + 100_000 * "[", "a recipe in TOML is required; reading it says: maximum recursion depth"),
        ("about = " + 100_000 * "9", "a recipe in TOML is required; reading it says: .* digits"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", "cyclic(100000)")}', "number 1: .*at most 128 turns are required"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", f"dihedral({10**23}, d=3)")}', "number 1: .*at most 128 turns"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", "cyclic(n=129)")}', "number 1: .*at most 128 turns"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", 100_000 * "-" + "1")}', "number 1: "),
        (LAYER.replace("kernel_size = 3", "kernel_size = 1000001"), "number 1: kernel_size = .* <= 255, .* 1000001"),
        (
            LAYER.replace("kernel_size = 3", "kernel_size = 18"),
            "number 1: kernel_size: at most 5000 taps .* 18, which are 5832",
        ),
        (LAYER.replace("kernel_size = 3", "kernel_size = [18, 18, 18]"), "kernel_size: at most 5000 taps"),
        (LAYER.replace('in = "regular"', 'in = "99999999999xregular"'), "number 1: in: a multiplicity of at most 10000 is"),
        (LAYER.replace('out = "regular"', f'out = "{9999 * "9"}x0"'), "number 1: out: a multiplicity of at most 10000 is"),
        (
            LAYER.replace("octahedral", "so3").replace("regular", "101"),
            "number 1: in: a number in a label of at most 100 is",
        ),
        (LAYER + "band_limit = 1000000", "number 1: band_limit = .* <= 100, .* received 1000000"),
        (LAYER + "spacing = 1e-300", "number 1: spacing = .* received 1e-300"),
        (LAYER + "spacing = 1e308", r"number 1: spacing = .* received 1e\+308"),
        (LAYER + "spacing = nan", "number 1: spacing = .* received nan"),
        (LAYER + "spacing = [1e-6, 1.0, 1.0]", "number 1: spacing: at most 100 times the smallest is required"),
        (LAYER + "rings = [1e300]", r"number 1: rings = .* received \[1e\+300\]"),
        # groups that nobody means
        (
            f'name = "x"\n[groups.a]\ngenerators = [[[-1.0]]]\n{SOLVE}',
            r"\[groups.a\]: a \[\[solve\]\] that names this group is",
        ),
        (
            f'name = "x"\n[groups."octahedral()"]\ngenerators = [[[-1.0]]]\n{SOLVE}',
            r"\[groups.octahedral\(\)\]: a name without brackets is required",
        ),
        (
            'name = "x"\n[[solve]]\nwhat = "irreps"\ngroups = ["tetrahedral()", "cyclic(4)"]',
            r"number 1: irreps: a group without closed forms is required, .* received cyclic\(4\)",
        ),
    ],
)
def test_recipes_that_cannot_be_read(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message) as error:
        read_recipe(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fault", [RuntimeError("a\nb"), MemoryError(), OverflowError("big"), RecursionError("deep")])
def test_faults_below_name_file_and_number(tmp_path, monkeypatch, fault):
    """What no bound has foreseen."""

    def fail(*_):
        raise fault

    monkeypatch.setattr("steer.bases._recipe.read_group", fail)
    path = tmp_path / "bad.toml"
    path.write_text(f'name = "x"\n{SOLVE}')
    said = " ".join(str(fault).split()) or "MemoryError"
    with pytest.raises(RecipeError, match=rf"bad.toml: \[\[solve\]\] number 1: {said}$"):
        read_recipe(path)


def test_missing_recipes(tmp_path):
    with pytest.raises(RecipeError, match="a recipe is required; reading it says: No such file"):
        read_recipe(tmp_path / "none.toml")


def test_equal_groups_are_one_task(tmp_path):
    """Under the same name there can be one entry only, and a pack says by which task it was made."""
    path = tmp_path / "equal.toml"
    solve = """[[solve]]\nwhat = "harmonics"\nmax_degree = 1\ngroups = ["cyclic(1)", "cyclic(2)", "trivial()"]"""
    path.write_text(f'name = "equal"\n{solve}')
    recipe = read_recipe(path)
    assert [task.group for task in recipe.tasks] == ["trivial()", "trivial()", "cyclic(2)", "cyclic(2)"]
    build(recipe, tmp_path)
    (finding,) = verify([tmp_path])
    assert finding.problems == ()
