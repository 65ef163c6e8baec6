"""Motion of a face in the windows of a video, each frame measured once or twice for all of them.

`data.motion` measures a clip against the clip's own mean picture. Windows overlap: measured like
that, a frame would be measured as often as windows hold it. Here the frames of neighbouring windows
are measured against one mean picture, that of the first of these windows, and in its cut of the
face. How far that is from `data.motion` is in docs/results.md.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from merclip_jax.data import motion
from merclip_jax.facs import regions
from merclip_jax.video.patches import Patch

ASIDE = 0.01  # of the side: so far may the corners of a window's cut lie from the reference's

GRID = 28  # cells along a side, in which the skin's motion is looked at
HARMONICS = 2  # half waves over the window that count as motion; faster is taken for noise
BUSIEST = 0.15  # share of the skin over which the motion is averaged: an action unit moves little
LIDS = (43, 45)  # eye closure and blink: their region is no skin
NEAR = 2  # cells around the eyes that a blink moves, too, since motion is measured in windows
BLINK = 0.1  # share of the lids' motion that the skin farther away is taken to owe to them
BELOW = (21, 31)  # neck and jaw: the border of the picture is no skin

Fields = Float32[np.ndarray, "t m m 2"]
Matrix = Float[np.ndarray, "2 3"]


@dataclass(frozen=True)
class _Reference:
    """What the frames of neighbouring windows of a person are compared with.

    Attributes:
      until_ms: windows that begin from then on get a new one.
      matrix: its cut of the face.
      fields: of the frames measured so far, by time.
    """

    until_ms: float
    matrix: Matrix
    template: motion.Template
    fields: dict[float, np.ndarray]

    def serves(self, began_ms: float, matrix: Matrix, size: int) -> bool:
        """Whether a window can be measured against it, cut by a matrix to `size` pixels."""
        corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1.0]])
        back = np.linalg.inv(np.vstack([self.matrix, [0, 0, 1]]))
        aside = np.linalg.norm(corners @ (matrix @ back).T - corners[:, :2], axis=1)
        return began_ms < self.until_ms and float(aside.max()) <= ASIDE * size


class Motions:
    """The motion of every face of one video. Ask for windows in the order of their times."""

    def __init__(self, size: int, window_ms: float):
        """Of faces that are cut to squares of `size` pixels; a reference serves for `window_ms`."""
        self.size, self._window_ms = size, window_ms
        self._references: dict[int, _Reference] = {}

    def of(self, person: int, patches: Mapping[float, Patch], matrix: Matrix) -> Fields:
        """The motion of a window, as `data.motion.motion` has it of a clip.

        Args:
          person: whose face it is.
          patches: the window's frames by their times, in order.
          matrix: the window's cut of the face.
        """
        began, basis = min(patches), self._references.get(person)
        if basis is None or not basis.serves(began, matrix, self.size):
            basis = self._begin(patches, matrix)
        for time in [time for time in basis.fields if time < began]:
            del basis.fields[time]
        for time, patch in patches.items():
            if time not in basis.fields:
                basis.fields[time] = basis.template.motion_to(self._seen(patch, basis.matrix))
        self._references = {
            other: reference
            for other, reference in self._references.items()
            if reference.until_ms > began - self._window_ms
        } | {person: basis}
        fields = np.stack([basis.fields[time] for time in patches])
        return motion.since_first(motion.over_time(fields))

    def _begin(self, patches: Mapping[float, Patch], matrix: Matrix) -> _Reference:
        lightness = np.stack([self._seen(patch, matrix) for patch in patches.values()])
        template = motion.Template(motion.over_time(lightness).mean(0))
        return _Reference(min(patches) + self._window_ms, matrix, template, {})

    def _seen(self, patch: Patch, matrix: Matrix) -> motion.Picture:
        return motion.brightness(patch.cut(matrix, self.size))


def energy(fields: Fields) -> float:
    """How far the busiest skin moves within a window, in pixels of a picture 224 wide.

    It is the standard deviation over time of the skin's place, of the part slower than one wave per
    window, averaged over the busiest 15 % of the skin: the regions of the action units, but not the
    eyes and what is near to them. A blink moves the eyes several times as far as the skin, an
    expression hardly farther; therefore the head is fitted without them, and a share of their
    motion is taken off.
    """
    count = len(fields)
    if count < 2:
        return 0.0
    skin, eyes, near = _regions()
    cell = fields.shape[1] // GRID
    slow = np.tensordot(_waves(count) / np.float32(np.sqrt(count)), fields, 1)
    slow = slow.reshape(-1, GRID, cell, GRID, cell, 2).mean((2, 4))
    travelled = np.linalg.norm(motion.without_head(slow, ~near), axis=(0, 3))
    return max(0.0, _busiest(travelled[skin]) - BLINK * _busiest(travelled[eyes]))


def _busiest(travelled: Float32[np.ndarray, " n"]) -> float:
    return float(np.sort(travelled)[-round(BUSIEST * len(travelled)) :].mean())


def _waves(count: int) -> Float32[np.ndarray, "k t"]:
    """Orthonormal half waves over a window, without the constant."""
    middle = (np.arange(count) + 0.5) / count
    number = np.arange(1, min(HARMONICS, count - 1) + 1)
    waves = np.cos(np.pi * np.outer(number, middle)) * np.sqrt(2 / count)
    return waves.astype(np.float32)


@functools.cache
def _regions() -> tuple[Bool[np.ndarray, "g g"], Bool[np.ndarray, "g g"], Bool[np.ndarray, "g g"]]:
    """Cells of skin that moves by itself; those of the eyes; those of the eyes and around."""
    eyes = regions.mask(LIDS[0], "", GRID)
    near = ndimage.binary_dilation(eyes, iterations=NEAR)
    moving = [unit for unit in regions.REGIONS if unit not in LIDS + BELOW]
    skin = np.any([regions.mask(unit, "", GRID) for unit in moving], axis=0) & ~near
    return np.pad(skin[1:-1, 1:-1], 1), eyes, near
