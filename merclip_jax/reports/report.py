"""Predictions -> report.json, report.md and report.html; nothing but the workdir's files is read.

report.json is a contract: its keys are listed in docs/design.md. The other two say the same in
words and pictures, for people.
"""

import json
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from merclip_jax import templates
from merclip_jax import workdir as files
from merclip_jax.protocols import selection
from merclip_jax.reports import (
    au_scores,
    explanations,
    pages,
    paired,
    paper,
    results,
    tables,
)
from merclip_jax.reports.results import Predictions, Results
from merclip_jax.scoring import bounds, metrics

NO_EMOTIONS: dict = {  # what is said of the classes where the protocol has none
    "metrics": {},
    "parts": {},
    "per_class": {},
    "per_subject": [],
    "confusion": [],
    "bounds": {},
    "paper": None,
    "explanations": None,
}

UNKNOWN = dict.fromkeys(("command", "date", "commit"), "not recorded")  # by earlier versions


@dataclass(frozen=True)
class Report:
    """The scores of a finished run.

    Attributes:
      workdir: where the run lies.
      values: the content of report.json.
    """

    workdir: Path
    values: dict

    @property
    def metrics(self) -> dict[str, dict]:
        """uf1, uar, accuracy and weighted_f1: {value, ci95, seeds}; {} without classes."""
        return self.values["metrics"]

    @property
    def statement(self) -> str:
        """In words: which published list of clips these are, or that they are none."""
        published = self.values["protocol"]["matches"]
        if published:
            return f"Exactly the clips, subjects and classes of the published list {published}."
        return "The clips match no published list; published scores are no measure for these."

    @property
    def verdict(self) -> str:
        """In words: whether the run is shown to be better than guessing."""
        if self.metrics:
            name, low = "UF1", self.metrics["uf1"]["ci95"][0]
            guess = max(self.values["bounds"]["majority"], self.values["bounds"]["random"])
        else:
            name, low = "F1", self.values["au"]["f1"]["ci95"][0]
            guess = max(mark["f1"] for mark in self.values["au"]["bounds"].values())
        if low > guess:
            return f"Better than guessing: the interval of {name} begins above {guess:.3f}."
        return f"Not shown to be better than guessing, whose {name} is {guess:.3f}."

    @property
    def notices(self) -> list[str]:
        """What must be known before the scores, in words."""
        return self.values["notices"]

    def __repr__(self) -> str:
        protocol, kind = self.values["protocol"], "UF1" if self.metrics else "F1 of action units"
        score = self.metrics["uf1"] if self.metrics else self.values["au"]["f1"]
        interval = templates.interval(score["ci95"])
        return (
            f"<Report of {self.workdir}: {protocol['name']}, {protocol['n_clips']} clips, "
            f"{kind} {score['value']:.3f} ({interval})>"
        )

    def table(self) -> str:
        """The scores beside their bounds, as text for a terminal, what must be known first."""
        protocol = self.values["protocol"]
        lines = [
            f"{protocol['name']}: {protocol['n_clips']} clips, {protocol['n_subjects']} subjects, "
            f"{len(protocol['classes']) or 'no'} classes; epoch: {self.values['selection']}",
            self.statement,
            *(line for notice in self.notices for line in textwrap.wrap(f"Note: {notice}", 96)),
            self.verdict,
            *(self._emotions() if self.metrics else ()),
            *(au_scores.lines(self.values["au"]) if "au" in self.values else ()),
        ]
        return "\n".join([*lines, "", f"Report: {self.workdir / 'report.html'}"])

    def _baseline(self) -> list[str]:
        baseline = self.values["baseline"]
        if not baseline:
            return []
        title = f"{baseline['system']} on the same clips"
        lines = ["", f"{title:24}value   this run's difference, 95 % interval"]
        for key, score in baseline["metrics"].items():
            interval = templates.interval(score["ci95"], "+.3f")
            change = f"{score['difference']:+.3f}   {interval}"
            lines.append(f"  {paired.NAMES[key]:22}{score['value']:.3f}   {change}")
        return lines

    def _emotions(self) -> list[str]:
        lines, paper = ["", f"{'':24}value   95 % interval"], self.values["paper"]
        for key, name in paired.NAMES.items():
            if key not in self.metrics:
                continue
            score = self.metrics[key]
            interval = templates.interval(score["ci95"])
            lines.append(f"  {name:22}{score['value']:.3f}   {interval}")
        if paper:
            lines += ["", f"{'Epoch chosen on the test subjects (a leak)':44}UF1     gain"]
            value, gap = paper["metrics"]["uf1"]["value"], paper["gap"]["uf1"]
            lines.append(f"{'  as published code does it':44}{value:.3f}  {gap:+.3f}")
        lines += self._baseline()
        lines += ["", "UF1 without any model"]
        for key, uf1 in self.values["bounds"].items():
            lines.append(
                f"  {bounds.MEANINGS[key][0]:22}" + ("not defined" if uf1 is None else f"{uf1:.3f}")
            )
        return lines


def write(workdir: str | Path) -> Report:
    """Score a finished run; write report.json, report.md, report.html, figures/ and tables/.

    Raises:
      ConfigError: there is no such folder.
      DataError: the run is not complete, or its files do not belong together.
    """
    run = results.read(Path(workdir))
    report = build(run)
    words = report.values | {"statement": report.statement, "verdict": report.verdict}
    charts = pages.pictures(run, words)
    texts = {
        "report.json": json.dumps(report.values, indent=2, allow_nan=False) + "\n",
        "report.md": pages.render("report.md", run, words, {}),
        "report.html": pages.render("report.html", run, words, charts),
    }
    paper.write(run.workdir, charts, tables.of_report(report.values))
    for name, text in texts.items():
        files.write(run.workdir / name, text)
    return report


def build(run: Results) -> Report:
    """Score a run without writing anything."""
    values = {
        "protocol": _protocol(run),
        "selection": run.run["selection"],
        **(_emotions(run) if run.class_names else NO_EMOTIONS),
        "timing": run.run["timing"],
        "environment": run.run["environment"],
    }
    if run.headline.units:
        values["au"] = au_scores.of_run(run)
    values["baseline"] = paired.against_baseline(run)
    values["made"] = {"name": run.workdir.resolve().name, **run.run.get("made", UNKNOWN)}
    values["notices"] = pages.notices(run, values)
    return Report(run.workdir, values)


def _emotions(run: Results) -> dict:
    """What there is to say of the classes."""
    marks = bounds.all_bounds(
        run.labels,
        run.subjects,
        [bounds.au_set(units) for units in run.clips["action_units"]],
        len(run.class_names),
    )
    reached = {name: mark.uf1 if mark else None for name, mark in marks.items()}
    if run.headline.units:
        reached["au_rules"] = au_scores.rules_told_the_truth(run)
    return {
        "metrics": _scores(run, run.headline),
        "parts": _parts(run),
        "per_class": _per_class(run),
        "per_subject": _per_subject(run),
        "confusion": confusion(run).tolist(),
        "bounds": reached,
        "paper": _paper(run),
        "explanations": explanations.agreement(run),
    }


def confusion(run: Results) -> Int[np.ndarray, "c c"]:
    """Clips by truth (rows) and prediction, summed over the seeds."""
    return paired.subject_counts(run, run.headline).sum((0, 1))


def _protocol(run: Results) -> dict:
    fingerprint = selection.fingerprint(run.clips)
    counts = Counter(run.clips["class"])
    return {
        "name": run.run["protocol"]["name"],
        "fingerprint": fingerprint,
        "matches": selection.match(fingerprint),
        "classes": run.class_names,
        "n_clips": len(run.clips),
        "n_subjects": len(set(run.subjects)),
        "counts": {name: counts[name] for name in run.class_names},
    }


def _parts(run: Results) -> dict[str, dict]:
    """Scores of each corpus of a composite, or of each of the owner's splits that is tested."""
    parts = {}
    for name, own in run.parts.items():
        counts = metrics.subject_confusions(
            run.labels[own],
            run.headline.classes[:, own],
            run.subjects[own],
            len(run.class_names),
        )
        sizes = {"n_clips": int(own.sum()), "n_subjects": len(set(run.subjects[own]))}
        parts[name] = sizes | metrics.pooled(counts, metrics.HEADLINE)
    return parts


def _scores(run: Results, predictions: Predictions) -> dict[str, dict]:
    """The scores of one selection over all clips."""
    return metrics.pooled(paired.subject_counts(run, predictions), metrics.HEADLINE)


def _per_class(run: Results) -> dict[str, dict]:
    """Scores of each class, averaged over the seeds."""
    tables = [metrics.per_class(run.labels, row, run.class_names) for row in run.headline.classes]
    mean = sum(tables[1:], tables[0]) / len(tables)
    return {
        str(name): row.to_dict() | {"support": int(row["support"])} for name, row in mean.iterrows()
    }


def _per_subject(run: Results) -> list[dict]:
    """Clips of each subject and how many were right (mean over the seeds)."""
    one_corpus = run.clips["dataset"].nunique() == 1
    names = (
        run.clips["subject"] if one_corpus else run.clips["dataset"] + "/" + run.clips["subject"]
    )
    seeds = len(run.headline.classes)
    right = (run.headline.classes == run.labels).sum(0)
    groups = run.clips.assign(name=names, right=right).groupby("name", sort=False)["right"]
    return [
        {
            "subject": str(name),
            "n": len(part),
            "correct": int(part.sum()) if seeds == 1 else float(part.sum() / seeds),
        }
        for name, part in groups
    ]


def _paper(run: Results) -> dict | None:
    """The scores with the epoch chosen on the test subjects, and what that choice alone gains."""
    if "paper" not in run.predictions or "last" not in run.predictions:
        return None
    scores, honest = _scores(run, run.predictions["paper"]), _scores(run, run.predictions["last"])
    gap = {name: scores[name]["value"] - honest[name]["value"] for name in scores}
    return {"metrics": scores, "gap": gap}
