"""Every tested clip for the page's browser: its facts, what was said of it, and its pictures."""

import base64
from dataclasses import dataclass

import numpy as np

from merclip_jax.reports.results import Results

CHANGE = "__change"  # behind a clip's name, of the picture of onset, apex and their difference


@dataclass(frozen=True)
class Shown:
    """A clip in the browser; what was said is the first seed's.

    Attributes:
      clip_id, subject, n_frames: as in clips.csv.
      aus: its action units as annotated, '' for none.
      truth, predicted: classes; '' where the protocol has none.
      predicted_aus: the action units that the run found, of those that it tells.
      right: whether the class, or without classes every annotated unit, was told.
      confidence: the largest probability of a class; without classes the mean over the units of
        that of the state that was said.
      strip, change: addresses of its film strip, and of its onset, apex and their difference; ''
        where the run left none.
    """

    clip_id: str
    subject: str
    n_frames: int
    aus: str
    truth: str
    predicted: str
    predicted_aus: str
    right: bool
    confidence: float
    strip: str
    change: str


def of_run(run: Results) -> list[Shown]:
    """All clips, the wrong ones first, and of these the surest."""
    predictions, names = run.headline, run.class_names
    units = predictions.au_probabilities[0]
    predicted_units = units > 0.5
    labels = predictions.au_labels
    if names:
        right = predictions.classes[0] == run.labels
        confidence = predictions.probabilities[0].max(1)
    else:
        right = ((predicted_units == (labels == 1)) | (labels == -1)).all(1)
        confidence = np.maximum(units, 1 - units).mean(1)
    rows = [
        Shown(
            clip_id=clip["clip_id"],
            subject=clip["subject"],
            n_frames=int(clip["n_frames"]),
            aus=clip["aus"],
            truth=clip["class"],
            predicted=names[predictions.classes[0, row]] if names else "",
            predicted_aus=", ".join(
                f"AU{unit}"
                for unit, moved in zip(predictions.units, predicted_units[row], strict=True)
                if moved
            ),
            right=bool(right[row]),
            confidence=float(confidence[row]),
            strip=picture(run, clip["clip_id"]),
            change=picture(run, clip["clip_id"], CHANGE),
        )
        for row, clip in enumerate(run.clips.to_dict("records"))
    ]
    return sorted(rows, key=lambda clip: (clip.right, -clip.confidence))


def picture(run: Results, clip_id: str, kind: str = "") -> str:
    """A clip's picture as a data address; '' if the run left none."""
    path = run.workdir / "strips" / f"{clip_id.replace('/', '__')}{kind}.jpg"
    if not path.is_file():
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
