"""The tables of a report and of a comparison, as they are printed in papers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from merclip_jax.facs import muscles, notation, phrases
from merclip_jax.reports import paired
from merclip_jax.scoring import bounds

MACRO = "macro mean"


def of_report(values: dict) -> dict[str, pd.DataFrame]:
    """The tables of a run by name, from the values of its report.json."""
    made = {}
    if values["metrics"]:
        made["scores"] = _scores(values["metrics"])
        made["bounds"] = _bounds(values["bounds"])
        made["classes"] = classes(values["per_class"])
        counts = np.array(values["confusion"])
        made["confusion"] = _confusion(counts, values["protocol"]["classes"])
        made["confusion_percent"] = _confusion(percent(counts), values["protocol"]["classes"])
        made["subjects"] = pd.DataFrame(values["per_subject"])
    if values["parts"]:
        made["parts"] = _parts(values["parts"])
    if "au" in values:
        made["units"] = units(values["au"])
        made["units_scores"] = _scores(
            {key: values["au"][key] for key in ("f1", "f1_macro")}, "au_"
        )
    if values["baseline"]:
        made["baseline"] = _baseline(values["baseline"])
    return made


def classes(per_class: dict[str, dict]) -> pd.DataFrame:
    """Scores of each class, and their plain means."""
    rows = pd.DataFrame([{"class": name, **row} for name, row in per_class.items()])
    means = rows[["f1", "recall", "precision"]].mean().to_dict()
    total = {"class": MACRO, **means, "support": int(rows["support"].sum())}
    return pd.concat([rows, pd.DataFrame([total])], ignore_index=True).rename(
        columns={"f1": "F1", "support": "clips"}
    )


def percent(counts: np.ndarray) -> np.ndarray:
    """Of each true class, the share of each prediction in percent; 0 where a class has no clip."""
    return 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)


def units(au: dict) -> pd.DataFrame:
    """Scores of each action unit with its name and muscles, and the means over those shown."""
    rows = [
        {
            "unit": unit,
            "name": facs_name(unit),
            "muscles": muscles.of(unit.removeprefix("AU")),
            "F1": row["f1"],
            "F1 of both states": row["f1_macro"],
            "AUC": row["auc"],
            "clips": row["support"],
        }
        for unit, row in au["per_au"].items()
    ]
    mean = {"unit": MACRO, "F1": au["f1"]["value"], "F1 of both states": au["f1_macro"]["value"]}
    return pd.DataFrame([*rows, mean])


def facs_name(unit: str) -> str:
    """The FACS name of 'AU12' or 'AUL12'; '' where it has none."""
    number, _ = notation.number_and_side(unit.removeprefix("AU"))
    return phrases.NAMES.get(number, "")


def _scores(scores: dict[str, dict], prefix: str = "") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "score": paired.NAMES[prefix + key],
            "value": score["value"],
            "low": score["ci95"][0],
            "high": score["ci95"][1],
        }
        for key, score in scores.items()
    )


def _bounds(reached: dict[str, float | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {"without any model": bounds.MEANINGS[name][0], "UF1": uf1} for name, uf1 in reached.items()
    )


def _confusion(cells: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame(cells, columns=list(names))
    table.insert(0, "true, predicted", list(names))
    return table


def _parts(parts: dict[str, dict]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "part": name,
            "clips": part["n_clips"],
            "subjects": part["n_subjects"],
            **{
                f"{title}{end}": value
                for key, title in (("uf1", "UF1"), ("uar", "UAR"))
                for end, value in (
                    ("", part[key]["value"]),
                    (" low", part[key]["ci95"][0]),
                    (" high", part[key]["ci95"][1]),
                )
            },
        }
        for name, part in parts.items()
    )


def _baseline(baseline: dict) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "score": paired.NAMES[key],
            baseline["system"]: score["value"],
            "difference": score["difference"],
            "low": score["ci95"][0],
            "high": score["ci95"][1],
            "p": score["p_value"],
        }
        for key, score in baseline["metrics"].items()
    )
