"""The starting model and the flow regression on photographs of real faces: the same moved clips.

python -m benchmarks.photographs --workdir=runs/photographs

Fetches the photographs (benchmarks/real_faces.py), moves them (corpus `synthetic_me/photo`), and
tells every person's clips by a model that has not seen this person:

  ours: the starting model, then two epochs of the other people's clips, as configs/demo.py does
  ours, as it is: the starting model alone, which has seen no photograph
  flow regression (b): fitted on the drawn people of the starting model and the other people's clips
  flow regression (b), as it is: fitted on the drawn people alone
  flow regression (a): fitted on the other people's clips alone

The regression of the drawn people is trained first (20 minutes with drawing) unless --regression
names its folder. What is done is kept: run it again to resume.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from flax import nnx
from jaxtyping import Bool, Float
from ml_collections import ConfigDict
from scipy import special

from benchmarks import real_faces
from merclip_jax import app, experiment, systems, train
from merclip_jax.baselines import grid
from merclip_jax.baselines.regression import Regression
from merclip_jax.configs import demo
from merclip_jax.configs.baselines import flow_regression
from merclip_jax.data import augment, inputs, pack
from merclip_jax.errors import ConfigError
from merclip_jax.protocols import selection
from merclip_jax.reports import paired, results
from merclip_jax.reports.results import Results
from merclip_jax.scoring import metrics
from merclip_jax.towers import files

OURS = "ours"
# They chose the size at which photographed faces are cut; nothing was chosen on the others.
CHOSEN_ON = (
    *("man_at_door", "man_by_stairs", "man_in_hat", "man_in_round_glasses", "woman_at_dusk"),
    *("woman_in_leaves", "woman_on_cyan", "woman_on_grey", "woman_with_hoops"),
)


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_string("workdir", None, "folder of all runs", flag_values=given)
    flags.DEFINE_string("photographs", "", "folder; '': fetched", flag_values=given)
    flags.DEFINE_string("data_dir", "data", "where the drawn corpus is kept", flag_values=given)
    flags.DEFINE_string("model", demo.get_config().model.init_from, "ours", flag_values=given)
    flags.DEFINE_string("regression", "", "of the drawn people; '': trained", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Run what is missing, then print the table."""
    if not given.workdir:
        raise ConfigError("--workdir is missing: name a folder for the runs")
    root = Path(given.workdir)
    photographs = Path(given.photographs or root / "photographs")
    if not photographs.is_dir():
        real_faces.gather(real_faces.sources(posed=False), photographs)
    regression = given.regression or _of_drawn(root / "drawn", given)
    ours, theirs = demo.get_config(), flow_regression.get_config()
    ours.model.init_from = given.model
    for config in (ours, theirs):
        config.data.update(
            builder_config="photo", manual_dir=str(photographs), data_dir=str(root / "data")
        )
    found = {OURS: _done(ours, root / "ours")}
    found["ours, as it is"] = as_it_is(found[OURS], _ours(ours))
    both = theirs.copy_and_resolve_references()
    both.model.init_from = str(regression)
    found["flow regression (b)"] = _done(both, root / "regression_b")
    found["flow regression (b), as it is"] = as_it_is(found[OURS], _regression(both))
    found["flow regression (a)"] = _done(theirs, root / "regression_a")
    people = sorted(set(found[OURS].clips["subject"]))
    untouched = np.array([person not in CHOSEN_ON for person in people])
    sys.stdout.write(f"\nall {len(people)} people\n\n{table(found, untouched | True)}\n")
    sys.stdout.write(
        f"\nthe {untouched.sum()} on whom nothing was chosen\n\n{table(found, untouched)}\n"
    )


def table(found: dict[str, Results], people: Bool[np.ndarray, " s"]) -> str:
    """The scores of some people as a Markdown table, with what is ahead of whom."""
    ours = list(found)[:2]
    by_subject = {
        name: paired.subject_counts(run, run.headline)[:, people] for name, run in found.items()
    }
    lines = ["| | UF1 | UAR | " + " | ".join(f"UF1 of {name} less this" for name in ours) + " |"]
    lines.append("|---" * (3 + len(ours)) + "|")
    for name, counts in by_subject.items():
        cells = [name]
        for metric in (metrics.uf1, metrics.uar):
            low, high = metrics.bootstrap_interval(counts, metric)
            cells.append(f"{metric(counts.sum(1)).mean():.3f} ({low:.3f} to {high:.3f})")
        for first in ours:
            less = metrics.compare(by_subject[first], counts, metrics.uf1)
            low, high = less.ci95
            cell = f"{less.difference:+.3f} ({low:+.3f} to {high:+.3f}), p = {less.p_value:.3f}"
            cells.append("" if name in ours else cell)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def as_it_is(run: Results, logits: dict[str, np.ndarray]) -> Results:
    """A run's clips, told by weights that have learnt nothing of them."""
    said = np.stack([logits[name] for name in run.clips["clip_id"]])[None]
    told = replace(
        run.headline, classes=said.argmax(-1), probabilities=special.softmax(said, axis=-1)
    )
    return replace(run, predictions={"last": told})


def _of_drawn(workdir: Path, given: flags.FlagValues) -> Path:
    """The regression of the people that the starting model has learnt from."""
    learnt = files.metadata(given.model)["config"]["data"]["builder_config"]
    config = flow_regression.get_config("macro")
    config.data.update(builder_config=learnt, data_dir=given.data_dir)
    _done(config, workdir)
    return workdir / "folds/hold_out/model-seed0"


def _done(config: ConfigDict, workdir: Path) -> Results:
    if not (workdir / "report.json").exists():
        train.run(config, workdir)
    return results.read(workdir)


def _ours(config: ConfigDict) -> dict[str, Float[np.ndarray, " c"]]:
    """The starting model's logits of every clip."""
    protocol = selection.get(config.data.protocol)
    clips, rows = experiment.load_clips(config, protocol)
    starts, lengths = map(jnp.asarray, pack.first_rows(rows))
    key, data = jax.random.key(0), config.data
    chosen = augment.sample_frames(key, lengths, data.frames, train=False, form=data.temporal)
    model, _ = systems.get(config.model.system).start(config, protocol.classes, 0)
    graph, state = nnx.split(model)
    stored = clips.stored.rows(np.asarray(starts[:, None] + chosen))
    tell = jax.jit(lambda state, stored: nnx.merge(graph, state)(inputs.seen(stored)).logits)
    return dict(zip(rows["clip_id"], np.asarray(tell(state, stored)), strict=True))


def _regression(config: ConfigDict) -> dict[str, Float[np.ndarray, " c"]]:
    """The logits of every clip of the regression that a config starts from."""
    clips, rows = experiment.load_clips(config, selection.get(config.data.protocol))
    model = Regression.from_pretrained(config.model.init_from)
    starts, _ = pack.first_rows(rows)
    motion = clips.stored.rows(starts + pack.apexes(rows)).motion
    fitted = grid.Fitted(np.asarray(model.kernel[...]), np.asarray(model.bias[...]))
    said = grid.logits(grid.grids(np.asarray(motion)), fitted, model.cfg.setting)
    return dict(zip(rows["clip_id"], said, strict=True))


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
