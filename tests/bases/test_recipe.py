"""Recipes: what they ask for, and clear errors for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from steer.bases import RecipeError, read_recipe

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


def test_the_recipes_of_the_package():
    folder = Path(__file__).parents[2] / "bases" / "recipes"
    found = {path.stem: read_recipe(path) for path in sorted(folder.glob("*.toml"))}
    assert set(found) == {"axial", "polyhedral", "spatial"}
    assert all(recipe.name == name and recipe.about for name, recipe in found.items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "a recipe in TOML is required"),
        (SOLVE, r'name = "...", of letters, digits'),
        (f'name = "../x"\n{SOLVE}', r"received '../x'"),
        ('name = "x"', r"at least one \[\[solve\]\] table is required; there is none"),
        (
            f'name = "x"\nnames = 3\n{SOLVE}',
            "a recipe: keys among about, groups, name, solve are required; received 'names'",
        ),
        ('name = "x"\n[[solve]]\ngroups = []', r"\[\[solve\]\] number 1: what = ... is required"),
        (f'name = "x"\n{SOLVE}[[solve]]\nwhat = "spheres"', r"number 2: what, one of irreps, .*; received 'spheres'"),
        ('name = "x"\n[[solve]]\nwhat = "harmonics"\ngroups = ["octahedral()"]', "max_degree = ... is required"),
        (f'name = "x"\n{SOLVE.replace("max", "least")}', "harmonics: keys among groups, max_degree, what are required"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", "octagon()")}', r"a group such as .* received 'octagon\(\)'"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", "cyclic(0)")}', r"received 'cyclic\(0\)'"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", "so2.__class__()")}', "a group such as"),
        (f'name = "x"\n{SOLVE.replace("octahedral()", "planar_rotation(1.0)")}', "a group is required"),
        ('name = "x"\n[groups.a]\ngenerator = []\n' + SOLVE, r"\[groups.a\]: keys among generators"),
        ('name = "x"\n[groups.a]\ngenerators = [[[2.0]]]\n' + SOLVE.replace("octahedral()", "a"), "orthogonal matrices"),
    ],
)
def test_recipes_that_cannot_be_read(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message) as error:
        read_recipe(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_recipes(tmp_path):
    with pytest.raises(RecipeError, match="a recipe is required; reading it says: No such file"):
        read_recipe(tmp_path / "none.toml")
