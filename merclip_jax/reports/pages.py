"""The report for people: facts and figures put into the templates report.html and report.md."""

import json
from collections.abc import Mapping
from functools import partial

import numpy as np

from merclip_jax import templates
from merclip_jax.facs import muscles
from merclip_jax.reports import au_pictures, clips, figures, paired, tables
from merclip_jax.reports.figures import Chart, Mark
from merclip_jax.reports.results import Results
from merclip_jax.scoring import au_baselines, bounds, calibration, metrics

SYNTHETIC = (
    "Synthetic corpus: the faces were drawn or animated by code. The scores show that the system "
    "works; they do not tell how well it reads people's spontaneous expressions."
)

TIMES = {
    "build_s": "preparing and packing, seconds",
    "compile_s": "compiling, seconds",
    "train_s": "training, seconds",
    "clips_per_s": "training clips per second",
    "folds_per_hour": "folds per hour",
}
MADE = {"name": "run", "command": "command", "date": "finished", "commit": "commit of merclip_jax"}


def render(template: str, run: Results, words: dict, charts: Mapping[str, Chart]) -> str:
    """Fill one template.

    Args:
      template: 'report.html' or 'report.md'.
      run: the finished run.
      words: the values of report.json, and its 'statement' and 'verdict' in words.
      charts: those of `pictures`; none for the text.
    """
    return templates.fill(
        f"reports/{template}",
        **words,
        run=run.run,
        meanings=bounds.MEANINGS,
        score_names=paired.NAMES,
        au_meanings=au_baselines.MEANINGS,
        corpora_held_out=bool((run.clips["fold"] == run.clips["dataset"]).all()),
        classes=tables.classes(words["per_class"]).to_dict("records") if run.class_names else [],
        percent=tables.percent(np.array(words["confusion"])) if run.class_names else [],
        facts=_facts(words),
        units=tables.units(words["au"]).to_dict("records") if run.headline.units else [],
        n_folds=run.clips["fold"].nunique(),
        mean_of_folds=_mean_of_folds(run) if run.class_names else None,
        calibration_error=_calibration_error(run) if run.class_names else None,
        pictures=charts,
        examples=_examples(run) if template.endswith(".html") and run.class_names else [],
        seen=au_pictures.words(run),
        film_strip=partial(clips.picture, run),
        clips=clips.of_run(run) if charts else [],
        glossary=muscles.glossary(n for clip in run.clips["action_units"] for n in clip.numbers),
        config=json.dumps(run.run["config"], indent=2),
    )


def _facts(values: dict) -> dict[str, str]:
    """How a run was made, and on what, by title, with the units of its numbers."""
    timing = {TIMES[name]: f"{seconds:,.1f}" for name, seconds in sorted(values["timing"].items())}
    made = {title: values["made"][name] or "unknown" for name, title in MADE.items()}
    return made | timing | dict(sorted(values["environment"].items()))


def is_synthetic(run: Results) -> bool:
    """Whether any of the faces were made by code."""
    return any(name.startswith("synthetic") for name in run.clips["dataset"])


def notices(run: Results, values: dict) -> list[str]:
    """What a reader must know before the scores: the run's own notices, then what we see here."""
    protocol, lines = values["protocol"], [SYNTHETIC] if is_synthetic(run) else []
    lines += run.run["notices"]
    absent = [name for name, count in protocol["counts"].items() if count == 0]
    if absent:
        lines.append(
            f"No clip shows {', '.join(absent)}. F1 and recall of a class without clips count 0, "
            "so UF1 and UAR cannot reach 1."
        )
    if len(run.only_trained):
        lines.append(
            f"Hold-out: {len(run.only_trained)} further clips were only trained on. Counts, "
            "fingerprint and scores are those of the tested clips."
        )
    if protocol["n_subjects"] < 10:
        lines.append(
            f"{protocol['n_subjects']} subjects are few: take the intervals as a rough guide."
        )
    return lines


def _mean_of_folds(run: Results) -> float:
    """UF1 of each fold over the classes that occur there, averaged over folds and seeds."""
    counts = metrics.subject_confusions(
        run.labels, run.headline.classes, run.clips["fold"].to_numpy(object), len(run.class_names)
    )
    return float(metrics.present_uf1(counts).mean())


def _calibration_error(run: Results) -> float:
    return calibration.calibration_error(*_pooled_probabilities(run))


def _pooled_probabilities(run: Results) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels of all seeds, one under the other."""
    probabilities = run.headline.probabilities
    return np.concatenate(probabilities), np.tile(run.labels, len(probabilities))


def pictures(run: Results, words: dict) -> dict[str, Chart]:
    """The charts of a run by name; those that it has nothing for are left out."""
    curves = {"curves": figures.learning_curves(run.history)} if len(run.history) else {}
    of_classes = _pictures_of_classes(run, words) if run.class_names else {}
    return curves | of_classes | au_pictures.of_run(run)


def _pictures_of_classes(run: Results, words: dict) -> dict[str, Chart]:
    baselines = {name: uf1 for name, uf1 in words["bounds"].items() if uf1 is not None}
    uf1 = words["metrics"]["uf1"]
    low, high = uf1["ci95"]
    marks = [Mark("this run", uf1["value"], (low, high))]
    marks += [Mark(bounds.MEANINGS[name][0], value) for name, value in baselines.items()]
    others = ", ".join(f"{mark.name} {mark.value:.2f}" for mark in marks[1:])
    scores = figures.score_chart(
        marks,
        f"UF1 of this run, {uf1['value']:.2f} with 95 % interval {low:.2f} to {high:.2f}, "
        f"beside what needs no model: {others}.",
    )
    return {
        "scores": scores,
        "confusion": figures.confusion_chart(np.array(words["confusion"]), run.class_names),
        "reliability": figures.reliability_chart(
            calibration.reliability(*_pooled_probabilities(run))
        ),
    }


def _examples(run: Results) -> list[dict]:
    """For each class the surest right and the surest wrong answer of the first seed."""
    guesses, probabilities = run.headline.classes[0], run.headline.probabilities[0]
    sureness = probabilities[np.arange(len(guesses)), guesses]
    examples = []
    for right in (True, False):
        for label in range(len(run.class_names)):
            rows = np.flatnonzero((run.labels == label) & ((guesses == label) == right))
            if len(rows):
                row = int(rows[sureness[rows].argmax()])
                examples.append(
                    run.clips.iloc[row].to_dict()
                    | {
                        "right": right,
                        "predicted": run.class_names[guesses[row]],
                        "probability": float(sureness[row]),
                        "nearest": [
                            (sentence, similarity)
                            for sentence, similarity in zip(
                                run.headline.nearest[0, row],
                                run.headline.similarity[0, row],
                                strict=True,
                            )
                            if sentence
                        ],
                        "strip": clips.picture(run, run.clips["clip_id"].iloc[row]),
                    }
                )
    return examples
