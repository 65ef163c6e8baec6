import json
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx, traverse_util

from merclip_jax.errors import ConfigError
from merclip_jax.models import MerClip
from merclip_jax.towers import leaves
from merclip_jax.towers.config import MerClipConfig
from merclip_jax.towers.folder import abstract
from merclip_jax.training import optim

GOLDENS = Path(__file__).parents[1] / "goldens"
SCHEDULES = json.loads((GOLDENS / "small" / "schedules.json").read_text())


class TestSchedule:
    @pytest.mark.parametrize("peak, name", [(5e-5, "lr_5e-5"), (6.25e-6, "lr_scaled")])
    def test_equals_the_release(self, peak, name):
        rates = jax.vmap(optim.schedule(peak, steps_per_epoch=10))(jnp.arange(550))
        np.testing.assert_allclose(rates, SCHEDULES[name], rtol=2e-6)  # float32 cosine

    def test_fewer_epochs_by_hand(self):
        rate = optim.schedule(1.0, steps_per_epoch=2, epochs=4, warmup_epochs=2)
        # Ramp of 4 steps, then half a cosine over 4 steps, then a tenth for ever.
        cosine = 0.1 + 0.45 * (1 + np.cos(np.pi * np.arange(4) / 4))
        expected = [0.1, 0.4, 0.7, 1.0, *cosine, 0.1, 0.1]
        np.testing.assert_allclose([rate(i) for i in range(10)], expected, rtol=1e-6)

    def test_no_warmup_starts_at_the_peak(self):
        rate = optim.schedule(3e-4, steps_per_epoch=7, epochs=2, warmup_epochs=0)
        np.testing.assert_allclose([rate(0), rate(14)], [3e-4, 3e-5], rtol=1e-6)

    def test_a_single_warmup_step_is_finite(self):
        rate = optim.schedule(1.0, steps_per_epoch=1, epochs=3, warmup_epochs=1)
        np.testing.assert_allclose([rate(i) for i in range(3)], [0.1, 1.0, 0.55], rtol=1e-6)

    @pytest.mark.parametrize(
        "steps, epochs, warmup, name",
        [(0, 5, 1, "steps_per_epoch"), (3, 5, 5, "warmup_epochs"), (3, 5, -1, "warmup_epochs")],
    )
    def test_impossible_lengths_are_refused(self, steps, epochs, warmup, name):
        with pytest.raises(ConfigError, match=name):
            optim.schedule(1.0, steps, epochs, warmup)

    def test_scaled_lr(self):
        assert optim.scaled_lr(5e-5, 16) == pytest.approx(6.25e-6)  # two GPUs of 8 clips
        assert optim.scaled_lr(5e-5, 16, reference=256) == pytest.approx(3.125e-6)


OURS = [  # the release's names in ours, in this order; what only changes its prefix comes last
    (r"vision_encoder\.transformer\.dec\.(\d+)", r"vision.global_blocks.\1"),
    (
        r"vision_encoder\.transformer\.dpe\.(\d+)\.weight",
        r"vision.global_blocks.\1.position.kernel",
    ),
    (r"vision_encoder\.transformer\.dpe\.(\d+)\.bias", r"vision.global_blocks.\1.position.bias"),
    (r"vision_encoder\.transformer\.resblocks", "vision.blocks"),
    (r"vision_encoder\.transformer\.temporal_cls_token", "vision.video_embedding"),
    (r"vision_encoder\.transformer", "vision"),
    (r"vision_encoder\.conv1\.weight", "vision.patch_embedding.projection.kernel"),
    (r"vision_encoder\.ln_post1", "vision.ln_post"),
    (r"vision_encoder\.to_cls_decoder\.weight", "vision.token_proj.kernel"),
    (r"vision_encoder\.ln_final", "vision.ln_tokens"),
    ("vision_encoder", "vision"),
    (r"pos_embed\.0\.weight", "norm.scale"),
    (r"pos_embed\.0", "norm"),
    (r"pos_embed\.1", "down"),
    (r"pos_embed\.2", "temporal"),
    (r"pos_embed\.3", "up"),
    (r"attn\.(in_proj_|to_qkv\.)weight", "attn.qkv.kernel"),
    (r"attn\.(in_proj_|to_qkv\.)bias", "attn.qkv.bias"),
    (r"attn\.(out_proj|proj)\.", "attn.out."),
    (r"ffn\.net\.0", "mlp.c_fc"),
    (r"ffn\.net\.3", "mlp.c_proj"),
    (r"(blocks\.\d+)\.norm_ffn\.", r"\1.ln_2."),
    (r"cls_head\.(blocks\.\d+)\.norm\.", r"cls_head.\1.ln_1."),
    (r"cls_head\.fc_cls", "cls_head.fc"),
    ("cls_head", "emotion"),
    (r"(norm|ln_\w+)\.weight", r"\1.scale"),
    (r"\.weight", ".kernel"),
]


def our_name(released):
    for pattern, replacement in OURS:
        released = re.sub(pattern, replacement, released)
    return released


def kind(name):
    """The name with all layer numbers alike: what is decayed does not depend on the layer."""
    return re.sub(r"\.\d+\.", ".N.", name)


@pytest.fixture(scope="module")
def params():
    """Shapes of the trained parameters of a small model; nothing is allocated."""
    _, params, _ = nnx.split(
        abstract(MerClip, MerClipConfig.tiny()),
        lambda path, leaf: isinstance(leaf, nnx.Param) and optim.trainable(path),
        ...,
    )
    return params


def decayed_kinds(params, form):
    mask = nnx.to_pure_dict(optim.decay_mask(params, form))
    return {
        kind(leaves.dotted(path))
        for path, decayed in traverse_util.flatten_dict(mask).items()
        if decayed
    }


class TestDecay:
    def test_released_groups_equal_the_release(self, params):
        golden = json.loads((GOLDENS / "small" / "weight_decay.json").read_text())
        kinds = {group: {kind(our_name(name)) for name in golden[group]} for group in golden}
        ours = {kind(leaves.dotted(path)) for path, _ in nnx.to_flat_state(params)}
        assert ours == kinds["decayed"] | kinds["not_decayed"]  # else the table above is wrong
        assert not kinds["decayed"] & kinds["not_decayed"]
        assert decayed_kinds(params, "released") == kinds["decayed"]

    def test_sound_form_decays_matrices_only(self, params):
        sound, released = decayed_kinds(params, "sound"), decayed_kinds(params, "released")
        assert sound < released
        assert released - sound == {
            "logit_scale",
            "vision.balance",
            "vision.class_embedding",
            "vision.positional_embedding",
            "vision.video_embedding",
            "vision.blocks.N.attn.qkv.bias",
            "vision.global_blocks.N.attn.qkv.bias",
        }

    def test_trainable(self):
        assert optim.trainable(("vision", "proj")) and optim.trainable(("logit_scale",))
        assert not optim.trainable(("text", "blocks", 0, "mlp", "c_fc", "kernel"))
        assert optim.trainable(("text", "text_projection"), text_tower=True)

    def test_a_frozen_image_tower_leaves_the_adapters_the_projections_and_the_head(self):
        cfg = MerClipConfig.tiny()
        names = [
            leaves.dotted(path)
            for path, _ in nnx.to_flat_state(nnx.state(abstract(MerClip, cfg), nnx.Param))
        ]
        trained = {
            name for name in names if optim.trainable(tuple(name.split(".")), image_tower=False)
        }
        assert {name.split(".")[1] for name in trained if name.startswith("vision")} == {
            *("blocks", "global_blocks", "video_embedding", "balance", "norm", "proj", "ln_post"),
            *("token_proj", "ln_tokens"),
        }
        assert all(".lmhra" in name for name in trained if name.startswith("vision.blocks"))
        assert {name.split(".")[0] for name in trained} == {"vision", "emotion", "logit_scale"}


class TestAdamW:
    params = {"w": {"kernel": jnp.full((2, 2), 2.0)}, "norm": {"scale": jnp.full(2, 3.0)}}

    def test_first_step_by_hand(self):
        """Adam's first step is the gradient's sign; decay takes lr * 0.05 of the kernel only."""
        optimizer = optim.adamw(0.1, optim.decay_mask(self.params))
        grads = jax.tree.map(jnp.ones_like, self.params)
        updates, _ = optimizer.update(grads, optimizer.init(self.params), self.params)
        # 1 - 0.999 has five digits in float32.
        np.testing.assert_allclose(updates["w"]["kernel"], -0.1 - 0.1 * 0.05 * 2.0, rtol=2e-5)
        np.testing.assert_allclose(updates["norm"]["scale"], -0.1, rtol=2e-5)

    def test_clips_by_the_global_norm(self):
        # With a large eps Adam's step is lr * g / eps, so it shows the gradient's length.
        optimizer = optim.adamw(1.0, optim.decay_mask(self.params), 0.0, eps=1e6, clip_norm=3.0)
        for size, norm in ((100.0, 3.0), (0.1, 0.1 * np.sqrt(6))):
            grads = jax.tree.map(lambda p, s=size: jnp.full_like(p, s), self.params)
            updates, _ = optimizer.update(grads, optimizer.init(self.params), self.params)
            np.testing.assert_allclose(1e6 * optax.global_norm(updates), norm, rtol=1e-4)

    def test_mask_of_a_state_works_under_vmap(self):
        """Folds are a leading axis of the arrays; what is decayed must not depend on it."""
        model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
        _, params = nnx.split(model)
        optimizer = optim.adamw(0.1, optim.decay_mask(params), weight_decay=0.5)
        folds = jax.tree.map(lambda p: jnp.stack([p, p + 1.0]), params)
        zeros = jax.tree.map(jnp.zeros_like, folds)
        step = jax.jit(jax.vmap(lambda g, p: optimizer.update(g, optimizer.init(p), p)[0]))
        updates = step(zeros, folds)
        np.testing.assert_allclose(updates["kernel"][...], -0.05 * folds["kernel"][...], rtol=1e-6)
        np.testing.assert_array_equal(updates["bias"][...], np.zeros((2, 3)))
