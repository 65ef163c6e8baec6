"""Parts of frames that are kept: how large they are, and that squares are cut from them aright."""

import numpy as np

from merclip_jax.faces import face
from merclip_jax.video import patches
from merclip_jax.video.patches import Patch


def test_kept_patches_are_bounded_by_the_models_size():
    frame = np.zeros((2000, 3000, 3), np.uint8)
    area = np.array([-500.0, -500, 1900, 1900])  # the face in it is 1,200 pixels high
    patch = patches.of_frame(frame, area, 1.4 * 64 * 2)
    assert max(patch.image.shape) <= 1.4 * 64 * 2
    # The picture's first pixel and one further in stand where they should, to half a pixel.
    np.testing.assert_allclose(patch.matrix @ [0, 0, 1], [-0.45, -0.45], atol=0.05)
    inner = patch.matrix @ [1899, 1899, 1]
    np.testing.assert_allclose(inner, np.array(patch.image.shape[1::-1]) - 0.55, atol=0.05)


def test_a_square_is_cut_as_from_the_whole_frame():
    frame = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    matrix = np.array([[0.9, 0.1, -20.0], [-0.1, 0.9, -10.0]])
    patch = patches.of_frame(frame, np.array([10.0, -5, 110, 95]), 100.0)
    assert patch.image.shape == (90, 100, 3)
    np.testing.assert_array_equal(patch.cut(matrix, 48), face.crop(frame, matrix, 48))


def test_what_is_a_square_already_is_taken_as_it_is():
    square = np.zeros((48, 48, 3), np.uint8)
    assert Patch(square, None).cut(np.eye(2, 3), 48) is square
