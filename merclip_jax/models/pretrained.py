"""A trained model in one's own Python: clips and videos in, embeddings and tables out.

What stands between a clip and the model is what `predict` puts there: the face cut upright, the
clip sampled, its motion measured, values normalised (`video.windows`, `video.predictor`).
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from flax import nnx
from jaxtyping import Array, Float
from tokenizers import Tokenizer

from merclip_jax.data import inputs
from merclip_jax.data.inputs import Stored
from merclip_jax.errors import DataError
from merclip_jax.merclip import sentences
from merclip_jax.models import arrays
from merclip_jax.timeline import findings, timeline
from merclip_jax.towers import files, similarity
from merclip_jax.video import decode, inference, quality, windows
from merclip_jax.video.journal import Journal
from merclip_jax.video.predictor import Predictor

STEP_MS = 5.0  # from frame to frame of an array, which has no times; they only say how often a
# face is looked for
UNKNOWN = "<unknown>"  # the token of the small vocabulary for words that it lacks
OF_UNITS = (
    "Micro-AU CLIP compares action units, and not whole clips, with sentences: its clip embeddings "
    "and their similarity are those of the towers under it."
)


class Pretrained:
    """A trained model of either system; `merclip_jax.load` gives one.

    Wherever `frames` are asked for: RGB clips of any length and size, [t, h, w, 3] or
    [b, t, h, w, 3] or a list of clips. Their values are uint8, whole numbers from 0 to 255, or
    fractions from 0 to 1; other values, dtypes and layouts and clips of one frame raise DataError.

    Attributes:
      classes: the emotions it tells; may be empty where it tells units.
      units: the action units it tells, as 'L12'; empty where it tells emotions alone.
      notices: what must be known before its answers are used, in words.
    """

    def __init__(self, model: str | os.PathLike, crop: str = "auto", batch_size: int = 8):
        """The arguments are those of `merclip_jax.load`."""
        self._directory = files.locate(model)
        self._reader = Predictor(self._directory, batch_size, crop)
        info = self._reader.info
        self.classes, self.units = info.classes, info.units
        self.notices = (*info.notices, *((OF_UNITS,) if info.units else ()))

    def __repr__(self) -> str:
        info = self._reader.info
        parts = [
            f"{len(names)} {kind} ({', '.join(names)})"
            for kind, names in (("classes", self.classes), ("action units", self.units))
            if names
        ]
        return (
            f"<{info.title} from {self._directory}: {'; '.join(parts)}; sees {info.input} of "
            f"{info.count} frames, {info.size} x {info.size} pixels, crop={info.crop!r}>"
        )

    def embed(self, frames: Any) -> Float[np.ndarray, "b e"]:
        """Unit vectors of clips, in the space of `embed_text`; a single clip is a batch of one.

        Raises:
          DataError: the frames cannot be used, or show no face where faces are aligned.
        """
        return self._embedded(self._windows(frames))

    def embed_text(self, texts: str | Sequence[str]) -> Float[np.ndarray, "n e"]:
        """Unit vectors of sentences, each the mean over the templates of training.

        Raises:
          DataError: no text, an empty one, or words that the model's vocabulary lacks.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        self._check_words(texts)
        style = self._reader.info.style
        features = sentences.embedded(self._reader.model, self._tokenizer, texts, style)
        return np.asarray(similarity.unit(features))

    def similarity(self, frames: Any, texts: str | Sequence[str]) -> Float[np.ndarray, "b n"]:
        """Cosine of each clip with each sentence, from -1 to 1.

        Raises:
          DataError: as `embed` and `embed_text`.
        """
        return self.embed(frames) @ self.embed_text(texts).T  # of unit vectors

    def predict(
        self,
        source: Any,
        *,
        fps: float = 0.0,
        window_ms: float = 300.0,
        stride_ms: float = 50.0,
        face: str = "largest",
    ) -> pd.DataFrame:
        """Class probabilities and action units: a row per clip, or per window of a video.

        Args:
          source: frames, or the path of a video or of a folder of numbered pictures.
          fps: frames per second, for folders, or in place of what a video says.
          window_ms, stride_ms: length of a video's windows, and from one start to the next.
          face: whose windows of a video, 'largest' or 'all'.

        Returns:
          The columns of timeline.csv (docs/design.md), of clips those that they have: `emotion`,
          `p_<class>`, `au_p_<unit>`, `au_intensity_<unit>`, `nearest_1`, `similarity_1`, ...
          `attrs['notices']` says what must be known before.

        Raises:
          ConfigError: there is no such video.
          DataError: the frames or the video cannot be read.
        """
        if not isinstance(source, (str, os.PathLike)):
            return self._of_clips(self._windows(source))
        opened = decode.open_source(Path(source), fps)
        settings = inference.Settings(float(window_ms), float(stride_ms), face)
        with tempfile.TemporaryDirectory() as scratch:
            journal, watch = Journal(Path(scratch, "windows.jsonl"), ""), inference.Stopwatch()
            inference.record(opened, self._reader, settings, journal, watch)
        assert journal.end is not None  # `record` has closed it
        whole = timeline.Timeline(
            source=opened,
            end=journal.end,
            model=self._directory.name,
            info=self._reader.info,
            settings=settings,
            rows=journal.rows,
            findings=findings.find(journal.rows, face),
            seconds={},
        )
        table = timeline.table(whole)
        table.attrs["notices"] = whole.notices
        return table

    def _of_clips(self, clips: list[Stored]) -> pd.DataFrame:
        reading, info = self._reader.read(clips), self._reader.info
        shares, alike = reading.probabilities, reading.similarity
        columns: dict[str, Any] = {}
        if self.classes:
            columns["emotion"] = [self.classes[best] for best in shares.argmax(1)]
        columns |= {f"p_{name}": p for name, p in zip(self.classes, shares.T, strict=True)}
        columns |= {f"au_p_{unit}": p for unit, p in zip(self.units, reading.units.T, strict=True)}
        for unit in self.units:
            columns[f"au_intensity_{unit}"] = [*map(timeline.intensity, columns[f"au_p_{unit}"])]
        order = np.argsort(-alike, axis=1, kind="stable")[:, : inference.NEAREST]
        for rank, best in enumerate(order.T, start=1):
            columns[f"nearest_{rank}"] = [info.sentences[row] for row in best]
            columns[f"similarity_{rank}"] = alike[np.arange(len(best)), best]
        table = pd.DataFrame(columns)
        table.attrs["notices"] = list(info.notices)
        return table

    def _windows(self, frames: Any) -> list[Stored]:
        """Each clip as one window, cut, sampled and measured as those of a video."""
        return [self._window(clip, number) for number, clip in enumerate(arrays.clips(frames))]

    def _window(self, clip: arrays.Clip, number: int) -> Stored:
        info = self._reader.info
        timed = (decode.Frame(i, i * STEP_MS, image) for i, image in enumerate(clip))
        whole = len(clip) * STEP_MS
        (window,) = windows.windows(
            timed,
            window_ms=whole,
            stride_ms=whole,
            count=info.count,
            temporal=info.temporal,
            size=info.size,
            crop=info.crop,
            face="largest",
            margin=info.margin,
        )
        if quality.LOST in window.quality.flags:
            raise DataError(
                f"clip {number}: no face was found in half of its frames; look at them (RGB, not "
                "BGR?), or load the model with crop='owner' if they are cut to the face already, "
                "crop='none' to keep whole pictures"
            )
        return window.seen(info.input)

    def _embedded(self, clips: list[Stored]) -> Float[np.ndarray, "b e"]:
        size = self._reader.batch_size
        parts = []
        for first in range(0, len(clips), size):
            some = clips[first : first + size]
            full = [*some, *[some[-1]] * (size - len(some))]  # one size, so one compiled program
            batch = jax.tree.map(lambda *several: np.stack(several), *full)
            parts.append(np.asarray(self._compiled(self._reader.model, batch))[: len(some)])
        return np.concatenate(parts)

    @cached_property
    def _compiled(self) -> Any:
        return nnx.jit(_clip_embeddings)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return files.tokenizer(self._directory)

    def _check_words(self, texts: Sequence[str]) -> None:
        if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
            raise DataError(f"texts {texts!r}: give one or more sentences, none of them empty")
        unknown = self._tokenizer.token_to_id(UNKNOWN)
        lacking = [word for text in texts for word in self._strange(text, unknown)]
        if lacking:
            raise DataError(
                f"the vocabulary of {self._directory.name} lacks {', '.join(map(repr, lacking))}; "
                "it knows the words of the sentences it was trained on, such as "
                f"{'; '.join(self._reader.info.sentences[:3]) or 'those of action units'}"
            )

    def _strange(self, text: str, unknown: int | None) -> Iterator[str]:
        encoding = self._tokenizer.encode(text)
        for token, (first, last) in zip(encoding.ids, encoding.offsets, strict=True):
            if token == unknown:
                yield text[first:last]


def _clip_embeddings(model: Any, stored: Stored) -> Float[Array, "b e"]:
    return similarity.unit(model.vision(inputs.seen(stored))[0])
