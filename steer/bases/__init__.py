"""Making packs: recipes, the build, and the proof that what a pack holds is right.

Imports the rooms up to `expansion`, and `joblib` when something is built. Law of the room: a pack is a function of its
recipe, bit by bit, however many workers build it.
"""

from steer.bases._build import build, default_workers, parts_folder
from steer.bases._compare import Difference, compare
from steer.bases._recipe import Recipe, RecipeError, read_recipe
from steer.bases._task import Task
from steer.bases._verify import Finding, verify

__all__ = [
    "Difference",
    "Finding",
    "Recipe",
    "RecipeError",
    "Task",
    "build",
    "compare",
    "default_workers",
    "parts_folder",
    "read_recipe",
    "verify",
]
