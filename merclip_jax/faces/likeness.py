"""Whether two faces of one video are one person's: their pictures, put upright, are compared.

The package carries no network that tells people apart, and this is none: it compares where light
and dark lie over two faces of one recording, and their colours. It says who came back within a
video, and nothing of who somebody is; a face that is lit, turned or dressed otherwise is another.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from merclip_jax.faces import face

SIDE = 32  # pixels of the upright face that are compared
FINE, COARSE = 0.5, 4.0  # pixels: what is finer is noise, what is coarser is light
PATCHES, WEIGHT = 4, 8.0  # a side in which colours are compared, and how much they count
ALIKE = 0.8  # likeness from which two faces are one person's: docs/predict.md has what it errs


Look = Float[np.ndarray, " k"]


def look(image: UInt8[np.ndarray, "h w 3"], mesh: Float[np.ndarray, "468 3"]) -> Look:
    """What is compared of a face: its upright picture, grey and without shade, and its colours."""
    square = face.crop(image, face.alignment([mesh], 2 * SIDE, 0.0), 2 * SIDE)
    small = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    band = cv2.GaussianBlur(grey, (0, 0), FINE) - cv2.GaussianBlur(grey, (0, 0), COARSE)
    patches = cv2.resize(square, (PATCHES, PATCHES), interpolation=cv2.INTER_AREA) + 1.0
    colours = patches / patches.sum(axis=2, keepdims=True) / PATCHES
    flat = band.reshape(-1).astype(np.float64)
    return np.concatenate([flat / (np.linalg.norm(flat) or 1.0), WEIGHT * colours.reshape(-1)])


def likeness(one: Look, other: Look) -> float:
    """1 of a face and itself; the cosine of two pictures, less where their colours differ."""
    return 1 - float(np.sum((one - other) ** 2)) / 2
