"""A stream of frames cut into windows over time, each with its face upright in the middle.

A window is for the model what a clip is: `count` frames, one transform for all of them. What is
kept in memory is the face's surroundings in the frames of one window, whatever the video's length.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from merclip_jax.data import motion
from merclip_jax.data.inputs import Stored
from merclip_jax.errors import ConfigError
from merclip_jax.faces import crops
from merclip_jax.faces import face as faces
from merclip_jax.video import gaps, patches, quality
from merclip_jax.video.decode import Frame
from merclip_jax.video.motion import Motions, energy
from merclip_jax.video.patches import Patch
from merclip_jax.video.quality import Quality, Sight
from merclip_jax.video.tracks import Tracker

LOOK_MS = 1000 / 30  # a face is looked at so often; it hardly moves in between
AREA = 2.0  # side of what is kept around a face, over the longer side of its mesh
ENOUGH = 2  # frames of a window: one alone shows no motion
DETAIL = 1.4  # its mesh has at most so many times the model's pixels, twice what the model sees


@dataclass(frozen=True)
class Window:
    """What a model reads at once, and how far it is to be trusted.

    Attributes:
      person: the number of the face, from 0; see `tracks`.
      start_ms: the window's first moment, milliseconds of the video.
      end_ms: its end; the next frame after it is not in it.
      times_ms: when the frames are shown; a frame may stand there twice where the rate is low.
      frames: RGB; all zeros where the face is lost.
      moved: the motion of these frames since the window's first, as it is packed
        (`data.motion.encode`), measured in all frames of the window; still where the face is lost.
      motion: its energy over all frames (`motion.energy`); 0 where the face is lost.
      quality: what could spoil it.
      matrix: takes (x, y, 1) of the video's pictures to the frames; None where the face is lost
        or was not sought.
    """

    person: int
    start_ms: float
    end_ms: float
    times_ms: Float[np.ndarray, " t"]
    frames: UInt8[np.ndarray, "t s s 3"]
    moved: UInt8[np.ndarray, "t m m 2"]
    motion: float
    quality: Quality
    matrix: Float[np.ndarray, "2 3"] | None

    def seen(self, kind: str) -> Stored:
        """The window for a model whose input is of this kind, one of `towers.config.INPUTS`."""
        return Stored(
            self.frames if "rgb" in kind else None, self.moved if "motion" in kind else None
        )


@dataclass(frozen=True)
class _Look:
    """What is kept of a frame: by person a patch, and the sight of the last look at it."""

    time_ms: float
    patches: dict[int, Patch]
    sights: dict[int, Sight | None]
    looked: bool


def windows(
    frames: Iterable[Frame],
    *,
    window_ms: float,
    stride_ms: float,
    count: int,
    temporal: str,
    size: int,
    crop: str,
    face: str,
    margin: float = faces.MARGIN,
) -> Iterator[Window]:
    """Cut a stream of frames into windows of one length, every `stride_ms`.

    A gap (`gaps.marked`) ends what comes before it, and behind it everything begins anew: no window
    lies over a gap or in it, nor has fewer than `ENOUGH` frames. A last one ends with the frames,
    so that every frame is in some window (unless the stride is the longer one); what is shorter
    than one window is one window. Each time span gives a window for every person that is there, and
    one where the face is lost if there is nobody.

    Args:
      frames: in the order of their times; may be endless.
      window_ms: length in milliseconds.
      stride_ms: milliseconds from one start to the next.
      count: frames per window.
      temporal: which, as in training (`config.data.temporal`, `augment.sample_frames`): those
        nearest to the ends ('ends') or to the middles (any other word, since a window's frames are
        no chosen ones and its apex is not known) of as many equal parts of the time between the
        window's first and last frame.
      size: side of the frames in pixels.
      crop: 'aligned', or as `crops.squares` has them 'owner' and 'none'; these two look for no
        face, and everybody is person 0.
      face: 'largest' face or 'all' of them.
      margin: free border around an aligned face, see `face.alignment`.

    Raises:
      ConfigError: a value that cannot be, or no package with the face networks.
    """
    if not (window_ms > 0 and stride_ms > 0 and count > 0 and size > 0):
        raise ConfigError(
            f"window of {window_ms} ms every {stride_ms} ms, {count} frames of {size} pixels: each "
            "must be above 0"
        )
    for value, allowed in ((crop, crops.WAYS), (face, ("largest", "all"))):
        if value not in allowed:
            raise ConfigError(f"{value!r} is unknown; give one of {', '.join(allowed)}")
    aligned = crop == "aligned"
    looks = _faces(frames, size, face) if aligned else _whole(frames, size, crop)
    motions = Motions(size, window_ms)
    for start, end, kept in _spans_between_gaps(looks, window_ms, stride_ms):
        inside = [look for look in kept if start <= look.time_ms < end]
        if len(inside) < ENOUGH:
            continue
        for person in _persons(inside, face) if aligned else [0]:
            border = margin if aligned else None
            yield _window(inside, person, (start, end), count, temporal, motions, border)


def _faces(frames: Iterable[Frame], size: int, face: str) -> Iterator[_Look]:
    """Frames by what surrounds their faces; between two looks at a face it stays where it was."""
    tracker, due = Tracker(face == "largest"), -np.inf
    areas: dict[int, np.ndarray] = {}
    sights: dict[int, Sight | None] = {}
    for frame in frames:
        looked = frame.time_ms >= due
        if looked:
            meshes = tracker.look(frame.image, frame.time_ms)
            due = frame.time_ms + LOOK_MS * 0.9  # rates just above the looks' are looked at all
            areas = {
                person: areas[person] if mesh is None else _area(mesh)
                for person, mesh in meshes.items()
            }
            sights = {person: _sight(frame.image, mesh) for person, mesh in meshes.items()}
        kept = {
            person: patches.of_frame(frame.image, area, AREA * DETAIL * size)
            for person, area in areas.items()
        }
        yield _Look(frame.time_ms, kept, sights, looked)


def _sight(image: np.ndarray, mesh: np.ndarray | None) -> Sight | None:
    return None if mesh is None else Sight(mesh, faces.eye_opening(image, mesh))


def _area(mesh: np.ndarray) -> np.ndarray:
    """The square around a mesh that is kept: x0, y0, x1, y1 in pixels of the frame."""
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    half = AREA / 2 * (high - low).max()
    return np.concatenate([(low + high) / 2 - half, (low + high) / 2 + half])


def _whole(frames: Iterable[Frame], size: int, crop: str) -> Iterator[_Look]:
    for frame in frames:
        (square,), _ = crops.squares([frame.image], size, crop)
        yield _Look(frame.time_ms, {0: Patch(square, None)}, {}, False)


Spans = Iterator[tuple[float, float, list[_Look]]]


def _spans_between_gaps(looks: Iterable[_Look], window_ms: float, stride_ms: float) -> Spans:
    """Start and end of each window, as `_spans` has them of frames without a gap."""
    for stretch in gaps.stretches(looks, window_ms):
        yield from _spans(stretch, window_ms, stride_ms)


def _spans(looks: Iterable[_Look], window_ms: float, stride_ms: float) -> Spans:
    """Start and end of each window, with what is kept of the frames up to its end."""
    kept: deque[_Look] = deque()
    first = step = 0.0
    given = 0  # windows
    for look in looks:
        first = first if kept else look.time_ms
        step = look.time_ms - kept[-1].time_ms if kept else 0.0
        kept.append(look)
        while look.time_ms >= (end := first + given * stride_ms + window_ms):
            yield end - window_ms, end, list(kept)
            given += 1
        while kept[0].time_ms < look.time_ms - window_ms:
            kept.popleft()
    if not kept:
        return
    last, start = kept[-1].time_ms, first + given * stride_ms
    if given == 0 or last >= max(start, start - stride_ms + window_ms):  # it is in no window yet
        end = min(last + step, start + window_ms)
        yield max(first, end - window_ms), end, list(kept)


def _persons(looks: Sequence[_Look], face: str) -> list[int]:
    """Whose windows to give: everybody's, or the one's who is longest in it; 0 if nobody is."""
    sightings: Counter[int] = Counter()
    for look in looks:
        sightings.update({person: int(sight is not None) for person, sight in look.sights.items()})
    if face == "all":
        return sorted(sightings) or [0]
    return [person for person, _ in sightings.most_common(1)] or [0]


def _window(
    looks: Sequence[_Look],
    person: int,
    span: tuple[float, float],
    count: int,
    temporal: str,
    motions: Motions,
    margin: float | None,
) -> Window:
    """One person's window from the frames inside it."""
    size = motions.size
    matrix, measured = np.eye(2, 3), quality.NOT_LOOKED
    if margin is not None:
        looked_at = [look for look in looks if look.looked] or looks
        sights = [look.sights.get(person) for look in looked_at]
        measured = quality.of_face(sights)
        if quality.LOST in measured.flags:
            blank = np.zeros((count, size, size, 3), np.uint8)
            still = np.full((count, motion.SIDE, motion.SIDE, 2), motion.STILL, np.uint8)
            times = _instants(looks, count, temporal)
            return Window(person, *span, times, blank, still, 0.0, measured, None)
        meshes = [sight.mesh for sight in sights if sight is not None]
        matrix = faces.alignment(meshes, size, margin)
        looks = [look for look in looks if person in look.patches]
    moved = motions.of(person, {look.time_ms: look.patches[person] for look in looks}, matrix)
    times, chosen = _nearest(looks, _instants(looks, count, temporal))
    squares = {i: looks[i].patches[person].cut(matrix, size) for i in set(chosen)}
    frames = np.stack([squares[i] for i in chosen])
    measured = quality.with_blur(measured, frames)
    place = None if margin is None else matrix
    encoded = motion.encode(moved[chosen])
    return Window(person, *span, times, frames, encoded, energy(moved), measured, place)


def _instants(looks: Sequence[_Look], count: int, temporal: str) -> Float[np.ndarray, " {count}"]:
    first, last = looks[0].time_ms, looks[-1].time_ms
    place = 1.0 if temporal == "ends" else 0.5
    return first + (last - first) * (np.arange(count) + place) / count


def _nearest(
    looks: Sequence[_Look], times: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " n"], list[int]]:
    """When the frames nearest to some times are shown, and which of the looks they are."""
    have = np.array([look.time_ms for look in looks])
    chosen = np.abs(have - times[:, None]).argmin(1)
    return have[chosen], chosen.tolist()
