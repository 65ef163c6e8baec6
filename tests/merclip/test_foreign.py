"""Towers of CLIP, ViCLIP and UniFormerV2, from small checkpoints made here in their layouts."""

import itertools
import json

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from golden_tiny import GOLDENS

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.merclip.foreign import Heads
from merclip_jax.models import MerClip, weights
from merclip_jax.towers import files, leaves

FOLDER = GOLDENS / "clip_tiny"
# float32 noise of a tower of two layers, relative to the largest value: both sides sum in float32.
CLOSE = 4e-6


def close(ours, theirs, at_most=CLOSE):
    assert np.abs(np.asarray(ours) - theirs).max() <= at_most * np.abs(theirs).max()


@pytest.fixture(scope="module")
def reference():
    """Values of `transformers`; tests/goldens/make_clip.py wrote them."""
    with np.load(FOLDER / "reference.npz") as values:
        return dict(values)


@pytest.fixture(scope="module")
def ours():
    return MerClip.from_pretrained(FOLDER)


def test_text_tower_equals_transformers(reference, ours):
    ids = jnp.asarray(reference["ids"])
    positions = reference["text_positions"] @ ours.text.text_projection[...]
    close(ours.text.all_positions(ids), np.asarray(positions))
    close(ours.encode_text(ids), reference["text_features"])


def test_video_tower_of_a_still_clip_is_the_image_tower(reference, ours):
    """Every time step's tokens, and the fused token, are those of CLIP's image tower.

    The fused token is norm(sigmoid(0) * class token), and the LayerNorm takes the factor away but
    for its eps: 1e-5 beside a variance quartered. The LayerNorm after the projection is MER-CLIP's.
    """
    stages = {}
    still = jnp.repeat(jnp.asarray(reference["picture"])[:, None], 6, 1)
    embedding, _ = ours.vision(still, intermediates=stages)
    for step in range(3):
        close(stages["ln_pre"][:, step], reference["hidden0"])
        close(stages["block0"][:, step], reference["hidden1"])
        close(stages["block1"][:, step], reference["hidden2"])
    close(stages["fused"][:, 0], reference["pooled"], 1e-4)
    close(embedding, ours.vision.ln_post(reference["image_features"]), 1e-4)


def test_a_mean_kernel_sees_a_still_clip_as_its_picture_but_for_the_first_step(ours):
    mean = weights.load(FOLDER, inflation="mean")
    picture = jnp.asarray(np.random.default_rng(1).normal(size=(1, 1, 32, 32, 3)), jnp.float32)
    clip = jnp.repeat(picture, 6, 1)
    first, second = mean.vision.patch_embedding(clip), ours.vision.patch_embedding(clip)
    np.testing.assert_allclose(first[:, 1:], second[:, 1:], atol=1e-5)
    np.testing.assert_allclose(first[:, 0], second[:, 0] * 2 / 3, atol=1e-5)


@pytest.fixture
def openai():
    """The tensors of the small CLIP under OpenAI's names."""
    return openai_names(files.read(FOLDER))


def test_openai_layout_gives_the_same_model(ours, openai, tmp_path):
    safetensors.numpy.save_file(openai, tmp_path / "clip.safetensors")
    loaded = weights.load(
        tmp_path / "clip.safetensors", heads=Heads(video=4, global_blocks=4, text=3)
    )
    assert loaded.cfg == ours.cfg
    for name, value in leaves.arrays(loaded).items():
        np.testing.assert_array_equal(value, leaves.arrays(ours)[name], err_msg=name)


def test_openai_torchscript_in_half_precision_is_read(ours, openai, tmp_path):
    torch = pytest.importorskip("torch")

    class Holder(torch.nn.Module):
        def forward(self, x):
            return x

    half = {name: torch.from_numpy(tensor).half() for name, tensor in openai.items()}
    torch.jit.script(_filled(Holder(), half, torch.nn.Module)).save(tmp_path / "clip.pt")
    loaded = weights.load(tmp_path / "clip.pt", heads=Heads(video=4, text=3))
    assert loaded.vision.proj[...].dtype == np.float32
    np.testing.assert_allclose(loaded.vision.proj[...], ours.vision.proj[...], atol=1e-3)


def _filled(module, tensors, child):
    """A tree of torch modules whose state dict is `tensors`."""
    for name, tensor in tensors.items():
        *parents, leaf = name.split(".")
        at = module
        for parent in parents:
            if not hasattr(at, parent):
                at.add_module(parent, child())
            at = getattr(at, parent)
        at.register_buffer(leaf, tensor)
    return module


def openai_names(theirs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Hugging Face's names to OpenAI's."""
    names = {
        "visual.class_embedding": "vision_model.embeddings.class_embedding",
        "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
        "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
        "positional_embedding": "text_model.embeddings.position_embedding.weight",
        "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
        "logit_scale": "logit_scale",
    }
    for end in ("weight", "bias"):
        names[f"visual.ln_pre.{end}"] = f"vision_model.pre_layrnorm.{end}"
        names[f"visual.ln_post.{end}"] = f"vision_model.post_layernorm.{end}"
        names[f"ln_final.{end}"] = f"text_model.final_layer_norm.{end}"
    tensors = {name: theirs[source] for name, source in names.items()}
    tensors["visual.proj"] = theirs["visual_projection.weight"].T.copy()
    tensors["text_projection"] = theirs["text_projection.weight"].T.copy()
    towers = (("vision_model", "visual.transformer"), ("text_model", "transformer"))
    for (tower, prefix), i, end in itertools.product(towers, range(2), ("weight", "bias")):
        source, target = f"{tower}.encoder.layers.{i}", f"{prefix}.resblocks.{i}"
        tensors[f"{target}.attn.in_proj_{end}"] = np.concatenate(
            [theirs[f"{source}.self_attn.{letter}_proj.{end}"] for letter in "qkv"]
        )
        for mine, other in (
            ("attn.out_proj", "self_attn.out_proj"), ("mlp.c_fc", "mlp.fc1"),
            ("mlp.c_proj", "mlp.fc2"), ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"),
        ):  # fmt: skip
            tensors[f"{target}.{mine}.{end}"] = theirs[f"{source}.{other}.{end}"]
    return tensors


@pytest.fixture
def uniformer(checkpoint, tmp_path):
    """A Something-Something checkpoint as mmaction2 writes it, from the release's tower."""
    tensors = safetensors.numpy.load_file(checkpoint)
    ends = ("proj", "ln_post1.", "to_cls_decoder.", "ln_final.")
    tower = {
        name.replace("vision_encoder.", "backbone."): tensor
        for name, tensor in tensors.items()
        if name.startswith("vision_encoder.")
        and not name.removeprefix("vision_encoder.").startswith(ends)
    }
    tower["cls_head.fc_cls.weight"] = np.zeros((174, 40), np.float32)
    safetensors.numpy.save_file(tower, tmp_path / "sthv2.safetensors")
    return tmp_path / "sthv2.safetensors", tower


@pytest.fixture
def viclip(checkpoint, tmp_path):
    tensors = safetensors.numpy.load_file(checkpoint)
    found = {n: t for n, t in tensors.items() if n.startswith("text_encoder.")}
    found |= {"vision_encoder.temporal_positional_embedding": np.zeros((1, 8, 40), np.float32)}
    found |= {"temp": np.ones((), np.float32)}
    safetensors.numpy.save_file(found, tmp_path / "viclip.safetensors")
    return tmp_path / "viclip.safetensors"


HEADS = Heads(video=4, global_blocks=5, emotion=2, text=3)


def test_video_and_text_from_two_checkpoints(uniformer, viclip, official):
    model = weights.load(uniformer[0], viclip, context=20, heads=HEADS, classes=3)
    mine, release = leaves.arrays(model), leaves.arrays(official)
    new = ("vision.proj", "vision.ln_post", "vision.token_proj", "vision.ln_tokens", "emotion.")
    for name, value in mine.items():
        if name == "text.positional_embedding":
            np.testing.assert_array_equal(value[:12], release[name])
            assert value.shape[0] == 20 and not value[12:].any()
        elif not name.startswith((*new, "logit_scale")):
            np.testing.assert_array_equal(value, release[name], err_msg=name)
    assert mine["emotion.fc.kernel"].shape[1] == 3


def test_a_kinetics_tower_without_local_blocks_gets_idle_ones(uniformer, viclip, tmp_path):
    kept = {n: t for n, t in uniformer[1].items() if "lmhra" not in n}
    safetensors.numpy.save_file(kept, tmp_path / "k400.safetensors")
    model = weights.load(tmp_path / "k400.safetensors", viclip, heads=HEADS)
    assert model.cfg.vision.local_width == 26
    assert not model.vision.blocks[0].lmhra1.up.kernel[...].any()


def test_half_a_module_is_no_new_start(uniformer, viclip, tmp_path):
    kept = {n: t for n, t in uniformer[1].items() if "resblocks.1.lmhra1.pos_embed.3" not in n}
    safetensors.numpy.save_file(kept, tmp_path / "cut.safetensors")
    with pytest.raises(DataError) as error:
        weights.load(tmp_path / "cut.safetensors", viclip, heads=HEADS)
    assert set(error.value.faults) == {
        "vision.blocks.1.lmhra1.up.bias: missing",
        "vision.blocks.1.lmhra1.up.kernel: missing",
    }


def test_all_misfits_of_a_clip_are_in_one_error(tmp_path):
    tensors = safetensors.numpy.load_file(FOLDER / "model.safetensors")
    tensors["vision_model.extra"] = np.zeros(2, np.float32)
    del tensors["text_model.encoder.layers.1.self_attn.k_proj.bias"]
    safetensors.numpy.save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((FOLDER / "config.json").read_text())
    with pytest.raises(DataError) as error:
        MerClip.from_pretrained(tmp_path)
    assert set(error.value.faults) == {
        "vision_model.extra: unknown name",
        "text_model.encoder.layers.1.self_attn.q_proj.bias: unknown name",
        "text_model.encoder.layers.1.self_attn.v_proj.bias: unknown name",
        "text.blocks.1.attn.qkv.bias: missing",
    }


def test_other_activations_and_no_checkpoint_at_all_are_refused(tmp_path):
    values = json.loads((FOLDER / "config.json").read_text())
    values["text_config"]["hidden_act"] = "gelu"
    (tmp_path / "config.json").write_text(json.dumps(values))
    (tmp_path / "model.safetensors").write_bytes((FOLDER / "model.safetensors").read_bytes())
    with pytest.raises(ConfigError, match="hidden_act 'gelu'"):
        MerClip.from_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"no-such/model: no such path here"):
        MerClip.from_pretrained("no-such/model")
    with pytest.raises(ConfigError, match="no checkpoint named"):
        weights.load(None)


@pytest.mark.parametrize("there", ["model.safetensors", "pytorch_model.bin"])
def test_a_hub_id_is_fetched_with_the_weights_that_it_has(there, tmp_path, monkeypatch):
    asked = []

    def download(name, allow_patterns):
        asked.append((name, allow_patterns[-1]))
        if allow_patterns[-1] == there:
            (tmp_path / there).touch()
        return str(tmp_path)

    monkeypatch.setattr(files.huggingface_hub, "snapshot_download", download)
    assert files.locate("openai/clip") == tmp_path
    known = ["model.safetensors", "pytorch_model.bin"]
    assert asked == [("openai/clip", name) for name in known[: known.index(there) + 1]]
