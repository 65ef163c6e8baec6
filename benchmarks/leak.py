"""What choosing the epoch on the test subject gives, on the published flow of MEGC2019.

python -m benchmarks.leak --manual_dir=/where/HTNet/lies --workdir=runs/leak \
    --start=runs/drawn_flow/folds/hold_out/model-seed0

Every cell is a normal run of `train`, which you may look at in its folder: the last epoch and the
one chosen on the test subject (`paper`) come from one run, the one chosen by inner subjects from
another. Run it again to resume. --start: weights for ours (configs/megc2019_flow.py:drawn).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from merclip_jax import app, train
from merclip_jax.configs import megc2019_flow
from merclip_jax.configs.baselines import flow_regression, htnet, ststnet
from merclip_jax.errors import ConfigError
from merclip_jax.reports.report import Report

OURS = "MER-CLIP"
SYSTEMS = {"flow regression": flow_regression, "STSTNet": ststnet, "HTNet (small)": htnet}
CORPORA = {"smic": "SMIC", "casme2": "CASME II", "samm": "SAMM"}


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_string("manual_dir", None, "a copy of the HTNet repository", flag_values=given)
    flags.DEFINE_string("workdir", "runs/leak", "folder of all runs", flag_values=given)
    flags.DEFINE_string("start", "", "weights that ours starts from", flag_values=given)
    flags.DEFINE_string(
        "data_dir", "data", "where prepared datasets and packed clips are kept", flag_values=given
    )


def main(given: flags.FlagValues) -> None:
    """Run what is missing, then print the table."""
    if not given.manual_dir or not given.start:
        raise ConfigError("--manual_dir and --start are needed: see --help")
    systems = {name: module.get_config("megc2019_flow") for name, module in SYSTEMS.items()}
    systems[OURS] = megc2019_flow.get_config()
    systems[OURS].model.init_from = given.start
    rows = []
    for name, config in systems.items():
        config.data.update(manual_dir=given.manual_dir, data_dir=given.data_dir)
        folder = Path(given.workdir) / config.model.system
        if config.model.system == "flow_regression":  # it is fitted at once: no epoch to choose
            rows.append(row(name, train.run(config, folder), None))
            continue
        runs = {}
        for selection in ("paper", "inner"):
            config.eval.selection = selection
            runs[selection] = train.run(config.copy_and_resolve_references(), folder / selection)
        rows.append(row(name, runs["paper"], runs["inner"]))
    sys.stdout.write("\n".join([*HEAD, *rows]) + "\n")


HEAD = (
    "| | " + " | ".join(["UF1, last epoch", *(f"on {name}" for name in CORPORA.values())])
    + " | epoch by inner subjects | by the test subject | which gains |",
    "|---" * (5 + len(CORPORA)) + "|",
)  # fmt: skip


def row(name: str, last: Report, inner: Report | None) -> str:
    """A line of the table: pooled UF1 with its interval, its parts, and the other selections."""
    values = last.values
    cells = [name, _said(values["metrics"]["uf1"])]
    cells += [f"{values['parts'][corpus]['uf1']['value']:.3f}" for corpus in CORPORA]
    if inner is None:
        return "| " + " | ".join([*cells, "", "", ""]) + " |"
    paper = values["paper"]
    cells += [_said(inner.values["metrics"]["uf1"]), _said(paper["metrics"]["uf1"])]
    return "| " + " | ".join([*cells, f"{paper['gap']['uf1']:+.3f}"]) + " |"


def _said(score: dict) -> str:
    return "{:.3f} ({:.3f} to {:.3f})".format(score["value"], *score["ci95"])


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
