"""The events of a video with what speaks for each: a second look at the frames in question."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from merclip_jax import progress
from merclip_jax.data import inputs
from merclip_jax.faces import crops
from merclip_jax.faces import face as faces
from merclip_jax.timeline import maps
from merclip_jax.video import decode, spotting
from merclip_jax.video.journal import Row
from merclip_jax.video.model_info import ModelInfo
from merclip_jax.video.predictor import Predictor

STRIP = 7  # pictures of a film strip: the fourth is the apex
SHOWN = 40  # events of a video that are looked at again: those with the highest scores
EXPLAINED = 12  # of these, those that are explained: each costs as much as about 70 windows

Picture = UInt8[np.ndarray, "s s 3"]
Film = dict[float, Picture]  # all frames of a window by their times


@dataclass(frozen=True)
class Finding:
    """An event of one person.

    Attributes:
      person: as in the rows.
      event: onset, apex, offset and score.
      row: the window whose middle is nearest to the apex: what the model says of the event.
      strip: pictures from onset to offset, the apex in the middle; empty unless looked at again.
      frames: of that window, those that the model saw; empty unless explained.
      explanation: see `maps.explain`; None for most of many.
    """

    person: int
    event: spotting.Event
    row: Row
    strip: tuple[Picture, ...] = ()
    frames: tuple[Picture, ...] = ()
    explanation: maps.Explanation | None = None

    @property
    def instants_ms(self) -> Float[np.ndarray, " n"]:
        """When the strip's pictures are taken."""
        half = STRIP // 2 + 1
        rise = np.linspace(self.event.onset_ms, self.event.apex_ms, half)
        fall = np.linspace(self.event.apex_ms, self.event.offset_ms, half)
        return np.concatenate([rise, fall[1:]])


def of_one(rows: Sequence[Row], face: str) -> list[list[Row]]:
    """The rows of each person; with `face` 'largest' all together, whoever that is."""
    if face == "largest":
        return [list(rows)]
    persons = sorted({row.person for row in rows})
    return [[row for row in rows if row.person == person] for person in persons]


def find(rows: Sequence[Row], face: str) -> list[Finding]:
    """The events of every person, in the order of their onsets."""
    events = []
    for everything in of_one(rows, face):
        own = [row for row in everything if row.is_read]
        for event in _spot(own):
            row = min(own, key=lambda one: abs(one.middle_ms - event.apex_ms))
            events.append(Finding(row.person, event, row))
    return sorted(events, key=lambda one: (one.event.onset_ms, one.person))


def look_again(
    findings: Sequence[Finding], source: decode.Source, reader: Predictor
) -> list[Finding]:
    """Pictures and explanations of the events with the highest scores; the others as they are.

    The frames are decoded a second time and cut by the transforms that the rows keep.
    """
    ranked = sorted(range(len(findings)), key=lambda i: -findings[i].event.score)
    explained = list(findings)
    strongest = [findings[i] for i in ranked[:SHOWN]]
    strips, films = _taken(strongest, source, reader.info)
    for i, strip in zip(ranked, strips, strict=False):
        explained[i] = replace(findings[i], strip=strip)
    if films:
        progress.say("compiling what explains events, once")
    bar = progress.bar(films, "explaining", "event")
    for i, film in zip(ranked, bar, strict=False):
        explained[i] = _explained(explained[i], film, reader)
    return explained


def _explained(finding: Finding, film: Film, reader: Predictor) -> Finding:
    """What speaks for the likeliest class, or where there are action units for the surest one."""
    row, info = finding.row, reader.info
    names = [f"AU{unit}" for unit in info.units] or info.classes
    target = int(np.argmax(row.units or row.probabilities))
    times = np.array(row.times_ms)
    onset = int(np.abs(times - finding.event.onset_ms).argmin())
    chosen = np.abs(np.array(list(film)) - times[:, None]).argmin(1)
    frames = np.stack(list(film.values()))
    clip = inputs.of_frames(frames, info.input).rows(chosen)
    explanation = maps.explain(reader.model, clip, target, names[target], onset=onset)
    return replace(finding, frames=tuple(frames[chosen]), explanation=explanation)


def _taken(
    findings: Sequence[Finding], source: decode.Source, info: ModelInfo
) -> tuple[list[tuple[Picture, ...]], list[Film]]:
    """Strips of all findings, films of the first ones' windows; from one pass over the video."""
    half_a_frame = 500 / source.fps
    wishes = sorted(
        (t - half_a_frame, i) for i, one in enumerate(findings) for t in one.instants_ms
    )
    strips: list[list[Picture]] = [[] for _ in findings]
    rows = [one.row for one in findings[:EXPLAINED]]
    films: list[Film] = [{} for _ in rows]
    last = max((row.end_ms for row in rows), default=0.0)
    for frame in decode.frames(source):
        while wishes and wishes[0][0] <= frame.time_ms:
            _, i = wishes.pop(0)
            strips[i].append(_cut(frame.image, findings[i].row, info))
        for row, film in zip(rows, films, strict=True):
            if min(row.start_ms, row.times_ms[0]) <= frame.time_ms < row.end_ms:
                film[frame.time_ms] = _cut(frame.image, row, info)
        if not wishes and frame.time_ms >= last:
            break
    for _, i in wishes:  # past the last frame: as it was
        strips[i].append(strips[i][-1])
    return [tuple(strip) for strip in strips], films


def _cut(image: UInt8[np.ndarray, "h w 3"], row: Row, info: ModelInfo) -> Picture:
    """A frame as the window of a row has it."""
    if row.place is None:
        return crops.squares([image], info.size, info.crop)[0][0]
    return faces.crop(image, np.array(row.place), info.size)


def _spot(rows: Sequence[Row]) -> list[spotting.Event]:
    """The events among windows in which a face was seen."""
    if not rows:
        return []
    times, motion = (
        np.array([getattr(row, name) for row in rows]) for name in ("middle_ms", "motion")
    )
    return spotting.spot(times, motion)
