import cv2
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from merclip_jax.data import motion

SIZE = 112
SCALE = motion.REFERENCE / SIZE


def texture(seed=0, size=SIZE):
    """Smooth random brightness, 20 to 235, three times as a picture is tall."""
    rough = np.random.default_rng(seed).uniform(20, 235, (size // 6 + 4,) * 2).astype(np.float32)
    return cv2.resize(rough, (size + 24,) * 2, interpolation=cv2.INTER_CUBIC)


def seen(picture, read, noise=0.0, seed=1):
    """RGB of the picture at the coordinates `read` [h, w, 2]."""
    read = (read + 12).astype(np.float32)
    grey = cv2.remap(picture, read[..., 0], read[..., 1], cv2.INTER_CUBIC)
    grey = grey + noise * np.random.default_rng(seed).standard_normal(grey.shape)
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, -1)


def grid(size=SIZE):
    return np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(np.float32)


def bump(at, sigma=10.0, size=SIZE):
    """A displacement that fades as a Gaussian around a point."""
    return np.exp(-((grid(size) - at) ** 2).sum(-1) / (2 * sigma**2))[..., None]


def filmed(shift, frames=9, noise=0.0, **kwargs):
    """A clip in which the skin moves by `shift` [h, w, 2] pixels of it, evenly over time."""
    picture, parts = texture(**kwargs), np.linspace(0, 1, frames)
    return np.stack([seen(picture, grid() - p * shift, noise, i) for i, p in enumerate(parts)])


def test_still_frames_do_not_move():
    clip = np.repeat(filmed(0 * grid(), 1), 8, 0)
    assert motion.motion(clip).shape == (8, motion.SIDE, motion.SIDE, 2)
    np.testing.assert_allclose(motion.motion(clip), 0, atol=1e-4)


def test_the_noise_of_a_camera_is_hardly_motion():
    found = motion.motion(filmed(0 * grid(), 12, noise=1.5))
    assert np.sqrt((found[-1] ** 2).mean()) < 0.05
    np.testing.assert_array_equal(found[0], 0)


@pytest.mark.parametrize("pixels", [0.15, 0.5, 1.5])
def test_skin_that_moves_is_found_where_it_moves(pixels):
    middle = np.array([40.0, 70.0])
    shift = bump(middle) * np.array([pixels, -pixels / 2])
    found = motion.motion(filmed(shift, noise=1.0))[-1]
    at = tuple((middle[::-1] * motion.SIDE / SIZE).astype(int))
    np.testing.assert_allclose(
        found[at], SCALE * np.array([pixels, -pixels / 2]), atol=0.35 * SCALE * pixels
    )
    assert np.abs(found[:20, 36:]).max() < 0.25 * SCALE * pixels  # far away nothing moves


def test_the_heads_own_motion_is_removed():
    centred = grid() - SIZE / 2
    head = np.array([0.8, -0.5]) + centred * 0.01 + centred[..., ::-1] * np.array([-0.01, 0.01])
    found = motion.motion(filmed(head.astype(np.float32)))
    inside = found[-1][8:-4, 6:-6]
    assert np.abs(head).max() * SCALE > 3
    assert np.sqrt((inside**2).mean()) < 0.1


def test_light_is_no_motion():
    still = filmed(0 * grid(), 1).astype(np.float32)
    lit = np.concatenate([still * gain for gain in np.linspace(1, 0.9, 8)])
    found = motion.motion(np.rint(lit).astype(np.uint8))
    assert np.sqrt((found**2).mean()) < 0.03


def test_motion_has_the_same_length_at_any_size_of_the_frames():
    shift = bump(np.array([40.0, 70.0])) * np.array([1.0, 0.5])
    small = filmed(shift)
    large = np.stack(
        [cv2.resize(frame, (224, 224), interpolation=cv2.INTER_CUBIC) for frame in small]
    )
    np.testing.assert_allclose(motion.motion(large), motion.motion(small), atol=0.1)


def test_a_mirrored_clip_has_mirrored_motion():
    clip = filmed(bump(np.array([40.0, 70.0])) * np.array([1.0, 0.5]))
    mirrored = np.asarray(motion.mirror(jnp.asarray(motion.motion(clip))))
    np.testing.assert_allclose(motion.motion(clip[:, :, ::-1]), mirrored, atol=0.05)


@settings(deadline=None)
@given(hnp.arrays(np.float32, (2, 6, 6, 2), elements=st.integers(-300, 300)))
def test_mirroring_twice_changes_nothing(fields):
    np.testing.assert_array_equal(motion.mirror(motion.mirror(jnp.asarray(fields))), fields)


def test_bytes_keep_lengths_within_their_step():
    lengths = np.linspace(-8, 8, 4001, dtype=np.float32)
    kept = np.asarray(motion.decode(jnp.asarray(motion.encode(lengths))))
    # Steps of the root are 1/127, so those of the length 2 sqrt(8 |length|) / 127, half of it lost.
    lost = np.sqrt(8 * np.abs(lengths)) / 127 + 8 / 254**2
    assert (np.abs(kept - lengths) <= lost + 1e-5).all()


def test_bytes_know_zero_and_the_largest_lengths():
    assert motion.encode(np.array([0.0, 8.0, -8.0, 99.0], np.float32)).tolist() == [
        128,
        255,
        1,
        255,
    ]
    assert float(motion.decode(jnp.asarray([128], jnp.uint8))[0]) == 0


def test_an_affine_field_is_all_head():
    plane = np.stack(np.meshgrid(np.arange(28.0), np.arange(28.0)), -1).astype(np.float32)
    fields = np.stack([0.3 * plane + 2, plane[..., ::-1] * np.array([0.1, -0.1], np.float32)])
    np.testing.assert_allclose(motion.without_head(fields), 0, atol=1e-4)


def test_pictures_of_weak_and_strong_motion_look_alike():
    field = np.stack([0 * bump(np.zeros(2), 8, 56), bump(np.array([30.0, 30.0]), 8, 56)])
    field = field * np.array([1.0, -0.5], np.float32)
    strong, weak = (np.asarray(motion.pictures(motion.encode(k * field))) for k in (6, 1.5))
    assert strong.shape == (2, 28, 28, 3)
    np.testing.assert_allclose(strong, weak, atol=0.3)
    inside = strong[:, *motion.head(28), :2]
    assert np.sqrt((inside**2).mean()) == pytest.approx(1, abs=0.03)


def test_a_still_clip_is_not_scaled_up():
    noise = np.random.default_rng(0).normal(0, 0.01, (8, 56, 56, 2)).astype(np.float32)
    seen = np.asarray(motion.pictures(motion.encode(noise)))
    assert np.sqrt((seen[..., :2] ** 2).mean()) < 0.2


def test_strain_is_that_of_the_symmetric_gradient():
    x, y = np.meshgrid(np.arange(6.0), np.arange(6.0))
    stretched = np.stack([0.3 * x, 0.4 * y], -1)
    np.testing.assert_allclose(motion.strain(jnp.asarray(stretched)), 0.5, atol=1e-5)
    sheared = np.stack([0.2 * y, 0 * x], -1)  # gradient 0.2: half of it shear, half rotation
    np.testing.assert_allclose(motion.strain(jnp.asarray(sheared)), 0.2 / np.sqrt(2), atol=1e-5)
    turned = np.stack([-0.1 * y, 0.1 * x], -1)
    np.testing.assert_allclose(motion.strain(jnp.asarray(turned)), 0, atol=1e-5)


def test_pictures_of_a_mirrored_clip_are_mirrored():
    fields = np.random.default_rng(0).normal(0, 1, (4, 56, 56, 2)).astype(np.float32)
    stored = motion.encode(fields)
    other = motion.encode(np.asarray(motion.mirror(motion.decode(jnp.asarray(stored)))))
    turned = np.asarray(motion.pictures(stored))[:, :, ::-1] * np.array([-1, 1, 1])
    np.testing.assert_allclose(motion.pictures(other), turned, atol=1e-4)
