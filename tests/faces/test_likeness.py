"""The same face looks alike in other light and from another place, and other people do not."""

import itertools

import cv2
import numpy as np
import pytest
from faces_on_film import SIZE, larger, person

from merclip_jax.faces import face, likeness


def look(picture):
    return likeness.look(picture, face.landmarks(picture))


@pytest.fixture(scope="module")
def people():
    return [person(1, subject)[0] for subject in range(6)]


def changed(picture):
    """Darker, elsewhere, and with a camera's noise."""
    turn = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), 3, 1)
    turn[:, 2] += 6, -5
    moved = cv2.warpAffine(picture, turn, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
    noise = np.random.default_rng(0).normal(0, 2, moved.shape)
    return np.clip(0.8 * moved + noise, 0, 255).astype(np.uint8)


def test_a_face_is_alike_in_another_place_and_light(people):
    for picture in people:
        seen = look(picture)
        assert likeness.likeness(seen, seen) == 1
        assert likeness.likeness(seen, look(changed(picture))) > likeness.ALIKE
        assert likeness.likeness(seen, look(larger(picture, 2))) > likeness.ALIKE


def test_most_people_are_not_alike(people):
    looks = [look(picture) for picture in people]
    alike = [likeness.likeness(a, b) for a, b in itertools.combinations(looks, 2)]
    assert max(alike) < likeness.ALIKE and np.median(alike) < 0.6


def test_a_picture_without_any_detail_is_no_failure():
    grey = np.full((SIZE, SIZE, 3), 128, np.uint8)
    mesh = np.random.default_rng(0).uniform(40, 150, (face.MESH_POINTS, 3))
    seen = likeness.look(grey, mesh)
    assert np.isfinite(seen).all() and likeness.likeness(seen, seen) == 1
