"""What the TFDS builders of all corpora on disk share (array_record, without TensorFlow)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from merclip_jax.progress import bar
from merclip_jax.tfds_builders import records
from merclip_jax.tfds_builders.corpus import Corpus


@dataclass(eq=False)
class CorpusConfig(tfds.core.BuilderConfig):
    """Which of the corpus's frames, whether corrections.csv holds, whether they show flow."""

    layout: str = ""
    corrected: bool = True
    flow: bool = False


def configs(corpus: type[Corpus]) -> list[CorpusConfig]:
    """One config per layout, and the same with the annotation as published."""
    flow = corpus.pictures == "flow"
    plain = [
        CorpusConfig(name=layout, description=meaning, layout=layout, flow=flow)
        for layout, meaning in corpus.layouts.items()
    ]
    published = [
        CorpusConfig(
            name=f"{layout}_as_annotated",
            description=f"{meaning} Known errors of the annotation are left in.",
            layout=layout,
            corrected=False,
            flow=flow,
        )
        for layout, meaning in corpus.layouts.items()
    ]
    return plain + published


class CorpusBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A corpus as clip records: the annotation's facts and the frames from onset to offset."""

    CORPUS: ClassVar[type[Corpus]]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=records.features(), homepage=self.CORPUS.home
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        config = self.builder_config
        corpus = self.CORPUS(Path(dl_manager.manual_dir), config.layout, config.corrected)
        self._corpus = corpus  # it lives as long as its frames are read: it may hold them
        return {"train": self._generate_examples(corpus.clips())}

    def _generate_examples(self, clips: list[records.Clip]) -> Iterator[tuple[str, dict]]:
        for clip in bar(clips, f"storing {self.name}", "clip"):
            yield clip.example()
