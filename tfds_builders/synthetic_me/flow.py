"""What a publisher of optical flow would give of an acted clip: one small picture of its motion.

Displacement to the right and down (u, v) from onset to apex and its strain, in a tight cut of the
face, each stretched to bytes by its extremes: the form in which MEGC2019's flow is published. The
true displacement is taken, with errors of measurement added; nothing is drawn.
"""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from merclip_jax.tfds_builders.synthetic_me.motion import Rig
from merclip_jax.tfds_builders.synthetic_me.story import Story

SIDE = 28  # pixels
CUT = (0.18, 0.99, 0.24, 0.78)  # top, bottom, left and right over the side: brows, chin, temples
ERROR = (0.3, 1.3)  # least and greatest size of the errors, over that of the motion
BREADTH = 1.2  # pixels: errors of neighbours within it are alike


def picture(rig: Rig, plot: Story) -> UInt8[np.ndarray, "28 28 3"]:
    """Channels u, v and strain; the same arguments give the same bytes."""
    rng = np.random.default_rng(plot.noise_seed)
    moved = _cut(displacement(rig, plot))
    errors = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE, 2)), (0, 0), BREADTH)
    size = np.sqrt(np.square(moved).mean()) * rng.uniform(*ERROR)
    moved += (errors * (size / errors.std())).astype(np.float32)
    shown = np.concatenate([moved, strain(moved)[..., None]], -1)
    least, greatest = shown.min((0, 1)), shown.max((0, 1))
    return np.rint(255 * (shown - least) / np.maximum(greatest - least, 1e-6)).astype(np.uint8)


def displacement(rig: Rig, plot: Story) -> Float32[np.ndarray, "h w 2"]:
    """How far each point goes from onset to apex, with lids and head, in pixels of the rig."""
    ends = [plot.onset, plot.apex]
    places = rig.displacement({name: part[ends] for name, part in plot.strengths.items()})[..., :2]
    for place, frame in zip(places, ends, strict=True):
        place -= rig.posed(*plot.head[frame])
        if plot.closed[frame] > 0:
            place += rig.blink(float(plot.closed[frame]))
    return places[1] - places[0]


def strain(moved: Float32[np.ndarray, "h w 2"]) -> Float32[np.ndarray, "h w"]:
    """Size of the symmetric part of the gradient (Frobenius norm), per pixel."""
    down, right = np.gradient(moved, axis=(0, 1))
    shear = (down[..., 0] + right[..., 1]) / 2
    return np.sqrt(right[..., 0] ** 2 + down[..., 1] ** 2 + 2 * shear**2)


def _cut(field: Float32[np.ndarray, "h w 2"]) -> Float32[np.ndarray, "28 28 2"]:
    top, bottom, left, right = (edge * len(field) for edge in CUT)
    corners = np.array([[left, top], [right, top], [left, bottom]], np.float32) - 0.5
    onto = np.array([[0, 0], [SIDE, 0], [0, SIDE]], np.float32) - 0.5
    return cv2.warpAffine(
        field,
        cv2.getAffineTransform(corners, onto),
        (SIDE, SIDE),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
