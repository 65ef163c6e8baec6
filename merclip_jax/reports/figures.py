"""The report's pictures: numbers in, a chart out, for a page or for a paper.

In a page, colours and sizes are names of its CSS variables and letters are real text, so that a
picture fills its column in the reader's light or dark setting and fonts, with letters as large as
those around it. Every picture carries a description.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from jaxtyping import Float, Num
from markupsafe import escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

# matplotlib wants colours: these stand for CSS variables, and are exchanged in the SVG.
INK, MUTED, ACCENT, LINE, PAPER = (f"#01010{i}" for i in range(1, 6))
_VARIABLES = {INK: "ink", MUTED: "muted", ACCENT: "accent", LINE: "line", PAPER: "paper"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "merclip",  # the same numbers give the same bytes
    "font.sans-serif": ["DejaVu Sans"],  # for the layout; the page sets its own face
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
}
SMALL = 8  # points
LEADING = 0.3  # from line to line in a cell, over its side
_WIDTH = 4.2  # inches: narrow, so that letters stay readable on a phone


SAID = "said: "  # begins what a point says when the pointer rests on it


def speaking(axes: Axes, at: tuple[Any, Any], words: str) -> None:
    """An unseen point that tells its values when the pointer rests on it, in a page."""
    axes.plot(*at, "o", color=INK, alpha=0, ms=11, gid=SAID + words)


@dataclass(frozen=True)
class Chart:
    """A picture and what it shows in words; a template shows it as `__html__` gives it."""

    figure: Figure
    description: str

    def __html__(self) -> str:
        """An inline SVG element that screen readers announce as one picture."""
        target = io.StringIO()
        with mpl.rc_context(_STYLE):
            nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            self.figure.savefig(target, format="svg", transparent=True, metadata=nothing)
        text = target.getvalue()
        text = text[text.index("<svg") :]
        text = re.sub(r' id="[^"]*_\d+"', "", text)  # names repeat in others; nothing refers
        for color, name in _VARIABLES.items():
            text = text.replace(color, f"var(--{name})")
        text = re.sub(r"(font-size: |stroke-width: )([\d.]+)(?:px)?", _sized, text)
        text = re.sub(rf'<g id="{SAID}([^"]*)">', r"<g><title>\1</title>", text)
        label = escape(self.description)
        return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _sized(match: re.Match[str]) -> str:
    """A size that the page scales: `--letters` and `--strokes` are below 1 in a wide column.

    Letters that were made small for want of room grow with the picture.
    """
    name, size = match.groups()
    if "font" in name and float(size) < SMALL:
        return f"{name}{size}px"
    return f"{name}calc({size}px * var(--{'letters' if 'font' in name else 'strokes'}, 1))"


@dataclass(frozen=True)
class Mark:
    """One row of the score chart: a dot, with an interval if it was measured."""

    name: str
    value: float
    interval: tuple[float, float] | None = None


def score_chart(marks: Sequence[Mark], description: str) -> Chart:
    """Scores from 0 to 1, one row each; the first mark's interval is shaded over all rows."""
    figure, (axes,) = canvas(0.34 * len(marks) + 0.5)
    rows = np.arange(len(marks))[::-1]
    if marks[0].interval:
        axes.axvspan(*marks[0].interval, color=ACCENT, alpha=0.14, lw=0)
    for row, mark in zip(rows, marks, strict=True):
        color = ACCENT if mark.interval else MUTED
        if mark.interval:
            axes.plot(mark.interval, (row, row), color=color, lw=2.5, solid_capstyle="round")
        axes.plot(mark.value, row, "o", color=color, ms=6 if mark.interval else 4)
        ends = f", {mark.interval[0]:.3f} to {mark.interval[1]:.3f}" if mark.interval else ""
        speaking(axes, (mark.value, row), f"{mark.name}: {mark.value:.3f}{ends}")
        right = mark.interval[1] if mark.interval else mark.value
        axes.annotate(
            f"{mark.value:.2f}",
            (right, row),
            (7, 0),
            textcoords="offset points",
            va="center_baseline",
            color=INK,
        )
    axes.set_yticks(rows, [mark.name for mark in marks])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set(xlim=(0, 1.08), ylim=(-0.6, len(marks) - 0.4), xlabel="UF1")
    axes.set_xticks(np.arange(0, 1.01, 0.25))
    axes.spines["left"].set_visible(False)
    return Chart(figure, description)


def confusion_chart(counts: Num[np.ndarray, "c c"], classes: Sequence[str]) -> Chart:
    """The confusion matrix: clips, and below them and as shade the share of the true class."""
    size = len(classes)
    figure, (axes,) = canvas(0.6 * size + 0.9)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    cells = [
        [f"{count:g}\n{100 * share:.0f} %" for count, share in zip(*row, strict=True)]
        for row in zip(counts, shares, strict=True)
    ]
    grid(axes, cells, shares, classes)
    axes.set(xlabel="predicted", ylabel="true")
    spoken = "; ".join(
        f"true {name}: " + ", ".join(f"{counts[i, j]:g} {other}" for j, other in enumerate(classes))
        for i, name in enumerate(classes)
    )
    return Chart(figure, f"Confusion matrix, clips by true and predicted class. {spoken}.")


def together_chart(counts: Num[np.ndarray, "u u"], units: Sequence[str]) -> Chart:
    """Clips in which two units move: above the diagonal as annotated, below it as said."""
    figure, (axes,) = canvas(0.36 * len(units) + 0.9)
    apart = counts * (1 - np.eye(len(units), dtype=counts.dtype))
    grid(
        axes,
        [[f"{count:g}" for count in row] for row in counts],
        apart / max(apart.max(), 1),
        units,
    )
    often = np.argwhere(np.triu(counts, 1) == np.triu(apart, 1).max())[0]
    most = " and ".join(units[i] for i in often)
    return Chart(
        figure, f"Clips in which two action units move; annotated together most often: {most}."
    )


def grid(
    axes: Axes,
    cells: Sequence[Sequence[str]],
    shade: Float[np.ndarray, "n n"],
    names: Sequence[str],
) -> None:
    """A square of words on shaded cells."""
    size = len(names)
    for row, column in np.ndindex(size, size):
        part = float(shade[row, column])
        dark = part > 0.5  # between the two ranges no colour of letters would be readable
        axes.add_patch(
            Rectangle(
                (column - 0.48, row - 0.48),
                0.96,
                0.96,
                color=ACCENT,
                alpha=0.72 + 0.28 * part if dark else 0.04 + 0.44 * (2 * part) ** 0.5,
                lw=0,
            )
        )
        lines = cells[row][column].split("\n")
        for place, line in enumerate(lines):  # each by itself: it stays in the middle at any size
            axes.text(
                column,
                row + LEADING * (place - (len(lines) - 1) / 2),
                line,
                ha="center",
                va="center",
                color=PAPER if dark else INK,
                fontsize=None if size <= 8 else 6,
                rotation=0 if size <= 20 else 90,  # many cells are narrow and high
            )
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    slant = 0 if size <= 4 else 30 if size <= 8 else 90
    axes.set_xticks(range(size), names, rotation=slant, ha="right" if slant == 30 else "center")
    axes.set_yticks(range(size), names)
    axes.tick_params(length=0, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)


def learning_curves(history: pd.DataFrame) -> Chart:
    """Training loss and accuracy by epoch: thin lines for folds and seeds, thick for the mean.

    Epochs are counted from 1, as the progress of a run does; tables count from 0.
    """
    history = history.assign(epoch=history["epoch"] + 1)
    figure, panels = canvas(4.2, 2)
    for axes, column in zip(panels, ("loss", "accuracy"), strict=True):
        for _, fold in history.groupby(["seed", "fold"], sort=False):
            axes.plot(fold["epoch"], fold[column], color=MUTED, lw=0.6, alpha=0.35)
        mean = history.groupby("epoch")[column].mean()
        axes.plot(mean.index, mean, color=ACCENT, lw=2.2, marker="o" if len(mean) == 1 else "")
        for epoch, value in zip(mean.index.tolist(), mean.tolist(), strict=True):
            speaking(axes, (epoch, value), f"epoch {epoch}: mean {column} {value:.3f}")
        axes.set_ylabel(column)
        axes.grid(axis="y", lw=0.6)
    panels[1].set(xlabel="epoch", ylim=(-0.02, 1.02))
    panels[1].xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    means = history.groupby("epoch")[["loss", "accuracy"]].mean()
    first, last = means.iloc[0], means.iloc[-1]
    return Chart(
        figure,
        f"Learning curves on the training clips. Over {len(means)} epochs the mean loss goes from "
        f"{first['loss']:.2f} to {last['loss']:.2f}, the mean accuracy from "
        f"{first['accuracy']:.2f} to {last['accuracy']:.2f}.",
    )


def reliability_chart(table: pd.DataFrame) -> Chart:
    """How often the model is right (accuracy) against how sure it is (confidence), in bins.

    Args:
      table: from `metrics.reliability`; dots grow with the number of clips.
    """
    figure, (axes,) = canvas(3.4)
    axes.plot((0, 1), (0, 1), color=LINE, lw=1.5)
    area = 20 + 180 * table["n"] / table["n"].max()
    axes.plot(table["confidence"], table["accuracy"], color=ACCENT, lw=1)
    axes.scatter(table["confidence"], table["accuracy"], s=area, color=ACCENT, lw=0)
    axes.set(xlim=(0, 1.05), ylim=(-0.05, 1.05), xlabel="confidence", ylabel="share right")
    for sure, right, n in table[["confidence", "accuracy", "n"]].to_numpy():
        speaking(axes, (sure, right), f"confidence {sure:.2f}: {right:.2f} right of {n:.0f} clips")
    points = "; ".join(
        f"confidence {row.confidence:.2f}: {row.accuracy:.2f} right of {row.n} clips"
        for row in table.itertuples()
    )
    return Chart(figure, f"Reliability of the predicted probabilities. {points}.")


def canvas(height: float, panels: int = 1, columns: int = 1) -> tuple[Figure, Sequence[Axes]]:
    """An empty picture of a page's width and `height` inches, with rows x columns of axes."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        return figure, list(figure.subplots(panels, columns, sharex=True, squeeze=False).flat)
