"""Two runs on the same clips on one page: scores, differences, classes, and what needs no model."""

from collections.abc import Mapping
from pathlib import Path

from merclip_jax import templates
from merclip_jax import workdir as files
from merclip_jax.errors import ConfigError
from merclip_jax.protocols import selection
from merclip_jax.reports import au_scores, pages, report
from merclip_jax.reports.report import Report
from merclip_jax.reports.results import Results
from merclip_jax.scoring import au_metrics, bounds, metrics
from merclip_jax.scoring.metrics import Comparison

NAMES = report.NAMES | {f"au_{key}": f"AU: {name}" for key, name in au_scores.NAMES.items()}


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
    scores = []
    for run_report in reports:
        if key.startswith("au_"):
            name, units = key.removeprefix("au_"), run_report.values["au"]
            scores.append((units[name], units["ci95"][name]))
        else:
            scores.append((run_report.metrics[key]["value"], run_report.metrics[key]["ci95"]))
    return {"name": NAMES[key], "scores": scores, "outcome": outcome}


def _verdict(names: list[str], compared: Mapping[str, Comparison]) -> str:
    """In words: whether one of the two is shown to be better, by the first score."""
    key, outcome = next(iter(compared.items()))
    low, high = outcome.ci95
    if low <= 0 <= high:
        return f"Neither is shown to be better: {NAMES[key]} may be the same, by its interval."
    better, worse = names if low > 0 else names[::-1]
    return f"{better} has the higher {NAMES[key]}, by {abs(outcome.difference):.3f} over {worse}."


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
        f"{of['f1']:.3f} ({of['ci95']['f1'][0]:.3f} to {of['ci95']['f1'][1]:.3f})" if of else "none"
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


def compare(first: Results, second: Results) -> dict[str, Comparison]:
    """Paired comparison of two runs: for each score first - second, its interval and p value.

    Raises:
      ConfigError: the runs are not on the same clips, subjects and classes in the same order, or
        have different numbers of seeds, or there are no classes and they tell different units.
    """
    _refuse_unlike(first, second)
    runs, compared = (first, second), {}
    if first.class_names:
        ours, theirs = (report.subject_counts(run, run.headline) for run in runs)
        for name, metric in metrics.HEADLINE.items():
            compared[name] = metrics.compare(ours, theirs, metric)
    if first.headline.units and first.headline.units == second.headline.units:
        ours, theirs = (au_scores.subject_counts(run, run.headline) for run in runs)
        for name, metric in au_metrics.HEADLINE.items():
            compared[f"au_{name}"] = metrics.compare(ours, theirs, metric)
    return compared


def table(comparisons: dict[str, Comparison]) -> str:
    """The comparison as text for a terminal."""
    lines = [f"{'':24}difference   95 % interval      p"]
    for key, outcome in comparisons.items():
        low, high = outcome.ci95
        lines.append(
            f"  {NAMES[key]:22}{outcome.difference:+10.3f}   "
            f"{low:+.3f} to {high:+.3f}   {outcome.p_value:.4f}"
        )
    return "\n".join(lines)


def _refuse_unlike(first: Results, second: Results) -> None:
    """Unlike lists of clips give scores that mean different things."""
    fingerprints = [selection.fingerprint(run.clips) for run in (first, second)]
    if fingerprints[0] != fingerprints[1]:
        described = [
            f"{run.workdir}: {run.run['protocol']['name']}, {len(run.clips)} clips, "
            f"fingerprint {fingerprint[:12]}"
            for run, fingerprint in zip((first, second), fingerprints, strict=True)
        ]
        raise ConfigError(
            f"--against: the runs are not on the same clips and classes ({'; '.join(described)}). "
            "Only runs with one fingerprint can be compared."
        )
    if first.class_names != second.class_names:
        raise ConfigError(
            f"--against: the classes are in another order ({first.class_names} and "
            f"{second.class_names}). Train both runs with the same protocol."
        )
    units = [run.headline.units for run in (first, second)]
    if not first.class_names and units[0] != units[1]:
        raise ConfigError(
            f"--against: one run tells the action units {', '.join(units[0])}, the other "
            f"{', '.join(units[1])}. Train both with the same --config.au.units and "
            "--config.au.sides."
        )
    seeds = [len(run.run["seeds"]) for run in (first, second)]
    if seeds[0] != seeds[1]:
        raise ConfigError(
            f"--against: {seeds[0]} and {seeds[1]} seeds. A paired test needs equally many; train "
            "the run that lacks seeds again with config.seeds of the other."
        )
