"""Two runs on the same clips on one page: scores, differences, classes, and what needs no model."""

from collections.abc import Mapping
from pathlib import Path

from merclip_jax import templates
from merclip_jax import workdir as files
from merclip_jax.reports import pages, paired, report
from merclip_jax.reports.report import Report
from merclip_jax.reports.results import Results
from merclip_jax.scoring import bounds
from merclip_jax.scoring.metrics import Comparison


def write(runs: tuple[Results, Results], compared: Mapping[str, Comparison]) -> Path:
    """Write comparison.html into the first run's workdir.

    Args:
      runs: two runs whose clips, classes and number of seeds are the same.
      compared: their differences, score by score, first minus second.
    """
    reports = [report.build(run) for run in runs]
    names = _names(runs)
    text = templates.fill(
        "reports/comparison.html",
        names=names,
        verdict=_verdict(names, compared),
        statement=reports[0].statement,
        synthetic=pages.is_synthetic(runs[0]),
        protocol=reports[0].values["protocol"],
        rows=[_row(key, reports, outcome) for key, outcome in compared.items()],
        bounds=reports[1].values["bounds"] | reports[0].values["bounds"],
        meanings=bounds.MEANINGS,
        runs=[run_report.values for run_report in reports],
        about=_about(runs, reports),
    )
    path = runs[0].workdir / "comparison.html"
    files.write(path, text)
    return path


def _names(runs: tuple[Results, Results]) -> list[str]:
    """The systems' names; the folders' if both are one system, or both paths if those are alike."""
    for name in (_system, lambda run: run.workdir.name, lambda run: str(run.workdir)):
        names = [name(run) for run in runs]
        if names[0] != names[1]:
            break
    return names


def _system(run: Results) -> str:
    return run.run["system"]


def _row(key: str, reports: list[Report], outcome: Comparison) -> dict:
    """One score of both runs, with its interval, and their difference."""
    scores = [
        run_report.values["au"][key.removeprefix("au_")]
        if key.startswith("au_")
        else run_report.metrics[key]
        for run_report in reports
    ]
    return {"name": paired.NAMES[key], "scores": scores, "outcome": outcome}


def _verdict(names: list[str], compared: Mapping[str, Comparison]) -> str:
    """In words: whether one of the two is shown to be better, by the first score."""
    key, outcome = next(iter(compared.items()))
    (low, high), score = outcome.ci95, paired.NAMES[key]
    if low <= 0 <= high:
        return f"Neither is shown to be better: {score} may be the same, by its interval."
    better, worse = names if low > 0 else names[::-1]
    return f"{better} has the higher {score}, by {abs(outcome.difference):.3f} over {worse}."


def _about(runs: tuple[Results, Results], reports: list[Report]) -> dict[str, list[str]]:
    """Facts about each run, by title."""
    facts: dict[str, list[str]] = {
        "system": [_system(run) for run in runs],
        "folder": [run.workdir.name for run in runs],
        "choice of the epoch": [run.run["selection"] for run in runs],
        "seeds": [", ".join(map(str, run.run["seeds"])) for run in runs],
        "verdict": [run_report.verdict for run_report in reports],
    }
    units = [run_report.values.get("au") for run_report in reports]
    facts["F1 of its action units"] = [
        f"{of['f1']['value']:.3f} ({templates.interval(of['f1']['ci95'])})" if of else "none"
        for of in units
    ]
    if reports[0].metrics:
        facts["emotion labels in training"] = ["no" if of else "yes" for of in units]
        facts["UF1 with undecided clips as errors"] = [
            f"{of['uf1_abstaining']['value']:.3f}, {100 * of['undecided']:.0f} % undecided"
            if of
            else "never undecided"
            for of in units
        ]
    return facts


def table(comparisons: dict[str, Comparison]) -> str:
    """The comparison as text for a terminal."""
    lines = [f"{'':24}difference   95 % interval      p"]
    for key, outcome in comparisons.items():
        interval = templates.interval(outcome.ci95, "+.3f")
        lines.append(
            f"  {paired.NAMES[key]:22}{outcome.difference:+10.3f}   "
            f"{interval}   {outcome.p_value:.4f}"
        )
    return "\n".join(lines)
