import dataclasses

import jax
import numpy as np
import pytest
from flax import nnx

from merclip_jax.errors import ConfigError
from merclip_jax.models import MerClip
from merclip_jax.towers.config import MerClipConfig, VisionConfig
from merclip_jax.towers.inputs import Both


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model that has seen frames alone, and its folder."""
    model = MerClip(MerClipConfig.tiny(3), rngs=nnx.Rngs(0))
    folder = tmp_path_factory.mktemp("frames")
    model.save_pretrained(folder)
    return model, folder


def clips(size=64, motion=56):
    keys = jax.random.split(jax.random.key(1))
    frames = jax.random.normal(keys[0], (2, 4, size, size, 3))
    return Both(frames, jax.random.normal(keys[1], (2, 4, motion, motion, 3)))


def test_with_its_motion_stem_at_zero_the_tower_is_that_of_the_frames(saved):
    model, folder = saved
    both = MerClip.from_pretrained(folder, input="rgb+motion")
    assert both.cfg.vision.motion_patch == 7  # eight patches on 56 pixels
    assert not both.vision.motion_embedding.projection.kernel[...].any()
    seen = clips()
    for ours, expected in zip(both(seen), model(seen.frames), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_the_motion_stem_learns(saved):
    both = MerClip.from_pretrained(saved[1], input="rgb+motion")
    graph, params, rest = nnx.split(both, nnx.Param, ...)
    seen = clips()
    slopes = jax.grad(lambda p: (nnx.merge(graph, p, rest)(seen).logits ** 2).sum())(params)
    assert np.abs(slopes["vision"]["motion_embedding"]["projection"]["kernel"][...]).max() > 0


def test_a_folder_remembers_what_its_model_sees(saved, tmp_path):
    both = MerClip.from_pretrained(saved[1], input="rgb+motion")
    kernel = both.vision.motion_embedding.projection.kernel
    kernel[...] = jax.random.normal(jax.random.key(2), kernel[...].shape) / 10
    both.save_pretrained(tmp_path)
    again = MerClip.from_pretrained(tmp_path)
    assert again.cfg.vision.input == "rgb+motion"
    np.testing.assert_array_equal(again(clips()).logits, both(clips()).logits)


def test_an_input_that_there_is_not():
    with pytest.raises(ConfigError, match="'depth' is none of rgb, motion, rgb"):
        dataclasses.replace(MerClipConfig.tiny(3).vision, input="depth")


def test_motion_that_does_not_divide_as_the_frames_do():
    with pytest.raises(ConfigError, match="does not divide into the frames' grid of 16"):
        dataclasses.replace(VisionConfig.l14(), input="rgb+motion")
