"""What each ingredient does on the synthetic corpus, over three seeds.

python -m benchmarks.ablations --workdir=runs/ablations
python -m benchmarks.ablations --of=micro_au --workdir=runs/au_ablations

Trains every row of configs/ablations (a file per system) that is not done yet, one folder each,
and prints a table for the docs: the pooled score over seeds with its interval, and the difference
to the whole model, paired by subject. Run it again to resume. About an hour each on two cores.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from absl import flags

from merclip_jax import app, templates, train
from merclip_jax.configs.ablations import merclip, micro_au
from merclip_jax.errors import ConfigError
from merclip_jax.reports import paired, report, results
from merclip_jax.reports.results import Results


@dataclass(frozen=True)
class Study:
    """The rows of one system.

    Attributes:
      configs: the file of its rows.
      score: as `comparison.compare` calls it, and as the table does.
      said: its rows in words.
    """

    configs: ModuleType
    score: tuple[str, str]
    said: Mapping[str, str]


STUDIES = {
    "merclip": Study(
        merclip,
        ("uf1", "UF1"),
        {
            "reference": "all of MER-CLIP",
            "no_alignment": "no alignment with texts",
            "emotion_names": "emotion names as texts, not action units",
            "linear_head": "a linear head, no Emotion Inference Module",
            "no_adapters": "no local and global video blocks",
        },
    ),
    "micro_au": Study(
        micro_au,
        ("au_f1", "F1 of the unit"),
        {
            "reference": "all of Micro-AU CLIP",
            "whole_face": "every unit sees the whole face, not its region",
            "no_gda": "no Global Dependency Attention",
            "no_gdloss": "no GDLoss",
            "no_visual": "no visual term of MiAUCL",
            "no_naming": "no naming term of MiAUCL",
            "no_text": "learnt vectors, not sentences",
            "sound_forms": "the losses' sound forms (au.*_form)",
        },
    ),
}


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_string("workdir", None, "folder of all runs", flag_values=given)
    flags.DEFINE_string(
        "data_dir", "data", "where prepared datasets and packed clips are kept", flag_values=given
    )
    flags.DEFINE_enum("of", "merclip", list(STUDIES), "whose ingredients", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Run what is missing, then print the table."""
    if not given.workdir:
        raise ConfigError("--workdir is missing: name a folder for the runs")
    study, root = STUDIES[given.of], Path(given.workdir)
    for row in study.said:
        config = study.configs.get_config(row)
        config.data.data_dir = given.data_dir
        if not (root / row / "report.json").exists():
            train.run(config, root / row)
    sys.stdout.write(table(study, root) + "\n")


def table(study: Study, root: Path) -> str:
    """The finished rows as a Markdown table."""
    name, title = study.score
    whole = results.read(root / "reference")
    lines = [
        f"| run | {title} | 95 % interval | difference | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for row, said in study.said.items():
        run = results.read(root / row)
        value, interval = _scored(run, name)
        cells = [said, f"{value:.3f}", templates.interval(interval)]
        if row == "reference":
            cells += ["", ""]
        else:
            # No p value: it is given these seeds, and three of them differ by more than people do.
            found = paired.compare(run, whole)[name]
            cells += [f"{found.difference:+.3f}", templates.interval(found.ci95, "+.3f")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _scored(run: Results, name: str) -> tuple[float, list[float]]:
    values = report.build(run).values
    if name == "au_f1":
        found = values["au"]["f1"]
    else:
        found = values["metrics"][name]
    return found["value"], found["ci95"]


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
