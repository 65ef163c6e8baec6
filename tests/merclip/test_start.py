import json

import jax.numpy as jnp
import numpy as np
import pytest
from golden_tiny import GOLDENS

from merclip_jax.configs import demo
from merclip_jax.errors import ConfigError
from merclip_jax.merclip import start
from merclip_jax.merclip.start import motion_kernel
from merclip_jax.models import MerClip
from merclip_jax.towers import leaves

CLASSES = ("negative", "positive", "surprise")


def test_a_motion_start_is_blind_to_still_frames_and_to_colour_shifts_that_stay():
    kernel = motion_kernel(8, 16).reshape(3, 8 * 8 * 3, 16)
    still = np.random.default_rng(0).normal(size=8 * 8 * 3)
    assert np.abs(sum(still @ tap for tap in kernel)).max() < 1e-5
    assert not kernel[0].any()


def test_its_filters_are_orthonormal_and_the_first_is_the_mean_grey():
    frame = motion_kernel(8, 16).reshape(3, 8 * 8 * 3, 16)[2]
    np.testing.assert_allclose(frame.T @ frame, np.eye(16), atol=1e-6)
    np.testing.assert_allclose(frame[:, 0], 1 / np.sqrt(8 * 8 * 3), atol=1e-6)


@pytest.fixture
def config(nano_model):
    config = demo.get_config()
    with config.unlocked():
        config.model.init_from = str(nano_model)
        config.data.image_size, config.data.input = 32, "rgb"
    return config


def test_with_its_head_a_saved_model_starts_whole(config, nano_model):
    model, tokenizer = start.build(config, CLASSES, seed=1)
    saved = leaves.arrays(MerClip.from_pretrained(nano_model))
    for name, value in leaves.arrays(model).items():
        np.testing.assert_array_equal(value, saved[name], err_msg=name)
    assert tokenizer.get_vocab_size() == model.cfg.text.vocab_size


def test_without_its_head_the_towers_are_kept_and_the_head_is_the_seeds(config, nano_model):
    config.model.init_head = False
    (first, _), (second, _) = (start.build(config, ("a", "b"), seed) for seed in (0, 1))
    saved = leaves.arrays(MerClip.from_pretrained(nano_model))
    first, second = leaves.arrays(first), leaves.arrays(second)
    for name, value in first.items():
        if name == "logit_scale":
            np.testing.assert_allclose(value, np.log(1 / 0.07), rtol=1e-6)
        elif not name.startswith("emotion."):
            np.testing.assert_array_equal(value, saved[name], err_msg=name)
    assert first["emotion.fc.kernel"].shape[1] == 2
    assert np.abs(first["emotion.fc.kernel"] - second["emotion.fc.kernel"]).max() > 1e-3


def test_a_head_of_other_classes_is_refused(config):
    start.check(config, CLASSES)
    with pytest.raises(ConfigError, match="config.model.init_head.*set it to False"):
        start.check(config, ("negative", "positive"))


def test_weights_of_another_picture_size_are_refused_before_any_data_is_read(config, tmp_path):
    told = {"model_cfg": {"vision_cfg": {"image_size": 32}}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(told))
    for saved in (config.model.init_from, str(GOLDENS / "clip_tiny"), str(tmp_path)):
        config.model.init_from, config.model.init_head = saved, False
        config.data.image_size = 32
        start.check(config, CLASSES)
        config.data.image_size = 64
        with pytest.raises(ConfigError, match=r"32 px: set --config\.data\.image_size"):
            start.check(config, CLASSES)


@pytest.mark.parametrize("saved", ["/nowhere", "{}"])
def test_no_saved_model_is_refused_by_the_fields_name(config, saved, tmp_path):
    config.model.init_from = saved.format(tmp_path)
    with pytest.raises(ConfigError, match=r"^--config\.model\.init_from: .*(nowhere|no config)"):
        start.check(config, CLASSES)


def test_the_dtype_asked_for_computes_and_the_parameters_stay(config, nano_model):
    config.model.dtype = "bfloat16"
    model, _ = start.build(config, CLASSES, seed=0)
    assert model.cfg.vision.dtype == model.cfg.text.dtype == model.cfg.emotion.dtype == "bfloat16"
    assert model.vision.patch_embedding.projection.kernel[...].dtype == "float32"
    stages = {}
    model.vision(jnp.zeros((1, 8, 32, 32, 3), jnp.float32), intermediates=stages)
    assert stages["block0"].dtype == "bfloat16"
