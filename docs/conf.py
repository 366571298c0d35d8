"""Configuration of the documentation. `make docs` builds it; every warning is an error, every notebook is executed."""

import re
import shutil
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent

project = "steer"
author = "The steer authors"
copyright = "2026, The steer authors"  # the name that Sphinx reads
release = re.search(r'__version__ = "(.+)"', (ROOT / "steer" / "version.py").read_text(encoding="utf-8")).group(1)
version = release


def copy_tutorials(source: Path, target: Path) -> None:
    """Mirror `tutorials/` into a folder inside the documentation that git ignores, with a page that lists them.

    Sphinx reads nothing outside its own folder. A file keeps its time of change, so that an unchanged tutorial
    stays unchanged for Sphinx; one that is gone is removed. A tutorial named `index.md` replaces the list.
    """
    kept = {path.relative_to(source) for path in source.rglob("*") if path.suffix in {".md", ".png", ".svg", ".npz"}}
    for path in target.rglob("*"):
        if path.is_file() and path.relative_to(target) not in kept:
            path.unlink()
    target.mkdir(exist_ok=True)
    for path in kept:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / path, target / path)
    if Path("index.md") not in kept:
        names = "".join(f"{path.with_suffix('').as_posix()}\n" for path in sorted(kept) if path.suffix == ".md")
        text = f"# Tutorials\n\n```{{toctree}}\n:maxdepth: 1\n\n{names}```\n"
        (target / "index.md").write_text(text, encoding="utf-8")


copy_tutorials(ROOT / "tutorials", HERE / "tutorials")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "jupyter_execute", "**/.ipynb_checkpoints"]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath", "linkify"]
myst_linkify_fuzzy_links = False
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 900  # seconds for one cell, on a busy machine too
nb_merge_streams = True
nb_render_markdown_format = "myst"  # tables that cells make are tables; the default knows none

# Docstrings use single backticks for code, and |x| and * as mathematics does.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"show-inheritance": True}

html_theme = "furo"
html_title = f"steer {release}"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def escape_marks(app, what, name, obj, options, lines) -> None:
    """Take `|` and `*` outside of code in docstrings literally; reStructuredText would read markup into them."""
    in_example = False
    for number, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if not in_example:
            pieces = re.split(r"(`[^`]*`)", line)
            pieces[::2] = [re.sub(r"(?<!\\)([|*])", r"\\\1", piece) for piece in pieces[::2]]
            lines[number] = "".join(pieces)


def setup(app) -> None:
    app.connect("autodoc-process-docstring", escape_marks, priority=400)  # before the one of napoleon
