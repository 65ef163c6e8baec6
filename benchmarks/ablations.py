"""What each ingredient of MER-CLIP does on the synthetic corpus, over three seeds.

python -m benchmarks.ablations --workdir=runs/ablations

Trains every row of configs/ablations.py that is not done yet, one folder each, and prints a table
for the docs: pooled UF1 over seeds with its interval, and the difference to the whole model, paired
by subject. Run it again to resume. About an hour on two cores.
"""

import sys
from pathlib import Path

from absl import flags

from configs import ablations
from merclip_jax import app, evaluate, report, results, train
from merclip_jax.errors import ConfigError

SAID = {
    "reference": "all of MER-CLIP",
    "no_alignment": "no alignment with texts",
    "emotion_names": "emotion names as texts, not action units",
    "linear_head": "a linear head, no Emotion Inference Module",
    "no_face_mix": "no LocalStaticFaceMix",
    "frozen_image_tower": "image tower frozen",
    "no_video_arms": "no local and global video blocks",
}


def main() -> None:
    """Run what is missing, then print the table."""
    if not flags.FLAGS.workdir:
        raise ConfigError("--workdir is missing: name a folder for the runs")
    for row in ablations.ROWS:
        config = ablations.get_config(row)
        config.data.data_dir = flags.FLAGS.data_dir
        if not (Path(flags.FLAGS.workdir) / row / "report.json").exists():
            train.run(config, Path(flags.FLAGS.workdir) / row)
    sys.stdout.write(table(Path(flags.FLAGS.workdir)) + "\n")


def table(root: Path) -> str:
    """The finished rows as a Markdown table."""
    whole = results.read(root / "reference")
    lines = [
        "| run | UF1 | 95 % interval | difference | 95 % interval | p |",
        "|---|---|---|---|---|---|",
    ]
    for row, said in SAID.items():
        run = results.read(root / row)
        uf1 = report.build(run).metrics["uf1"]
        cells = [said, f"{uf1['value']:.3f}", "{:.3f} to {:.3f}".format(*uf1["ci95"])]
        if row == "reference":
            cells += ["", "", ""]
        else:
            found = evaluate.compare(run, whole)["uf1"]
            low, high = found.ci95
            cells += [
                f"{found.difference:+.3f}",
                f"{low:+.3f} to {high:+.3f}",
                f"{found.p_value:.3f}",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    flags.DEFINE_string("workdir", None, "folder of all runs")
    flags.DEFINE_string("data_dir", "data", "where prepared datasets and packed clips are kept")
    app.run(main, __doc__)
