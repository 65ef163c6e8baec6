"""TFDS builder of the synthetic micro-expression corpus (array_record, without TensorFlow)."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import tensorflow_datasets as tfds
from tqdm import tqdm

from merclip_jax.errors import DataError
from tfds_builders import records
from tfds_builders.synthetic_me import clips, photo, story
from tfds_builders.synthetic_me.motion import Rig
from tfds_builders.synthetic_me.story import Corpus


@dataclass(eq=False)
class SyntheticConfig(tfds.core.BuilderConfig):
    """A named corpus. `photographs`: its faces are the user's and not drawn."""

    corpus: Corpus = field(default_factory=Corpus)
    photographs: bool = False


class Builder(tfds.core.GeneratorBasedBuilder):
    """Faces with exact action units; every clip is a function of (seed, subject, index)."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Only for the config 'photo': one folder per person, NAME/*.png or NAME/*.jpg, "
        "each picture a frontal photograph of a neutral face."
    )
    BUILDER_CONFIGS = [
        SyntheticConfig(name="demo", corpus=Corpus.demo()),
        SyntheticConfig(name="micro", corpus=Corpus.micro()),
        SyntheticConfig(name="macro", corpus=Corpus.macro()),
        SyntheticConfig(name="tiny", corpus=Corpus.tiny()),
        SyntheticConfig(name="photo", corpus=Corpus.demo(), photographs=True),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(features=records.features())

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        photographs = self.builder_config.photographs
        folder = Path(dl_manager.manual_dir) if photographs else None
        return {"train": self._generate_examples(folder)}

    def _generate_examples(self, folder: Path | None) -> Iterator[tuple[str, dict]]:
        corpus = self.builder_config.corpus
        return _drawn(corpus) if folder is None else _photographed(corpus, folder)


def _drawn(corpus: Corpus) -> Iterator[tuple[str, dict]]:
    for subject in tqdm(range(corpus.subjects), desc="synthetic_me", unit="subject"):
        for index in range(corpus.clips_per_subject):
            frames, truth = clips.render_clip(corpus, subject, index)
            yield replace(truth, frames=clips.encode(frames)).example()


def _photographed(corpus: Corpus, folder: Path) -> Iterator[tuple[str, dict]]:
    """As many clips of each subject as the corpus says, its pictures taken in turn.

    Raises:
      DataError: listing every picture that cannot be used, before any clip is made.
    """
    people, faults = {}, []
    for subject, paths in tqdm(photo.subjects(folder).items(), desc="photographs", unit="subject"):
        people[subject] = []
        for path in paths:
            try:
                people[subject].append(Rig(photo.read(path), corpus.size))
            except DataError as fault:
                faults.append(str(fault))
    if faults:
        raise DataError(f"{folder}: pictures that cannot be moved", faults)
    for subject, rigs in people.items():
        for index in range(corpus.clips_per_subject):
            told = story.tell(corpus, photo.number(subject), index)
            frames = clips.film(rigs[index % len(rigs)], told, corpus.noise)
            truth = clips.record(told, subject, f"c{index:03d}")
            yield replace(truth, frames=clips.encode(frames)).example()
