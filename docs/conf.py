"""Sphinx: the site that `make docs` builds into docs/_build."""

import shutil
from pathlib import Path

from sphinx.application import Sphinx

import merclip_jax

HERE = Path(__file__).parent
ROOT = HERE.parent

project = "merclip_jax"
author = "the authors of merclip_jax"
version = release = merclip_jax.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["jupyter_execute", "_build"]
html_theme = "furo"
html_title = f"merclip_jax {release}"
html_copy_source = False
nb_execution_mode = "off"  # the tests run the notebooks
myst_heading_anchors = 3
myst_enable_extensions = ["linkify"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
nitpicky = False
suppress_warnings = ["misc.highlighting_failure"]  # cells that install are no plain Python

# What lies beside the code that it is about is shown in copies; links to it lead there.
COPIES = {  # folder of the site -> files of the repository and their names there
    "_notebooks": {path: path.name for path in (ROOT / "colab").glob("*.ipynb")},
    "_corpora": {
        path: f"{path.parent.name}.md" for path in (ROOT / "tfds_builders").glob("*/README.md")
    },
    "_files": {
        ROOT / "benchmarks" / "real_faces.csv": "real_faces.csv",
        ROOT / "tests" / "goldens" / "README.md": "goldens.md",
    },
}
PLACES = {
    str(path.relative_to(ROOT)): f"{folder}/{name}"
    for folder, files in COPIES.items()
    for path, name in files.items()
}
for folder, files in COPIES.items():
    shutil.rmtree(HERE / folder, ignore_errors=True)
    (HERE / folder).mkdir()
    for path, name in files.items():
        shutil.copy(path, HERE / folder / name)


def _with_links(app: Sphinx, name: str, source: list[str]) -> None:
    """Links out of docs/ lead to the copies."""
    for path, place in PLACES.items():
        source[0] = source[0].replace(f"](../{path})", f"]({place})")


def setup(app: Sphinx) -> None:
    """Register what is above."""
    app.connect("source-read", _with_links)
