"""Parts of a video's frames that are kept for a while, from which upright squares are cut."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from merclip_jax.faces import face as faces


@dataclass(frozen=True)
class Patch:
    """A part of a frame.

    Attributes:
      image: RGB.
      matrix: takes (x, y, 1) of the frame to its own pixels; None of one that is the square itself.
    """

    image: UInt8[np.ndarray, "h w 3"]
    matrix: Float[np.ndarray, "2 3"] | None

    def cut(self, matrix: Float[np.ndarray, "2 3"], size: int) -> UInt8[np.ndarray, "s s 3"]:
        """The square that a matrix (`face.alignment`) takes out of the whole frame."""
        if self.matrix is None:
            return self.image
        back = np.linalg.inv(np.vstack([self.matrix, [0, 0, 1]]))
        return faces.crop(self.image, matrix @ back, size)


def of_frame(
    image: UInt8[np.ndarray, "h w 3"], area: Float[np.ndarray, " 4"], largest: float
) -> Patch:
    """The part of a square (x0, y0, x1, y1) that lies inside the frame, copied.

    It is reduced where the square's side has more than `largest` pixels.
    """
    height, width = image.shape[:2]
    x0, y0 = (int(np.clip(v, 0, n - 1)) for v, n in zip(area[:2], (width, height), strict=True))
    x1, y1 = (
        int(np.clip(v, 1, n)) for v, n in zip(np.ceil(area[2:]), (width, height), strict=True)
    )
    part = image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    scale = min(1.0, largest / float(area[2] - area[0]))
    if scale == 1:
        return Patch(part.copy(), np.array([[1.0, 0, -x0], [0, 1, -y0]]))
    new = [max(1, round(length * scale)) for length in part.shape[1::-1]]
    x, y = new[0] / part.shape[1], new[1] / part.shape[0]
    matrix = np.array([[x, 0, (0.5 - x0) * x - 0.5], [0, y, (0.5 - y0) * y - 0.5]])
    return Patch(cv2.resize(part, new, interpolation=cv2.INTER_AREA), matrix)
