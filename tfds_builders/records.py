"""The clip record: what every corpus becomes. It stores facts; a protocol decides later."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import folders

ABSENT = -1  # a frame number that the annotation does not give


@dataclass(frozen=True)
class Clip:
    """One annotated clip of a corpus.

    Attributes:
      dataset: the corpus's name, such as 'casme2'.
      subject: the subject as written on disk, such as '01' or 'spNO.1'.
      clip: the clip as written on disk; unique within the subject.
      emotion: the annotated emotion, stripped and in lower case, otherwise untouched; '' if none.
      objective_class: the objective class 1-7, or 0 where the annotation has none.
      aus: the action-unit cell as annotated, as text ('' if the corpus has none).
      onset, apex, offset: frame numbers as the annotation claims them, or ABSENT.
      onset_used, apex_used, offset_used: the same after repair against the frames on disk.
      apex_valid: whether the claimed apex lies inside the claimed interval and on disk.
      fps: frames per second of the recording.
      split: the owner's part of the corpus, such as 'testA'; '' where it is not divided.
      frame_numbers: the number of each stored frame, ascending.
      frames: encoded images (paths or bytes) in the order of `frame_numbers`.
    """

    dataset: str
    subject: str
    clip: str
    emotion: str
    aus: str
    onset: int
    apex: int
    offset: int
    onset_used: int
    apex_used: int
    offset_used: int
    apex_valid: bool
    fps: float
    frame_numbers: list[int]
    frames: list[Path] | list[bytes]
    objective_class: int = 0
    split: str = ""

    @property
    def key(self) -> str:
        """'subject/clip': the clip's name within its corpus, as corrections and faults give it."""
        return f"{self.subject}/{self.clip}"

    @property
    def clip_id(self) -> str:
        """'dataset/subject/clip': the key of the clip in every table."""
        return f"{self.dataset}/{self.key}"

    @property
    def has_apex(self) -> bool:
        """Whether the apex lies between onset and offset, all as they are used."""
        return self.onset_used <= self.apex_used <= self.offset_used

    def example(self) -> tuple[str, dict]:
        """The (key, example) pair that a TFDS builder yields.

        Raises:
          DataError: a picture cannot be read.
        """
        values = asdict(self) | {"clip_id": self.clip_id}
        values["frames"] = [
            frame if isinstance(frame, bytes) else folders.encoded(frame) for frame in self.frames
        ]
        return self.clip_id, values


@dataclass(frozen=True)
class Fault:
    """Something wrong with a corpus.

    Attributes:
      key: the clip, 'subject/clip', or the place in the annotation, 'book.xlsx, row 7'.
      kind: what sort of thing: 'annotation', 'duplicate', 'interval', 'apex', 'missing_folder',
        'missing_frames', 'unreadable', or one that only an audit looks for.
      detail: what is wrong, with the value and the remedy.
      stops_build: whether the corpus cannot be prepared before it is mended.
    """

    key: str
    kind: str
    detail: str
    stops_build: bool = True

    def __str__(self) -> str:
        return f"{self.key}: {self.detail}"


@dataclass(frozen=True)
class Correction:
    """One line of a corrections.csv: a published annotation error that is known.

    Attributes:
      key: 'subject/clip'.
      column: a field of the annotation ('onset', 'apex', 'offset', 'aus', 'emotion'), or 'frames':
        the clip is known to be that short on disk.
      old, new: the cell as annotated, for which alone the correction holds, and what is used.
      reason, source: why, and who says so.
    """

    key: str
    column: str
    old: str
    new: str
    reason: str
    source: str


def features() -> tfds.features.FeaturesDict:
    """The TFDS features of a clip record; frames keep their native size."""
    text, whole = tfds.features.Text, lambda: tfds.features.Scalar(np.int32)
    return tfds.features.FeaturesDict(
        {
            "clip_id": text(),
            "dataset": text(),
            "subject": text(),
            "clip": text(),
            "split": text(),
            "emotion": text(),
            "objective_class": whole(),
            "aus": text(),
            "onset": whole(),
            "apex": whole(),
            "offset": whole(),
            "onset_used": whole(),
            "apex_used": whole(),
            "offset_used": whole(),
            "apex_valid": tfds.features.Scalar(np.bool_),
            "fps": tfds.features.Scalar(np.float32),
            "frame_numbers": tfds.features.Sequence(whole()),
            "frames": tfds.features.Sequence(tfds.features.Image(shape=(None, None, 3))),
        }
    )
