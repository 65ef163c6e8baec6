"""The drawing surface: one grid in face units, with soft-edged shapes on it."""

import copy
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Float32

GAMMA = 2.2  # of the camera: sRGB = linear ** (1 / GAMMA)

Map = Float32[np.ndarray, "h w"]
Picture = Float32[np.ndarray, "h w 3"]


class Canvas:
    """A square picture whose points are given in inter-pupillary distances from between the eyes.

    Attributes:
      x, y: coordinates of every pixel's middle; x to the right, y downwards.
      pixel: side of a pixel in the same units.
    """

    def __init__(self, scale: float, centre: tuple[float, float], side: int):
        """Args: scale and centre as in `Traits`; side in pixels."""
        place = (np.arange(side, dtype=np.float32) + 0.5) / side
        self.pixel = 1 / (side * scale)
        self.x, self.y = np.meshgrid((place - centre[0]) / scale, (place - centre[1]) / scale)

    def window(self, x: tuple[float, float], y: tuple[float, float]) -> tuple["Canvas", tuple]:
        """The part of the canvas between these coordinates, and the slices that cut it out."""
        columns = slice(*np.searchsorted(self.x[0], x))
        rows = slice(*np.searchsorted(self.y[:, 0], y))
        part = copy.copy(self)
        part.x, part.y = self.x[rows, columns], self.y[rows, columns]
        return part, (rows, columns)

    def blob(self, x: float, y: float, width: float, height: float) -> Map:
        """A Gaussian of peak 1 with these standard deviations."""
        across = np.exp(-0.5 * ((self.x[0] - x) / width) ** 2)
        down = np.exp(-0.5 * ((self.y[:, 0] - y) / height) ** 2)
        return np.outer(down, across)

    def pair(self, x: float, y: float, width: float, height: float) -> Map:
        """The same Gaussian on both sides of the face."""
        return self.blob(x, y, width, height) + self.blob(-x, y, width, height)

    def cover(self, inside: np.ndarray, blur: float = 0.0) -> Map:
        """How much of each pixel a shape covers; `inside` is the distance to its edge, inwards."""
        return np.clip(inside / (self.pixel + blur) + 0.5, 0, 1).astype(np.float32)

    def strokes(self, lines: Sequence[Float[np.ndarray, "p 2"]], width: float) -> Map:
        """Coverage of antialiased polylines."""
        shift = 4  # fractional bits that OpenCV understands
        origin = np.array([self.x[0, 0], self.y[0, 0]])
        pixels = [((line - origin) / self.pixel * 2**shift).astype(np.int32) for line in lines]
        mask = np.zeros(self.x.shape, np.uint8)
        thickness = max(1, round(width / self.pixel))
        cv2.polylines(mask, pixels, False, 255, thickness, cv2.LINE_AA, shift)
        return mask.astype(np.float32) / 255

    def blur(self, image: np.ndarray, radius: float) -> np.ndarray:
        """Gaussian blur with this standard deviation."""
        return cv2.GaussianBlur(image, (0, 0), max(radius / self.pixel, 0.3))

    def grain(self, rng: np.random.Generator, length: float) -> Map:
        """Smooth noise of about unit variance with this correlation length."""
        rows, columns = self.x.shape
        cell = max(1, int(length / self.pixel))
        rough = rng.standard_normal((rows // cell + 2, columns // cell + 2), dtype=np.float32)
        return cv2.resize(rough, (columns, rows), interpolation=cv2.INTER_CUBIC)


def over(picture: Picture, colour: np.ndarray, cover: Map) -> Picture:
    """`colour` (one, or one per pixel) painted over `picture` where `cover` is 1."""
    return picture + (np.asarray(colour, np.float32) - picture) * cover[..., None]


def linear(srgb: Float[np.ndarray, " 3"]) -> Float32[np.ndarray, " 3"]:
    """A colour in linear intensity."""
    return (np.clip(srgb, 0, 1) ** GAMMA).astype(np.float32)
