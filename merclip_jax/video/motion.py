"""How much the skin of an aligned face moves within a window; numpy in, one number out.

The head's own motion is undone first; then each cell of a grid says how far its skin has gone, by
least squares on the brightness (Lucas and Kanade 1981) with a term for light.
"""

import functools

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from merclip_jax.facs import regions

SIDE = 112  # pixels: larger pictures are reduced to it
GRID = 16  # cells along a side
HARMONICS = 2  # half waves over the window that count as motion; faster is taken for noise
BUSIEST = 0.15  # share of the skin over which the motion is averaged: an action unit moves little
NOISE = 1.5  # grey levels: of a usual camera
REACH = 1 / 560  # of the side: displacements beyond it need evidence, see `_shifts`
LIDS = (43, 45)  # eye closure and blink: their region counts for nothing
BELOW = (21, 31)  # neck and jaw: the border of the picture is no skin

Pictures = Float32[np.ndarray, "t s s"]


def motion_energy(frames: UInt8[np.ndarray, "t s s 3"]) -> float:
    """How far the busiest skin moves within a window, in thousandths of the picture's side.

    It is the standard deviation over time of the skin's place, of the part slower than one wave per
    window, averaged over the busiest 15 % of the skin (the regions of the action units without the
    eyes, so that a blink counts little). Shift, roll and scale of the whole face and changes of
    light are undone. Where the skin has no texture it is underestimated. Sharp and still frames
    give about 0.1 from camera noise alone, which is why `spot` compares a video with itself.

    Args:
      frames: RGB, one face, cropped by one transform for all (`face.alignment`).

    Returns:
      The energy; 0 for fewer than two frames and where there is nothing to see.
    """
    if len(frames) < 2:
        return 0.0
    still = _steadied(_grey(frames))
    waves = _waves(len(still))
    changes = np.tensordot(waves, still, 1)
    place = _shifts(still.mean(0), changes)
    travelled = np.linalg.norm(place, axis=(0, 2)) / np.sqrt(len(still))
    busiest = max(1, round(BUSIEST * len(travelled)))
    return float(np.sort(travelled)[-busiest:].mean() / still.shape[1] * 1000)


def _grey(frames: np.ndarray) -> Pictures:
    """Grey pictures of at most `SIDE` pixels, smooth enough for gradients to be trusted."""
    side = min(frames.shape[1], SIDE)
    small = (
        cv2.resize(
            cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (side, side), interpolation=cv2.INTER_AREA
        )
        for frame in frames
    )
    smooth = (cv2.GaussianBlur(one.astype(np.float32), (0, 0), side / 56) for one in small)
    return np.stack(list(smooth))


def _steadied(pictures: Pictures) -> Pictures:
    """Every picture moved so that the face as a whole stands where it does on average."""
    side = pictures.shape[1]
    mean = pictures.mean(0)
    basis = _rigid(mean) * _cells(side)[1].ravel()
    gram = _products(basis, basis).astype(np.float64) + NOISE**2 * np.eye(len(basis))
    change = (pictures - mean).reshape(len(pictures), -1)
    fit = np.linalg.solve(gram, _products(basis, change).astype(np.float64)).T
    middle = (side - 1) / 2
    out = np.empty_like(pictures)
    for index, (right, down, turn, growth, _) in enumerate(fit):
        turn, growth = turn / middle, growth / middle
        linear = np.array([[1 + growth, -turn], [turn, 1 + growth]])
        shift = middle + np.array([right, down]) - linear @ [middle, middle]
        where = np.column_stack([linear, shift])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(pictures[index], where, (side, side), out[index], how, cv2.BORDER_REPLICATE)
    return out


def _shifts(mean: Float32[np.ndarray, "s s"], changes: Pictures) -> Float[np.ndarray, "k c 2"]:
    """How far each skin cell has gone (right, down, in pixels), given changes of the picture.

    What is left of the whole face's motion is taken away first. A cell without texture would
    answer noise with any displacement; a prior of standard deviation `REACH` stops that.
    """
    side = len(mean)
    sums, face, skin = _cells(side)
    whole = _rigid(mean)
    weights = whole * face.ravel()
    gram = _products(weights, weights).astype(np.float64) + NOISE**2 * np.eye(len(weights))
    answer = _products(weights, changes.reshape(len(changes), -1)).astype(np.float64)
    left = np.linalg.solve(gram, answer)
    changes = changes - (left.T.astype(np.float32) @ whole).reshape(changes.shape)

    basis = whole[[0, 1, 4]].reshape(3, side, side)
    squares = (sums @ (basis[:, None] * basis) @ sums.T)[..., skin]
    answers = (sums @ (changes[:, None] * basis) @ sums.T)[..., skin]
    prior = np.array([REACH * side, REACH * side, 2.5])  # pixels, pixels, fiftieths of the light
    matrices = np.moveaxis(squares, -1, 0) + np.diag(NOISE**2 / prior**2)
    solved = np.linalg.solve(matrices, answers.transpose(2, 1, 0))
    return solved[:, :2].transpose(2, 0, 1)


def _products(a: Float32[np.ndarray, "m n"], b: Float32[np.ndarray, "k n"]) -> np.ndarray:
    """a @ b.T without BLAS, whose threads cost more than so few rows where cores are busy."""
    return np.einsum("mn,kn->mk", a, b)


def _rigid(mean: Float32[np.ndarray, "s s"]) -> Float32[np.ndarray, "5 n"]:
    """How a picture changes with a pixel to the right, down, of turn, of growth, and with light."""
    right = -cv2.Sobel(mean, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = -cv2.Sobel(mean, cv2.CV_32F, 0, 1, scale=1 / 8)
    x = np.linspace(-1, 1, len(mean), dtype=np.float32)
    y = x[:, None]
    changes = (right, down, down * x - right * y, right * x + down * y, mean / 50)
    return np.stack(changes).reshape(5, -1)


def _waves(count: int) -> Float32[np.ndarray, "k t"]:
    """Orthonormal half waves over a window, without the constant."""
    middle = (np.arange(count) + 0.5) / count
    number = np.arange(1, min(HARMONICS, count - 1) + 1)
    waves = np.cos(np.pi * np.outer(number, middle)) * np.sqrt(2 / count)
    return waves.astype(np.float32)


@functools.cache
def _cells(
    side: int,
) -> tuple[Float32[np.ndarray, "g s"], Float32[np.ndarray, "s s"], Bool[np.ndarray, "g g"]]:
    """The matrix that sums pixels by cell; the skin in pixels, and in cells."""
    owner = np.arange(side) * GRID // side
    sums = (owner == np.arange(GRID)[:, None]).astype(np.float32)
    moving = [unit for unit in regions.REGIONS if unit not in LIDS + BELOW]
    eyes = regions.mask(LIDS[0], "", GRID)
    skin = np.any([regions.mask(unit, "", GRID) for unit in moving], axis=0) & ~eyes
    # What a moved picture shows along its border is made up.
    skin = np.pad(skin[1:-1, 1:-1], 1)
    return sums, (sums.T @ skin @ sums).astype(np.float32), skin
