"""What report.json says of the action units (AUs) of a finished run."""

import numpy as np

from merclip_jax import metrics
from merclip_jax.au import emotion_rules
from merclip_jax.au import metrics as au_metrics
from merclip_jax.results import Results


def of_run(run: Results) -> dict:
    """Scores of the units: each (mean over the seeds), and their means with intervals."""
    told, labels = run.headline, run.headline.au_labels
    said = told.au_probabilities > 0.5
    tables = [
        au_metrics.table(labels, row, scores, told.units)
        for row, scores in zip(said, told.au_probabilities, strict=True)
    ]
    per_unit = {}
    for unit, first in tables[0].items():
        every = [table[unit] for table in tables]
        means = {name: float(np.mean([row[name] for row in every])) for name in ("f1", "f1_macro")}
        area = None if first["auc"] is None else float(np.mean([row["auc"] for row in every]))
        per_unit[unit] = means | {"auc": area, "support": first["support"]}
    counts = au_metrics.subject_counts(labels, said, run.subjects)
    values: dict = {"per_au": per_unit, "f1": 0.0, "f1_macro": 0.0, "ci95": {}, "seeds": {}}
    for name, form in (("f1", au_metrics.binary_f1), ("f1_macro", au_metrics.macro_f1)):
        metric = au_metrics.pooled_f1(form)
        seeds = metric(counts.sum(1))
        values[name] = float(seeds.mean())
        values["ci95"][name] = list(metrics.bootstrap_interval(counts, metric))
        values["seeds"][name] = seeds.tolist()
    undecided = emotion_rules.undecided(np.concatenate(told.probabilities))
    return values | {"undecided": float(undecided.mean())}
