"""What report.json says of the action units (AUs) of a finished run."""

import numpy as np
from jaxtyping import Int

from merclip_jax import templates
from merclip_jax.errors import ConfigError
from merclip_jax.facs import emotion_rules
from merclip_jax.facs import labels as au_labels
from merclip_jax.reports.results import Predictions, Results
from merclip_jax.scoring import abstention, au_baselines, au_metrics, metrics, sides

NAMES = {"f1": "F1", "f1_macro": "F1 of both states"}


def of_run(run: Results) -> dict:
    """Scores of the units: each (mean over the seeds), and their means with intervals."""
    predictions, labels = run.headline, run.headline.au_labels
    predicted = predictions.au_probabilities > 0.5
    tables = [
        au_metrics.table(labels, row, scores, predictions.units)
        for row, scores in zip(predicted, predictions.au_probabilities, strict=True)
    ]
    per_unit = {}
    for unit, first in tables[0].items():
        every = [table[unit] for table in tables]
        means = {name: float(np.mean([row[name] for row in every])) for name in ("f1", "f1_macro")}
        area = None if first["auc"] is None else float(np.mean([row["auc"] for row in every]))
        per_unit[unit] = means | {"auc": area, "support": first["support"]}
    return {
        "per_au": per_unit,
        **metrics.pooled(subject_counts(run, predictions), au_metrics.HEADLINE),
        **_of_emotions(run),
        "sides": sides.told_apart(
            labels, predictions.au_probabilities, predictions.units, run.subjects
        ),
        "bounds": _marks(run),
        "parts": _parts(run),
        "paper": _paper(run),
    }


def subject_counts(
    run: Results, predictions: Predictions, chosen: np.ndarray | slice = slice(None)
) -> Int[np.ndarray, "k s u 2"]:
    """Counts per seed and subject, as `metrics` resamples them; of `chosen` clips alone."""
    predicted = predictions.au_probabilities[:, chosen] > 0.5
    return au_metrics.subject_counts(predictions.au_labels[chosen], predicted, run.subjects[chosen])


def _of_emotions(run: Results) -> dict:
    """How many clips are undecided, and UF1 if they count as errors; None without classes."""
    predictions = run.headline
    if not run.class_names:
        return {"undecided": None, "uf1_abstaining": None}
    undecided = np.stack([emotion_rules.undecided(seed) for seed in predictions.probabilities])
    score = abstention.uf1(
        run.labels, predictions.classes, undecided, run.subjects, len(run.class_names)
    )
    return {"undecided": float(undecided.mean()), "uf1_abstaining": score}


def rules_told_the_truth(run: Results) -> float | None:
    """UF1 of the rules that the run used, told the annotated units.

    None where the run did not read emotions by rule, or the file of its rules is gone.
    """
    settings, predictions = run.run["config"]["au"], run.headline
    if settings.get("emotion", "rules") != "rules":
        return None
    try:
        rules = emotion_rules.read(run.class_names, predictions.units, settings.get("rules", ""))
    except ConfigError:
        return None
    return au_baselines.told_the_truth(rules, predictions.au_labels, run.labels).uf1


def _marks(run: Results) -> dict[str, dict[str, float]]:
    """What guessers reach, who learn their rates from the clips that a fold does not test."""
    others = au_labels.matrix(run.only_trained["action_units"], run.headline.units)
    labels = np.concatenate([run.headline.au_labels, others])
    folds = run.clips["fold"].tolist() + [""] * len(others)
    return au_baselines.all_marks(labels, np.array(folds, object))


def _parts(run: Results) -> dict[str, dict]:
    """Scores of each part of the run, beside what saying every unit gives there."""
    parts = {}
    for name, own in run.parts.items():
        always = au_baselines.scores(au_baselines.always(run.headline.au_labels[own]))
        sizes = {"n_clips": int(own.sum()), "n_subjects": len(set(run.subjects[own]))}
        counts = subject_counts(run, run.headline, own)
        parts[name] = sizes | metrics.pooled(counts, au_metrics.HEADLINE) | {"always": always}
    return parts


def _paper(run: Results) -> dict | None:
    """The scores with the epoch chosen on the test subjects, and what that choice alone gains."""
    if "paper" not in run.predictions or "last" not in run.predictions:
        return None
    chosen, honest = (
        metrics.pooled(subject_counts(run, run.predictions[name]), au_metrics.HEADLINE)
        for name in ("paper", "last")
    )
    gap = {name: chosen[name]["value"] - honest[name]["value"] for name in chosen}
    return {"metrics": chosen, "gap": gap}


def lines(values: dict) -> list[str]:
    """The scores beside their marks, as text for a terminal."""
    rows = ["", f"{'Action units':26}value   95 % interval"]
    for key, name in NAMES.items():
        interval = templates.interval(values[key]["ci95"])
        rows.append(f"  {name:24}{values[key]['value']:.3f}   {interval}")
    if values["paper"]:
        rows += ["", f"{'Epoch chosen on the test subjects (a leak)':44}F1      gain"]
        paper = values["paper"]
        value, gap = paper["metrics"]["f1"]["value"], paper["gap"]["f1"]
        rows.append(f"{'  as published code does it':44}{value:.3f}  {gap:+.3f}")
    rows += ["", "F1 without any model"]
    for key, mark in values["bounds"].items():
        rows.append(f"  {au_baselines.MEANINGS[key][0]:24}{mark['f1']:.3f}")
    if values["parts"]:
        rows += ["", f"{'F1 part by part':26}value   95 % interval    every unit, always"]
    for name, part in values["parts"].items():
        interval, always = templates.interval(part["f1"]["ci95"]), part["always"]["f1"]
        rows.append(f"  {name:24}{part['f1']['value']:.3f}   {interval}   {always:.3f}")
    return rows
