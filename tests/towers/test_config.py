import json
import math

import jax
import pytest
from flax import nnx

from merclip_jax.errors import ConfigError
from merclip_jax.models import MerClip
from merclip_jax.towers.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig
from merclip_jax.towers.folder import abstract

VARIANTS = [MerClipConfig.b16(), MerClipConfig.l14(), MerClipConfig.tiny()]


def parameters(module: nnx.Module) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))


def test_b16_has_the_published_sizes():
    model = abstract(MerClip, MerClipConfig.b16(classes=7))
    assert parameters(model.vision) == 163_647_488
    assert parameters(model.emotion) == 6_309_383
    assert parameters(model.text) == 63_428_096
    assert parameters(model) == 233_384_968
    assert sum(x.size for x in jax.tree.leaves(nnx.state(model, nnx.BatchStat))) == 36_864


def test_l14_can_be_built():
    model = abstract(MerClip, MerClipConfig.l14())
    assert model.vision.proj.shape == (1024, 768)
    assert len(model.vision.global_blocks) == 8


def test_tiny_runs():
    cfg = MerClipConfig.tiny()
    graphdef, state = nnx.split(abstract(MerClip, cfg))
    vision = cfg.vision
    frames = jax.ShapeDtypeStruct((2, vision.frames, *[vision.image_size] * 2, 3), "float32")
    out = jax.eval_shape(lambda state, x: nnx.merge(graphdef, state)(x), state, frames)
    assert out.clip_embedding.shape == (2, vision.output_dim)
    assert out.tokens.shape == (2, 1 + vision.frames // 2 * vision.grid**2, vision.output_dim)
    assert out.logits.shape == (2, cfg.emotion.classes)


@pytest.mark.parametrize("cfg", VARIANTS, ids=["b16", "l14", "tiny"])
def test_json_round_trip(cfg):
    assert MerClipConfig.from_json(json.loads(json.dumps(cfg.to_json()))) == cfg


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda c: c["vision"].update(heads=5), "64 does not divide into 5 heads"),
        (lambda c: c["vision"].update(patch_size=7), "not a multiple of patch_size 7"),
        (lambda c: c["vision"].update(global_layers=[4]), "must lie in 0..1"),
        (lambda c: c["vision"].update(width_=3), "width_"),
        (lambda c: c["text"].update(output_dim=32), "must be equal"),
        (lambda c: c["emotion"].update(heads=0), "0 heads"),
        (lambda c: c.pop("emotion"), "emotion"),
    ],
)
def test_impossible_configs_are_named(change, complaint):
    values = MerClipConfig.tiny().to_json()
    change(values)
    with pytest.raises(ConfigError, match=complaint):
        MerClipConfig.from_json(values)


def test_parts_can_be_varied():
    assert VisionConfig.tiny(image_size=32).grid == 4
    assert TextConfig.l14().output_dim == VisionConfig.l14().output_dim
    assert EmotionConfig().classes == 7
