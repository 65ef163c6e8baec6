"""Runs on the same clips on one page: scores, differences, settings, and where they disagree."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from merclip_jax import templates
from merclip_jax import workdir as files
from merclip_jax.reports import pages, paired, paper, report
from merclip_jax.reports.report import Report
from merclip_jax.reports.results import Results
from merclip_jax.scoring import bounds
from merclip_jax.scoring.metrics import Comparison

Compared = Sequence[Mapping[str, Comparison]]  # the first run minus each of the others


def write(runs: Sequence[Results], compared: Compared) -> Path:
    """Write comparison.html and tables/comparison*.csv and .tex into the first run's workdir.

    Args:
      runs: two or more whose clips, classes and number of seeds are the same.
      compared: the first run against each of the others, score by score.
    """
    reports = [report.build(run) for run in runs]
    names = run_names(runs)
    made = {
        "comparison": scores(names, reports, compared),
        "comparison_settings": settings(names, runs),
        "comparison_clips": disagreements(names, runs),
    }
    text = templates.fill(
        "reports/comparison.html",
        names=names,
        verdicts=[
            _verdict([names[0], name], one) for name, one in zip(names[1:], compared, strict=True)
        ],
        statement=reports[0].statement,
        synthetic=pages.is_synthetic(runs[0]),
        protocol=reports[0].values["protocol"],
        rows=[_row(key, reports, compared) for key in _keys(compared)],
        bounds=reports[-1].values["bounds"] | reports[0].values["bounds"],
        meanings=bounds.MEANINGS,
        runs=[run_report.values for run_report in reports],
        about=_about(runs, reports),
        settings=made["comparison_settings"].to_dict("records"),
        clips=made["comparison_clips"].to_dict("records"),
    )
    path = runs[0].workdir / "comparison.html"
    files.write(path, text)
    paper.write(runs[0].workdir, {}, made)
    return path


def run_names(runs: Sequence[Results]) -> list[str]:
    """The systems' names; the folders' if systems repeat, or whole paths if folders do."""
    names: list[str] = []
    for name in (_system, lambda run: run.workdir.name, lambda run: str(run.workdir)):
        names = [name(run) for run in runs]
        if len({*names}) == len(names):
            break
    return names


def _system(run: Results) -> str:
    return run.run["system"]


def _keys(compared: Compared) -> list[str]:
    """The scores that at least two of the runs have."""
    return list(dict.fromkeys(key for one in compared for key in one))


def _score(key: str, run_report: Report) -> dict | None:
    """A score of a run with its interval; None where it has none."""
    if key.startswith("au_"):
        return run_report.values.get("au", {}).get(key.removeprefix("au_"))
    return run_report.metrics.get(key)


def _row(key: str, reports: Sequence[Report], compared: Compared) -> dict:
    """One score: that of the first run, and of each other one with the difference."""
    return {
        "name": paired.NAMES[key],
        "first": _score(key, reports[0]),
        "others": [
            {"score": _score(key, other), "outcome": one.get(key)}
            for other, one in zip(reports[1:], compared, strict=True)
        ],
    }


def _verdict(names: Sequence[str], compared: Mapping[str, Comparison]) -> str:
    """In words: whether one of two is shown to be better, by the first score."""
    key, outcome = next(iter(compared.items()))
    (low, high), score = outcome.ci95, paired.NAMES[key]
    if low <= 0 <= high:
        return (
            f"Neither is shown to be better, {names[0]} or {names[1]}: {score} may be the same, by "
            "its interval."
        )
    better, worse = names if low > 0 else names[::-1]
    return f"{better} has the higher {score}, by {abs(outcome.difference):.3f} over {worse}."


def _about(runs: Sequence[Results], reports: Sequence[Report]) -> dict[str, list[str]]:
    """Facts about each run, by title."""
    facts: dict[str, list[str]] = {
        "system": [_system(run) for run in runs],
        "folder": [run.workdir.name for run in runs],
        "choice of the epoch": [run.run["selection"] for run in runs],
        "seeds": [", ".join(map(str, run.run["seeds"])) for run in runs],
        "verdict": [run_report.verdict for run_report in reports],
        **{
            title: [run_report.values["made"][name] or "unknown" for run_report in reports]
            for name, title in pages.MADE.items()
            if name != "name"
        },
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


def scores(names: Sequence[str], reports: Sequence[Report], compared: Compared) -> pd.DataFrame:
    """Each score of each run, with its interval, and the first run's difference to it."""
    rows = []
    for key in _keys(compared):
        for name, run_report, one in zip(names, reports, [{}, *compared], strict=True):
            score, outcome = _score(key, run_report), one.get(key)
            if score is None:
                continue
            low, high = score["ci95"]
            row = {"score": paired.NAMES[key], "run": name, "value": score["value"]}
            row |= {"low": low, "high": high}
            if outcome:
                row |= {"difference": outcome.difference, "p": outcome.p_value}
                row |= dict(zip(("difference low", "difference high"), outcome.ci95, strict=True))
            rows.append(row)
    return pd.DataFrame(rows)


def settings(names: Sequence[str], runs: Sequence[Results]) -> pd.DataFrame:
    """The fields of the configuration that are not the same in all runs; a column per run."""
    flat = [pd.json_normalize(run.run["config"]).to_dict("records")[0] for run in runs]
    fields = sorted({str(field) for config in flat for field in config})
    rows = [[field, *(str(config.get(field, "")) for config in flat)] for field in fields]
    unlike = [row for row in rows if len({*row[1:]}) > 1]
    return pd.DataFrame(unlike, columns=["setting", *names])


def disagreements(names: Sequence[str], runs: Sequence[Results]) -> pd.DataFrame:
    """The clips of which the runs' first seeds say different classes; a column per run."""
    if not runs[0].class_names:
        return pd.DataFrame(columns=["clip", "class", *names])
    classes = np.array(runs[0].class_names, object)
    first = runs[0].clips
    named = {
        name: pd.Series(classes[run.headline.classes[0]], run.clips["clip_id"])[first["clip_id"]]
        for name, run in zip(names, runs, strict=True)
    }
    columns = {name: column.to_numpy() for name, column in named.items()}
    table = pd.DataFrame({"clip": first["clip_id"], "class": first["class"], **columns})
    return table[table[list(names)].nunique(axis=1) > 1].reset_index(drop=True)


def table(comparisons: Mapping[str, Comparison]) -> str:
    """The comparison of two runs as text for a terminal."""
    lines = [f"{'':24}difference   95 % interval      p"]
    for key, outcome in comparisons.items():
        interval = templates.interval(outcome.ci95, "+.3f")
        lines.append(
            f"  {paired.NAMES[key]:22}{outcome.difference:+10.3f}   "
            f"{interval}   {outcome.p_value:.4f}"
        )
    return "\n".join(lines)


def overview(names: Sequence[str], reports: Sequence[Report], compared: Compared) -> str:
    """Several runs by their first score, one under the other, as text for a terminal."""
    rows = scores(names, reports, compared)
    rows = rows[rows["score"] == rows["score"].iloc[0]]
    width = max(map(len, names))
    lines = [f"{rows['score'].iloc[0]:{width + 4}}value   95 % interval    difference       p"]
    for row in rows.to_dict("records"):
        interval = templates.interval((row["low"], row["high"]))
        line = f"  {row['run']:{width}}  {row['value']:.3f}   {interval}"
        if row["p"] == row["p"]:  # the first has no difference
            line += f"   {row['difference']:+.3f}       {row['p']:.4f}"
        lines.append(line)
    return "\n".join(lines)
