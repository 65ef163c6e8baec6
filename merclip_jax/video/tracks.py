"""Who is where in a video: one mesh per face and look, followed from look to look.

A face is detected once and then followed by the mesh network, which also says when it is lost. A
person is first of all a place: a face that comes back where one was lost a short while ago is the
same. Who comes back later or elsewhere is known by likeness to those who are gone (`likeness`).
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from merclip_jax.faces import face as faces
from merclip_jax.faces import likeness

SEARCH_MS = 1000.0  # a search for faces that are new, or larger than the one that is followed
MEMORY_MS = 2000.0  # a face that is gone for longer is known by its likeness alone
LOOKS = 8  # of a person that are remembered, a second or more apart
PEOPLE = 64  # who are remembered when they are gone
LARGER = 1.5  # times the area of the face that is followed, to leave it for another one
SAME_FACE = 0.5  # share of the smaller of two boxes that both cover, if they are of one face


Mesh = Float[np.ndarray, "468 3"]


@dataclass(eq=False)
class _Track:
    person: int
    mesh: np.ndarray  # the last one
    seen_ms: float  # when that was
    found: bool = True
    looks: deque[likeness.Look] = field(default_factory=lambda: deque(maxlen=LOOKS))
    remembered_ms: float = -np.inf  # when the last of them was taken


class Tracker:
    """The faces of one video. Call it with frames in the order of their times."""

    def __init__(self, largest: bool):
        """Follow every face, or the largest alone."""
        self._largest = largest
        self._tracks: list[_Track] = []
        self._gone: deque[_Track] = deque(maxlen=PEOPLE)
        self._searched_ms = -np.inf
        self._persons = 0

    def look(self, image: UInt8[np.ndarray, "h w 3"], time_ms: float) -> dict[int, Mesh | None]:
        """The mesh of each person in the picture; None for a face lost a short while ago."""
        self._keep([t for t in self._tracks if time_ms - t.seen_ms <= MEMORY_MS])
        for track in self._tracks:
            self._place(track, faces.follow(image, track.mesh) if track.found else None, time_ms)
        self._keep(_apart(self._tracks))
        lost = not self._tracks or not all(track.found for track in self._tracks)
        if lost or time_ms - self._searched_ms >= SEARCH_MS:
            self._searched_ms = time_ms
            self._search(image, time_ms)
        return {track.person: track.mesh if track.found else None for track in self._tracks}

    def _search(self, image: np.ndarray, time_ms: float) -> None:
        """Find lost faces again and new ones; of one face alone, go over to a much larger one."""
        detected = sorted(faces.detect(image), key=lambda each: -_area(each.box))
        if self._largest:
            followed = [_area(_box(track.mesh)) for track in self._tracks if track.found]
            detected = [f for f in detected[:1] if _area(f.box) > LARGER * max(followed, default=0)]
        for each in detected:
            if any(track.found and _same(_box(track.mesh), each.box) for track in self._tracks):
                continue
            mesh = faces.landmarks(image, each)
            if mesh is None:
                continue
            appearance = likeness.look(image, mesh)
            lost = (t for t in self._tracks if not t.found and _same(_box(t.mesh), each.box))
            track = next(lost, None) or self._back(appearance)
            if track is None:
                track = _Track(self._persons, mesh, time_ms)
                self._persons += 1
            if track not in self._tracks:
                self._tracks.append(track)
            self._place(track, mesh, time_ms)
            if self._largest:
                self._keep([track])
        for track in self._tracks:
            if track.found and time_ms - track.remembered_ms >= SEARCH_MS:
                track.looks.append(likeness.look(image, track.mesh))
                track.remembered_ms = time_ms

    def _back(self, appearance: likeness.Look) -> _Track | None:
        """Who of those that are not in the picture looks most like this face, if alike enough."""
        absent = [*self._gone, *(track for track in self._tracks if not track.found)]
        scores = [max(likeness.likeness(appearance, look) for look in t.looks) for t in absent]
        if not scores or max(scores) < likeness.ALIKE:
            return None
        track = absent[int(np.argmax(scores))]
        if track in self._gone:
            self._gone.remove(track)
        return track

    def _keep(self, tracks: list[_Track]) -> None:
        """Follow these alone, and remember the others."""
        self._gone.extend(track for track in self._tracks if track not in tracks)
        self._tracks = tracks

    def _place(self, track: _Track, mesh: np.ndarray | None, time_ms: float) -> None:
        track.found = mesh is not None
        if mesh is not None:
            track.mesh, track.seen_ms = mesh, time_ms


def _apart(tracks: list[_Track]) -> list[_Track]:
    """Without those that have slipped onto a face which an older one follows."""
    kept: list[_Track] = []
    for track in tracks:
        box = _box(track.mesh)
        if not (track.found and any(k.found and _same(_box(k.mesh), box) for k in kept)):
            kept.append(track)
    return kept


def _same(box: np.ndarray, other: np.ndarray) -> bool:
    """Whether two boxes are of one face: they share most of the smaller one."""
    shared = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    smaller = min(_area(box), _area(other))
    return bool((shared > 0).all() and np.prod(shared) > SAME_FACE * smaller)


def _box(mesh: np.ndarray) -> np.ndarray:
    """x0, y0, x1, y1 around a mesh."""
    return np.concatenate([mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)])


def _area(box: np.ndarray) -> float:
    return float(np.prod(box[2:] - box[:2]))
