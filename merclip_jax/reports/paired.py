"""Two runs on the same clips, subject by subject: differences with intervals and p values."""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.protocols import selection
from merclip_jax.reports import au_scores, results
from merclip_jax.reports.results import Predictions, Results
from merclip_jax.scoring import au_metrics, metrics
from merclip_jax.scoring.metrics import Comparison

NAMES = {
    "uf1": "UF1",
    "uar": "UAR",
    "accuracy": "accuracy",
    "weighted_f1": "weighted F1",
    **{f"au_{key}": f"AU: {name}" for key, name in au_scores.NAMES.items()},
}


def subject_counts(run: Results, predictions: Predictions) -> Int[np.ndarray, "k s c c"]:
    """Confusion matrices per seed and subject."""
    return metrics.subject_confusions(
        run.labels, predictions.classes, run.subjects, len(run.class_names)
    )


def compare(first: Results, second: Results, flag: str = "--against") -> dict[str, Comparison]:
    """Paired comparison of two runs: for each score first - second, its interval and p value.

    `flag` is what named the second one, for messages.

    Raises:
      ConfigError: the runs are not on the same clips, subjects and classes in the same order, or
        have different numbers of seeds, or there are no classes and they tell different units.
    """
    _refuse_unlike(first, second, flag)
    runs, compared = (first, second), {}
    if first.class_names:
        ours, theirs = (subject_counts(run, run.headline) for run in runs)
        for name, metric in metrics.HEADLINE.items():
            compared[name] = metrics.compare(ours, theirs, metric)
    if first.headline.units and first.headline.units == second.headline.units:
        ours, theirs = (au_scores.subject_counts(run, run.headline) for run in runs)
        for name, metric in au_metrics.HEADLINE.items():
            compared[f"au_{name}"] = metrics.compare(ours, theirs, metric)
    return compared


def against_baseline(run: Results) -> dict | None:
    """The run beside the baseline that its config names (`eval.baseline`), as JSON values.

    Returns:
      {system, workdir, metrics {name: {value, difference, ci95, p_value}}}, value being the
      baseline's; None if none is named, or its folder is gone.

    Raises:
      ConfigError: the two are not on the same clips and classes.
    """
    folder = run.run["config"].get("eval", {}).get("baseline", "")
    try:
        baseline = results.read(Path(folder)) if folder else None
    except (ConfigError, DataError):
        return None
    if baseline is None:
        return None
    scores = {}
    for name, outcome in compare(run, baseline, "--config.eval.baseline").items():
        family = au_metrics.HEADLINE if name.startswith("au_") else metrics.HEADLINE
        count = au_scores.subject_counts if name.startswith("au_") else subject_counts
        pooled = count(baseline, baseline.headline).sum(1)
        scores[name] = {
            "value": float(family[name.removeprefix("au_")](pooled).mean()),
            "difference": outcome.difference,
            "ci95": list(outcome.ci95),
            "p_value": outcome.p_value,
        }
    return {"system": baseline.run["system"], "workdir": folder, "metrics": scores}


def _refuse_unlike(first: Results, second: Results, flag: str) -> None:
    """Unlike lists of clips give scores that mean different things."""
    fingerprints = [selection.fingerprint(run.clips) for run in (first, second)]
    if fingerprints[0] != fingerprints[1]:
        described = [
            f"{run.workdir}: {run.run['protocol']['name']}, {len(run.clips)} clips, "
            f"fingerprint {fingerprint[:12]}"
            for run, fingerprint in zip((first, second), fingerprints, strict=True)
        ]
        raise ConfigError(
            f"{flag}: the runs are not on the same clips and classes ({'; '.join(described)}). "
            "Only runs with one fingerprint can be compared."
        )
    if first.class_names != second.class_names:
        raise ConfigError(
            f"{flag}: the classes are in another order ({first.class_names} and "
            f"{second.class_names}). Train both runs with the same protocol."
        )
    units = [run.headline.units for run in (first, second)]
    if not first.class_names and units[0] != units[1]:
        raise ConfigError(
            f"{flag}: one run tells the action units {', '.join(units[0])}, the other "
            f"{', '.join(units[1])}. Train both with the same --config.au.units and "
            "--config.au.sides."
        )
    seeds = [len(run.run["seeds"]) for run in (first, second)]
    if seeds[0] != seeds[1]:
        raise ConfigError(
            f"{flag}: {seeds[0]} and {seeds[1]} seeds. A paired test needs equally many; train "
            "the run that lacks seeds again with config.seeds of the other."
        )
