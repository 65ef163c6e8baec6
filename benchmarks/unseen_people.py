"""The shipped model beside every baseline on drawn people whom no choice has seen.

python -m benchmarks.unseen_people --workdir=runs/unseen_people
python -m benchmarks.unseen_people --workdir=runs/others --first_subject=800000 --corpora=casme2

Four corpora, leave one subject out, three classes: `demo`; `unseen`, 26 people in CASME II's class
balance; `casme2`, 26 more as JPEG pictures in CASME II's layout, read by its reader; `hard`, 26
badly recorded ones. Ours is configs/demo.py on each. A baseline stands twice: trained on the fold
alone (a, an hour for a network on 26 people), and fine-tuned from the people that the shipped model
was trained on (b), networks as gently as ours. Prints Markdown tables, paired by subject; give the
command again to resume.
"""

import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from ml_collections import ConfigDict

from benchmarks import casme2_layout
from merclip_jax import app, templates, train
from merclip_jax.configs import demo
from merclip_jax.errors import ConfigError
from merclip_jax.reports import paired, results
from merclip_jax.scoring import metrics
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus

KNOWN = "college"  # what assets/demo_model was trained on: configs/pretrain_synthetic.py
GENTLER = 50  # what pre-trained weights learn slower than new ones; configs/demo.py
BASELINES = {
    "flow_regression": "flow regression",
    "off_apexnet": "Off-ApexNet",
    "ststnet": "STSTNet",
    "htnet": "HTNet",
}
CORPORA: dict[str, dict[str, Any]] = {
    "demo": {},
    "unseen": {"builder_config": "unseen"},
    "casme2": {"dataset": "casme2", "builder_config": "", "protocol": "merclip/casme2/3"},
    "hard": {"builder_config": "hard"},
}


def rows(given: flags.FlagValues, corpus: str) -> Iterator[tuple[str, str, ConfigDict]]:
    """(folder, name, config) of every run on a corpus, ours first."""
    ours = demo.get_config()
    ours.model.init_from = given.model
    yield "ours", "**ours**", _on(given, ours, corpus)
    for system in given.baselines:
        for form, made in (("a", _alone), ("b", _after_known)):
            if form in given.forms:
                config = _on(given, made(given, system), corpus)
                yield f"{system}_{form}", f"{BASELINES[system]} ({form})", config


def _alone(given: flags.FlagValues, system: str) -> ConfigDict:
    """A baseline on the fold's clips."""
    return _config_file(system).get_config("demo")


def _after_known(given: flags.FlagValues, system: str) -> ConfigDict:
    """The same from what it has learnt of the known people; its own recipe would wash that out."""
    config = _alone(given, system)
    config.model.init_from = str(
        Path(given.workdir) / KNOWN / system / "folds/hold_out/model-seed0"
    )
    if system != "flow_regression":
        rate = config.recipe.learning_rate / GENTLER
        config.recipe.update(epochs=2, warmup_epochs=0, learning_rate=rate)
    return config


def known_people(given: flags.FlagValues, system: str) -> ConfigDict:
    """A baseline on the people that the shipped model was trained on."""
    config = _config_file(system).get_config("macro")
    config.data.update(builder_config=KNOWN, data_dir=given.data_dir)
    return config


def _on(given: flags.FlagValues, config: ConfigDict, corpus: str) -> ConfigDict:
    config.data.update(**CORPORA[corpus], data_dir=given.data_dir)
    if corpus == "casme2":
        folder = Path(given.data_dir) / f"drawn_casme2_{given.first_subject}"
        people = Corpus.micro(first_subject=given.first_subject, size=casme2_layout.SIZE)
        casme2_layout.write(people, folder, quality=90)
        # A prepared dataset is named after its corpus alone: other people need another place.
        config.data.update(manual_dir=str(folder), data_dir=str(folder / "prepared"))
    return config


def _config_file(system: str) -> Any:
    return importlib.import_module(f"merclip_jax.configs.baselines.{system}")


def table(folders: Sequence[Path], names: dict[str, str]) -> str:
    """The finished runs on one or several corpora as a Markdown table, pooled over their people.

    Each folder has a run of every name; the first of them minus each of the others, paired.
    """
    ours = _counts(folders, next(iter(names)))
    lines = ["| | UF1 | ours minus this | p |", "|---|---|---|---|"]
    for i, (name, title) in enumerate(names.items()):
        counts = _counts(folders, name)
        score = metrics.pooled(counts, {"uf1": metrics.uf1})["uf1"]
        cells = [title, f"{score['value']:.3f} ({templates.interval(score['ci95'])})", "", ""]
        if i > 0:
            found = metrics.compare(ours, counts, metrics.uf1)
            cells[2] = f"{found.difference:+.3f} ({templates.interval(found.ci95, '+.3f')})"
            cells[3] = f"{found.p_value:.3f}"
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _counts(folders: Sequence[Path], name: str) -> np.ndarray:
    """Confusion matrices of the people of all corpora, who are nowhere the same."""
    runs = [results.read(folder / name) for folder in folders]
    return np.concatenate([paired.subject_counts(run, run.headline) for run in runs], axis=1)


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_string("workdir", None, "folder of all runs", flag_values=given)
    flags.DEFINE_string(
        "data_dir", "data", "where prepared datasets and packed clips are kept", flag_values=given
    )
    flags.DEFINE_string("model", "assets/demo_model", "what ours starts from", flag_values=given)
    flags.DEFINE_integer(
        "first_subject", 700_000, "number of the first person of `casme2`", flag_values=given
    )
    flags.DEFINE_multi_enum("corpora", list(CORPORA), list(CORPORA), "which", flag_values=given)
    flags.DEFINE_multi_enum(
        "baselines", list(BASELINES), list(BASELINES), "which", flag_values=given
    )
    flags.DEFINE_multi_enum("forms", ["a", "b"], ["a", "b"], "of baselines", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Run what is missing, then print the tables."""
    if not given.workdir:
        raise ConfigError("--workdir is missing: name a folder for the runs")
    root = Path(given.workdir)
    for system in given.baselines if "b" in given.forms else ():
        _train(known_people(given, system), root / KNOWN / system)
    names: dict[str, str] = {}
    for corpus in given.corpora:
        for folder, name, config in rows(given, corpus):
            _train(config, root / corpus / folder)
            names[folder] = name
        sys.stdout.write(f"\n{corpus}\n\n{table([root / corpus], names)}\n")
        sys.stdout.flush()
    untouched = [root / corpus for corpus in given.corpora if corpus != "demo"]
    if len(untouched) > 1:
        sys.stdout.write(f"\nall of these but the demo\n\n{table(untouched, names)}\n")


def _train(config: ConfigDict, workdir: Path) -> None:
    if not (workdir / "report.json").exists():
        train.run(config, workdir)


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
