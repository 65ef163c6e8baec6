"""Drawn people written as JPEG pictures in the layout in which CASME II is distributed.

python -m benchmarks.casme2_layout --output=DIR --first_subject=700000
python -m merclip_jax.train --config=configs/demo.py --workdir=runs/as_casme2 \
    --config.data.dataset=casme2 --config.data.builder_config='' \
    --config.data.protocol=merclip/casme2/3 --config.data.manual_dir=DIR

DIR gets the workbook of 2019 and Cropped/sub01/EP01_01f/reg_img1.jpg: what is trained on has gone
through the corpus's own reader, a workbook's cells, and lossy pictures of another size. The people
are synthetic, and their number decides who they are.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import pandas as pd
from absl import flags
from tqdm import tqdm

from merclip_jax import app
from merclip_jax.errors import ConfigError
from merclip_jax.tfds_builders.synthetic_me import clips
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus

WORKBOOK = "CASME2-coding-20190701.xlsx"
SIZE = 280  # pixels: width of the owner's crops


def write(corpus: Corpus, folder: Path, quality: int) -> None:
    """A corpus's workbook and pictures; `quality` is JPEG's, 0 to 100. Done already: nothing."""
    if (folder / WORKBOOK).exists():
        return
    rows = []
    for subject in tqdm(range(corpus.subjects), "writing", unit="subject", disable=None):
        for index in range(corpus.clips_per_subject):
            frames, truth = clips.render_clip(corpus, subject, index)
            name = f"EP{index + 1:02d}_{subject + 1:02d}f"
            place = folder / "Cropped" / f"sub{subject + 1:02d}" / name
            place.mkdir(parents=True, exist_ok=True)
            for number, frame in zip(truth.frame_numbers, frames, strict=True):
                path = str(place / f"reg_img{number}.jpg")
                cv2.imwrite(path, frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
            rows.append(
                {
                    "Subject": f"{subject + 1:02d}",
                    "Filename": name,
                    "OnsetFrame": truth.onset,
                    "ApexFrame ": truth.apex,  # the owner's header has that blank
                    "OffsetFrame": truth.offset,
                    "Action Units": truth.aus,
                    "Estimated Emotion": truth.emotion,
                    "Objective Classes": 0,
                }
            )
    pd.DataFrame(rows).to_excel(folder / WORKBOOK, index=False)  # last of all: it is complete


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_string("output", None, "folder for the corpus", flag_values=given)
    flags.DEFINE_integer("first_subject", 700_000, "number of the first person", flag_values=given)
    flags.DEFINE_integer("subjects", 26, "how many people", lower_bound=1, flag_values=given)
    flags.DEFINE_integer("clips", 10, "of each", lower_bound=1, flag_values=given)
    flags.DEFINE_integer("quality", 90, "of JPEG", 0, 100, flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Run the command."""
    if not given.output:
        raise ConfigError("--output is missing: name a folder for the corpus")
    people = {"first_subject": given.first_subject, "subjects": given.subjects}
    corpus = Corpus.micro(size=SIZE, clips_per_subject=given.clips, **people)
    write(corpus, Path(given.output), given.quality)


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
