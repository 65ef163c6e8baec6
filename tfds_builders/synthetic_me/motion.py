"""Action units as motion: where the skin of a neutral picture goes, and how it folds.

The same code moves drawn faces and photographs. Sides are the person's own: left is on the RIGHT
of the picture.
"""

from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Float, Float32

from merclip_jax.tfds_builders.synthetic_me.anatomy import ACTION_UNITS, ActionUnit, unit_and_sides
from merclip_jax.tfds_builders.synthetic_me.face import Face

REFERENCE = 224  # amplitudes are stated in pixels of a frame this wide
SUPERSAMPLING = 2  # frames are sampled from a picture this much finer
MIDLINE = 0.12  # width over which a side's motion fades across the midline, in face units
SKULL = ((0.0, 0.25), (1.1, 1.6, 0.95))  # middle and half axes of the head's ellipsoid, face units
NOSE = ((0.0, 0.55), (0.16, 0.22, 0.3))  # the same of the bump on it


class Rig:
    """A neutral face made ready to move, at one frame size.

    Attributes:
      face: the neutral picture and its anchors.
      size: side of the frames, in pixels.
    """

    def __init__(self, face: Face, size: int):
        """Reduce the picture to the resolution that frames are sampled from."""
        self.face, self.size = face, size
        fine = size * SUPERSAMPLING
        reduced = cv2.resize(face.picture, (fine, fine), interpolation=cv2.INTER_AREA)
        self._fine = cv2.GaussianBlur(reduced, (0, 0), 0.4 * SUPERSAMPLING)  # no aliases
        at = {name: np.array(point) * size - 0.5 for name, point in face.anchors.items()}
        self._pupils = [at[f"eye_inner_{s}"] / 2 + at[f"eye_outer_{s}"] / 2 for s in "rl"]
        across = self._pupils[1] - self._pupils[0]
        self.unit = float(np.hypot(*across))  # the inter-pupillary distance, in pixels
        self._axes = np.stack([across, [-across[1], across[0]]]) / self.unit
        grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1)
        self._place = {name: self._local(point) for name, point in at.items()}
        self._points = self._local(grid).astype(np.float32)
        self._forms: dict[str, Float32[np.ndarray, "h w 3"]] = {}

    def _local(self, points: np.ndarray) -> np.ndarray:
        """Pixels -> face units from between the pupils, along the line of the eyes."""
        middle = (self._pupils[0] + self._pupils[1]) / 2
        return (points - middle) @ self._axes.T / self.unit

    def form(self, name: str) -> Float32[np.ndarray, "h w 3"]:
        """One AU form ('12', 'L12') whose largest displacement is one reference pixel.

        Channels: displacement x and y in pixels of this rig's frames, and light lost.
        """
        if name not in self._forms:
            unit, sides = unit_and_sides(name)
            halves = [self._side(ACTION_UNITS[unit], side) for side in sides]
            field = np.add.reduce(halves)
            largest = np.linalg.norm(field[..., :2], axis=-1).max()
            field[..., :2] *= self.size / REFERENCE / largest
            self._forms[name] = field
        return self._forms[name]

    def _side(self, unit: ActionUnit, side: str) -> Float32[np.ndarray, "h w 3"]:
        """What a unit does to one side, unscaled; a midline unit acts once for both sides."""
        field = np.zeros((self.size, self.size, 3), np.float32)
        if unit.midline and side == "R":
            return field
        sign = 1 if side == "L" else -1
        for pull in unit.pulls:
            direction = np.array([sign * pull.out, pull.down]) @ self._axes
            near = self._blob(pull.anchor, sign, (0, 0), (pull.width, pull.height), 0)
            field[..., :2] += near[..., None] * direction.astype(np.float32)
        for fold in unit.folds:
            at, size = (sign * fold.out, fold.down), (fold.width, fold.height)
            field[..., 2] += fold.depth * self._blob(fold.anchor, sign, at, size, sign * fold.tilt)
        if not unit.midline:  # a muscle moves its own side, and nothing beyond the midline
            field *= np.clip(sign * self._points[..., :1] / MIDLINE + 0.5, 0, 1)
        return field

    def _blob(
        self,
        anchor: str,
        sign: int,
        offset: tuple[float, float],
        size: tuple[float, float],
        tilt: float,
    ) -> Float32[np.ndarray, "h w"]:
        """A Gaussian of peak 1 beside an anchor, turned by `tilt` degrees."""
        named = anchor if anchor in self._place else f"{anchor}_{'l' if sign > 0 else 'r'}"
        x, y = np.moveaxis(self._points - self._place[named] - offset, -1, 0)
        turn = np.deg2rad(tilt)
        cos, sin = float(np.cos(turn)), float(np.sin(turn))
        along, across = (cos * x + sin * y) / size[0], (cos * y - sin * x) / size[1]
        return np.exp(-0.5 * (along**2 + across**2))

    @cached_property
    def _lids(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Per eye: the rows of the upper and of the lower lid edge, and of the lid's fold.

        Both lid edges are parabolas through the corners of the eye; outside the eye they meet.
        """
        edges = []
        for side in "lr":
            place = {
                n: self._place[f"{n}_{side}"]
                for n in ("eye_inner", "eye_outer", "lid_upper", "lid_lower")
            }
            inner, outer = place["eye_inner"], place["eye_outer"]
            s = np.clip(2 * (self._points[..., 0] - inner[0]) / (outer[0] - inner[0]) - 1, -1, 1)
            line = inner[1] + (outer[1] - inner[1]) * (s + 1) / 2
            middle = (inner[1] + outer[1]) / 2
            upper = line + (place["lid_upper"][1] - middle) * (1 - s**2)
            lower = line + (place["lid_lower"][1] - middle) * (1 - s**2)
            edges.append((upper, lower, upper - 0.11 * np.sqrt(1 - s**2)))
        return edges

    def blink(self, closed: float) -> Float32[np.ndarray, "h w 2"]:
        """The displacement of a blink: the lid's skin is drawn over an eye that stays in place."""
        shift = np.zeros((self.size, self.size), np.float32)
        y = self._points[..., 1]
        for upper, lower, crease in self._lids:
            edge = upper + closed * (lower - upper)
            covered = (y > crease) & (y <= edge)
            stretch = (upper - crease) / np.maximum(edge - crease, 1e-6)
            shift += np.where(covered, (y - crease) * (1 - stretch), 0)
        return (shift[..., None] * self._axes[1] * self.unit).astype(np.float32)

    @cached_property
    def _depth(self) -> Float32[np.ndarray, "h w"]:
        """How far each point lies before the axis that the head turns about, in pixels."""
        (x, y), (wide, high, deep) = SKULL
        inside = 1 - ((self._points - (x, y)) / (wide, high)) ** 2 @ np.ones(2)
        skull = deep * np.sqrt(np.clip(inside, 0, 1))
        (x, y), (wide, high, deep) = NOSE
        away = (((self._points - (x, y)) / (wide, high)) ** 2).sum(-1)
        return (self.unit * (skull + deep * np.exp(-0.5 * away))).astype(np.float32)

    def turned(self, yaw: float, pitch: float) -> Float32[np.ndarray, "h w 2"]:
        """The displacement of a head that turns by a few degrees; what lies behind it stays."""
        sines = np.sin(np.deg2rad([yaw, pitch])) @ self._axes
        return self._depth[..., None] * sines.astype(np.float32)

    def displacement(
        self, strengths: dict[str, Float[np.ndarray, " t"]]
    ) -> Float32[np.ndarray, "t h w 3"]:
        """Where the skin has gone in each frame, in pixels (x, y), and the light it lost.

        Args:
          strengths: amplitude of every AU form over time, in pixels of a `REFERENCE` frame.
        """
        weights = np.stack(list(strengths.values()), 1).astype(np.float32)
        fields = np.stack([self.form(name).ravel() for name in strengths])
        return (weights @ fields).reshape(len(weights), self.size, self.size, 3)

    def frames(
        self,
        strengths: dict[str, Float[np.ndarray, " t"]],
        closed: Float[np.ndarray, " t"],
        head: Float[np.ndarray, "t 3"],
        gain: Float[np.ndarray, " t"],
        turn: Float[np.ndarray, "t 2"] | None = None,
    ) -> Float32[np.ndarray, "t h w 3"]:
        """The moving face, 0 to 255, before the camera's noise.

        Every frame is the neutral picture read at `head(grid) - displacement`. OpenCV reads at
        steps of 1/32 pixel of the finer picture, 1/64 pixel of the frame.

        Args:
          strengths: as in `displacement`.
          closed: how far the lids are shut, 0 to 1.
          head: shift to the right and down, in reference pixels, and roll in degrees.
          gain: light, relative to the neutral picture.
          turn: yaw and pitch in degrees, as in `turned`.
        """
        moved = self.displacement(strengths)
        out = np.empty((*moved.shape[:3], 3), np.float32)
        for index, shift in enumerate(moved):
            read = self.posed(*head[index]) - shift[..., :2]
            if closed[index] > 0:
                read -= self.blink(float(closed[index]))
            if turn is not None:
                read -= self.turned(*turn[index])
            read = read * SUPERSAMPLING + (SUPERSAMPLING - 1) / 2
            seen = cv2.remap(
                self._fine,
                read[..., 0],
                read[..., 1],
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            light = np.float32(gain[index]) * (1 - np.clip(shift[..., 2], -0.6, 0.6))
            cv2.multiply(seen, cv2.merge([light] * 3), dst=out[index], dtype=cv2.CV_32F)
        return out

    def posed(self, right: float, down: float, roll: float) -> Float32[np.ndarray, "h w 2"]:
        """Where each pixel lies on the unmoved head."""
        cos, sin = np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))
        middle = (self.size - 1) / 2
        along = np.arange(self.size, dtype=np.float32) - np.float32(middle)
        x = along - right * self.size / REFERENCE
        y = along - down * self.size / REFERENCE
        placed = [np.add.outer(sin * y, cos * x), np.add.outer(cos * y, -sin * x)]
        return np.stack([part + middle for part in placed], -1).astype(np.float32)
