"""What a report shows of action units (AUs) beside their scores."""

from typing import Any

import numpy as np

from merclip_jax.facs import regions
from merclip_jax.reports import au_examples, au_maps, figures
from merclip_jax.reports.results import Results
from merclip_jax.scoring import attention
from merclip_jax.scoring.attention import Attention


def of_run(run: Results) -> dict[str, figures.Chart]:
    """The pictures by name; none where the run tells no units."""
    if not run.headline.units:
        return {}
    pictures, looked = {"units": _together(run)}, _looked(run)
    if looked:
        pictures["regions"] = au_maps.regions_chart(looked, run.headline.units, _frame(run))
        if _settings(run)["dependency"]:
            pictures["dependency"] = au_maps.units_chart(looked, run.headline.units)
    return pictures


def words(run: Results) -> dict[str, Any]:
    """What the templates say beside the pictures.

    Returns:
      {reading, local, inside, clips}: how the emotion is read off the units, 'rules' or 'text';
      whether a unit sees its own region alone; the share of attention within the regions, None
      where the run left none; and the best and worst clips. {} where the run tells no units.
    """
    if not run.headline.units:
        return {}
    looked, settings = _looked(run), _settings(run)
    return {
        "reading": settings.get("emotion", "rules"),
        "local": settings["regions"],
        "inside": au_maps.share_inside(looked, run.headline.units, _frame(run)) if looked else None,
        "clips": au_examples.best_and_worst(run),
    }


def _looked(run: Results) -> Attention | None:
    """The attention of all folds and seeds, or None unless each has left its own."""
    files = [
        attention.file(run.workdir / "folds" / fold, seed)
        for fold in run.clips["fold"].unique()
        for seed in run.run["seeds"]
    ]
    if not all(file.is_file() for file in files):
        return None
    return attention.total(attention.read(file, run.headline.units) for file in files)


def _settings(run: Results) -> dict[str, Any]:
    return run.run["config"]["au"]


def _frame(run: Results) -> regions.Frame:
    crop = run.run["config"]["data"]["crop"]
    return regions.Frame.of_crop(crop, _settings(run)["eye_distance"], _settings(run)["eye_height"])


def _together(run: Results) -> figures.Chart:
    """Which units move together, as annotated and as told."""
    predictions = run.headline
    truth = (predictions.au_labels == 1).astype(int)
    predicted = (predictions.au_probabilities[0] > 0.5).astype(int)
    counts = np.triu(truth.T @ truth) + np.tril(predicted.T @ predicted, -1)
    return figures.together_chart(counts, predictions.units)
