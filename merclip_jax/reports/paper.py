"""A report's figures and tables as files for a paper: PDF, SVG and PNG; LaTeX and CSV."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.figure import Figure

from merclip_jax import workdir as files
from merclip_jax.reports import figures
from merclip_jax.reports.figures import Chart

INKS = {  # what a page's variables are on white paper
    figures.INK: "#000000",
    figures.MUTED: "#4d4d4d",
    figures.ACCENT: "#17637a",
    figures.LINE: "#b8b8b8",
    figures.PAPER: "#ffffff",
}
PARTS = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "svg.hashsalt": "merclip",
}  # letters stay text
UNDATED = {  # the same run gives the same bytes
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "png": {"Software": None},
}
DPI = 300


def write(folder: Path, charts: Mapping[str, Chart], tables: Mapping[str, pd.DataFrame]) -> None:
    """Write figures/NAME.pdf, .svg and .png, and tables/NAME.csv and .tex (needs booktabs).

    Args:
      folder: the run's.
      charts: by name.
      tables: by name; numbers in full in CSV, to three places in LaTeX.
    """
    for kind in ("figures", "tables"):
        (folder / kind).mkdir(exist_ok=True)
    for name, chart in charts.items():
        with _inked(chart.figure), mpl.rc_context(STYLE):
            for suffix, nothing in UNDATED.items():
                target = io.BytesIO()
                chart.figure.savefig(target, format=suffix, dpi=DPI, metadata=nothing)
                files.write(folder / "figures" / f"{name}.{suffix}", target.getvalue())
    for name, table in tables.items():
        files.write_table(folder / "tables" / f"{name}.csv", table)
        text = table.to_latex(index=False, escape=True, float_format="%.3f", na_rep="")
        files.write(folder / "tables" / f"{name}.tex", text)


@contextmanager
def _inked(figure: Figure) -> Iterator[None]:
    """The figure in colours of its own, for as long as it is saved."""
    figure.draw_without_rendering()  # only then all ticks are there
    engine = figure.get_layout_engine()
    figure.set_layout_engine("none")  # it has been laid out: once, not for every format
    _exchange(figure, INKS)
    yield
    figure.set_layout_engine(engine)
    _exchange(figure, {ink: variable for variable, ink in INKS.items()})


def _exchange(figure: Figure, colors: Mapping[str, str]) -> None:
    for artist in figure.findobj():
        for part in PARTS:
            read, change = (getattr(artist, f"{verb}_{part}", None) for verb in ("get", "set"))
            if read is None or change is None:
                continue
            values = to_rgba_array(read())
            named = [to_hex(value) for value in values]
            if any(name in colors for name in named):
                new = [to_rgba_array(colors.get(name, name))[0, :3] for name in named]
                mixed = np.column_stack([new, values[:, 3]])
                change(mixed if len(mixed) > 1 else tuple(mixed[0]))
