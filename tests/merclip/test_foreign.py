"""Towers of CLIP, ViCLIP and UniFormerV2, from small checkpoints made here in their layouts."""

import itertools
import json
from dataclasses import replace

import huggingface_hub
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from golden_tiny import GOLDENS

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.merclip.foreign import Heads
from merclip_jax.models import MerClip, weights
from merclip_jax.towers import checkpoint as checkpoint_files
from merclip_jax.towers import files, inputs, leaves

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
    heads = Heads(video=4, global_blocks=4, text=3)
    with pytest.raises(ConfigError, match=r"nothing says whether .* --activation=gelu"):
        weights.load(tmp_path / "clip.safetensors", heads=heads)
    loaded = weights.load(tmp_path / "clip.safetensors", heads=heads, activation="quick_gelu")
    assert loaded.cfg == replace(ours.cfg, text=replace(ours.cfg.text, end_token=None))
    for name, value in leaves.arrays(loaded).items():
        np.testing.assert_array_equal(value, leaves.arrays(ours)[name], err_msg=name)


@pytest.mark.torch
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


def changed(folder, **parts):
    """The small CLIP with other values in its config.json."""
    values = json.loads((FOLDER / "config.json").read_text())
    for part, changes in parts.items():
        both = isinstance(changes, dict) and part in values
        values[part] = values[part] | changes if both else changes
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(values))
    (folder / "model.safetensors").write_bytes((FOLDER / "model.safetensors").read_bytes())
    return folder


@pytest.mark.parametrize("named", [".", "model.safetensors"])
def test_the_config_counts_however_the_weights_are_named(named, tmp_path):
    tower = {"hidden_act": "gelu", "layer_norm_eps": 1e-6}
    folder = changed(tmp_path, vision_config=tower, text_config=tower | {"eos_token_id": 7})
    cfg = weights.load(folder / named).cfg
    for part in (cfg.vision, cfg.text):
        assert (part.activation, part.eps) == ("gelu", 1e-6)
    assert (cfg.vision.heads, cfg.text.heads, cfg.text.end_token) == (4, 3, 7)


def test_transformers_rule_for_the_end_token_2(tmp_path):
    """Such configs were wrong, and the end is at the highest id."""
    assert (
        weights.load(changed(tmp_path, text_config={"eos_token_id": 2})).cfg.text.end_token is None
    )


def test_texts_are_read_off_at_their_first_end_token(ours, tmp_path):
    model = weights.load(changed(tmp_path, text_config={"eos_token_id": 7}), context=20)
    ids = jnp.asarray([[3, 90, 7, 0, 7]])
    close(model.encode_text(ids)[0], np.asarray(model.text.all_positions(ids)[0, 2]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text_config": {"hidden_act": "relu"}}, "text tower: activation 'relu'"),
        ({"model_type": "siglip"}, "a model of type 'siglip'"),
        ({"auto_map": {"AutoModel": "eva.py"}}, "which is no plain CLIP"),
    ],
)
def test_what_is_not_computed_here_is_refused_by_name(changes, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        MerClip.from_pretrained(changed(tmp_path, **changes))


def test_frames_are_renormalised_to_what_the_weights_know(ours, tmp_path):
    """CLIP's mean and deviation come from its preprocessor_config.json; ours are ImageNet's."""
    folder = changed(tmp_path)
    mean, std = [0.48, 0.46, 0.41], [0.27, 0.26, 0.28]
    told = {"image_mean": mean, "image_std": std, "crop_size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    model = MerClip.from_pretrained(folder)
    pixels = np.random.default_rng(2).random((1, 4, 32, 32, 3)).astype(np.float32)
    imagenet = (pixels - np.float32(inputs.MEAN)) / np.float32(inputs.STD)
    theirs = (pixels - np.float32(mean)) / np.float32(std)
    close(model.vision(jnp.asarray(imagenet))[0], np.asarray(ours.vision(jnp.asarray(theirs))[0]))
    (folder / "preprocessor_config.json").write_text(json.dumps(told | {"crop_size": 48}))
    with pytest.raises(ConfigError, match="cuts pictures to 48 pixels"):
        MerClip.from_pretrained(folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vision_model.encoder.layers.0.self_attn.q_proj.lora_A.weight", "LoRA adapters"),
        ("vision_model.head.probe", "SigLIP"),
        ("visual.blocks.0.attn.q_bias", "EVA-CLIP"),
        ("visual.layer1.0.conv1.weight", "ResNet"),
    ],
)
def test_strangers_are_called_what_they_are(name, message, tmp_path):
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file({name: np.ones(3, np.float32)}, path)
    with pytest.raises(ConfigError, match=message):
        weights.load(path)


def test_no_checkpoint_at_all_is_refused():
    with pytest.raises(ConfigError, match=r"no-such/model: no such path here"):
        MerClip.from_pretrained("no-such/model")
    with pytest.raises(ConfigError, match="no checkpoint named"):
        weights.load(None)


def test_global_blocks_may_follow_other_layers(checkpoint, official):
    sizes = {"video_heads": 4, "global_heads": 5, "emotion_heads": 2, "text_heads": 3}
    model = weights.load_official(checkpoint, **sizes, global_layers=(0, 2))
    assert model.cfg.vision.global_layers == (0, 2) != official.cfg.vision.global_layers
    for wrong, message in (((0, 1, 2), "has 2 global blocks"), ((2, 0), "in rising order")):
        with pytest.raises(ConfigError, match=message):
            weights.load_official(checkpoint, **sizes, global_layers=wrong)


def test_an_open_clip_config_counts(openai, tmp_path):
    safetensors.numpy.save_file(openai, tmp_path / "open_clip_model.safetensors")
    vision = {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 16}
    text = {"context_length": 20, "vocab_size": 99, "width": 48, "heads": 3, "layers": 2}
    model = {"embed_dim": 40, "vision_cfg": vision, "text_cfg": text}
    preprocess = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}

    def load(**changes):
        told = {"model_cfg": model | changes, "preprocess_cfg": preprocess}
        (tmp_path / "open_clip_config.json").write_text(json.dumps(told))
        return weights.load(tmp_path).cfg

    cfg = load()
    assert (cfg.vision.activation, cfg.text.activation) == ("gelu", "gelu")
    assert (cfg.vision.heads, cfg.text.heads, cfg.vision.pixel_mean) == (4, 3, (0.5, 0.5, 0.5))
    assert load(quick_gelu=True).vision.activation == "quick_gelu"
    assert load(text_cfg=text | {"norm_kwargs": {"eps": 1e-6}}).text.eps == 1e-6
    with pytest.raises(ConfigError, match=r"vision_cfg\.pool_type='avg'"):
        load(vision_cfg=vision | {"pool_type": "avg"})


@pytest.mark.parametrize("there", checkpoint_files.WEIGHTS)
def test_a_hub_id_is_fetched_with_the_weights_that_it_has(there, tmp_path, monkeypatch):
    asked = []

    def download(name, revision, allow_patterns):
        asked.append((name, revision, *allow_patterns))
        if there in allow_patterns or (there.endswith(".json") and "*.json" in allow_patterns):
            (tmp_path / there).write_text('{"weight_map": {"a": "one", "b": "two"}}')
            (tmp_path / "one").touch()
            (tmp_path / "two").touch()
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert files.locate("openai/clip@v2") == tmp_path
    assert asked[0] == ("openai/clip", "v2", "*.json", "merges.txt")
    last = ("one", "two") if there.endswith(".json") else (there,)
    assert asked[-1] == ("openai/clip", "v2", *last)
