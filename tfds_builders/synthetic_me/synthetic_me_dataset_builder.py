"""TFDS builder of the synthetic micro-expression corpus (array_record, without TensorFlow)."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8

from merclip_jax.errors import DataError
from merclip_jax.progress import bar
from merclip_jax.tfds_builders import records
from merclip_jax.tfds_builders.synthetic_me import clips, flow, photo, story
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.tfds_builders.synthetic_me.motion import Rig


@dataclass(eq=False)
class SyntheticConfig(tfds.core.BuilderConfig):
    """A named corpus. `more` are drawn after it.

    `photographs`: the faces are the user's. `flow`: clips are single pictures of their motion.
    """

    corpus: Corpus = field(default_factory=Corpus)
    more: tuple[Corpus, ...] = ()
    photographs: bool = False
    flow: bool = False


class Builder(tfds.core.GeneratorBasedBuilder):
    """Faces with exact action units; every clip is a function of (seed, subject, index)."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {
        "1.2.0": "Photographed people: 20 clips each, faces as large as drawn ones.",
        "1.1.0": "Records name the owner's split.",
        "1.0.0": "First version.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Only for the config 'photo': one folder per person, NAME/*.png or NAME/*.jpg, "
        "each picture a frontal photograph of a neutral face."
    )
    BUILDER_CONFIGS = [
        SyntheticConfig(name="demo", corpus=Corpus.demo(), description="12 subjects, 9 clips."),
        SyntheticConfig(name="micro", corpus=Corpus.micro(), description="CASME II's balance."),
        SyntheticConfig(name="macro", corpus=Corpus.macro(), description="Strong, other people."),
        SyntheticConfig(
            name="school",
            corpus=Corpus.macro(),
            more=(Corpus.weak(),),
            description="macro, and 60 others who move weakly: to pre-train on.",
        ),
        SyntheticConfig(
            name="flow",
            corpus=Corpus.macro(size=56),
            more=(Corpus.weak(size=56),),
            flow=True,
            description="The people of school, their flow in MEGC2019's published form.",
        ),
        SyntheticConfig(
            name="college",
            corpus=Corpus.college()[0],
            more=Corpus.college()[1:],
            description="school, 180 more who move weakly and 150 badly recorded: to pre-train on.",
        ),
        SyntheticConfig(
            name="hard",
            corpus=Corpus.hard(),
            description="Moving light and heads, JPEG, lost frames, loose annotation.",
        ),
        SyntheticConfig(
            name="unseen",
            corpus=Corpus.micro(first_subject=600_000),
            description="micro with others, kept for last figures.",
        ),
        SyntheticConfig(
            name="strangers", corpus=Corpus.strangers(), description="macro, and 40 to test on."
        ),
        SyntheticConfig(name="tiny", corpus=Corpus.tiny(), description="9 clips of 8 frames."),
        SyntheticConfig(
            name="photo",
            version=tfds.core.Version("1.2.0"),
            corpus=Corpus.demo(clips_per_subject=20),
            photographs=True,
            description="The user's neutral photographs, 20 clips of each person.",
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(features=records.features())

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        config = self.builder_config
        if config.photographs:
            people = read_people(Path(dl_manager.manual_dir), config.corpus.size)
            return {"train": self._generate_examples(_photographed(config.corpus, people))}
        made = _flow if config.flow else _drawn
        drawn = itertools.chain.from_iterable(map(made, (config.corpus, *config.more)))
        return {"train": self._generate_examples(drawn)}

    def _generate_examples(
        self, clips_of_subjects: Iterator[list[records.Clip]]
    ) -> Iterator[tuple[str, dict]]:
        drawn = bar(clips_of_subjects, "drawing synthetic_me", "subject")
        return (clip.example() for subject in drawn for clip in subject)


def read_people(folder: Path, size: int) -> dict[str, list[Rig]]:
    """The faces of each subject in a folder of photographs, ready to move.

    Raises:
      DataError: listing every picture that cannot be used, before anything is written.
    """
    people: dict[str, list[Rig]] = {}
    faults: list[str] = []
    for subject, paths in photo.subjects(folder).items():
        people[subject] = []
        for path in paths:
            try:
                people[subject].append(Rig(photo.read(path), size))
            except DataError as fault:
                faults.append(str(fault))
    if faults:
        raise DataError(f"{folder}: {len(faults)} pictures cannot be moved", faults)
    return people


def _drawn(corpus: Corpus) -> Iterator[list[records.Clip]]:
    for subject in range(corpus.subjects):
        yield [
            _with_frames(*clips.render_clip(corpus, subject, index))
            for index in range(corpus.clips_per_subject)
        ]


def _flow(corpus: Corpus) -> Iterator[list[records.Clip]]:
    """Every clip's onset, apex and offset is its one picture."""
    single = dict.fromkeys(("onset", "apex", "offset", "onset_used", "apex_used", "offset_used"), 1)
    for subject in range(corpus.subjects):
        number, made = corpus.first_subject + subject, []
        rig = clips.identity(corpus.seed, number, corpus.size)
        for index in range(corpus.clips_per_subject):
            plot = story.tell(corpus, number, index)
            truth = clips.record(plot, f"s{number:02d}", f"c{index:03d}", corpus.split(subject))
            shown = _with_frames(flow.picture(rig, plot)[None], truth)
            made.append(replace(shown, **single, frame_numbers=[1]))
        yield made


def _photographed(corpus: Corpus, people: dict[str, list[Rig]]) -> Iterator[list[records.Clip]]:
    """As many clips of each subject as the corpus says, its pictures taken in turn."""
    for subject, rigs in people.items():
        made = []
        for index in range(corpus.clips_per_subject):
            plot = story.tell(corpus, photo.number(subject), index)
            frames = clips.film(rigs[index % len(rigs)], plot, corpus.noise)
            made.append(_with_frames(frames, clips.record(plot, subject, f"c{index:03d}")))
        yield made


def _with_frames(frames: UInt8[np.ndarray, "t h w 3"], truth: records.Clip) -> records.Clip:
    return replace(truth, frames=clips.encode(frames))
