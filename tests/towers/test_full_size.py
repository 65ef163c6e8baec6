"""Conversion at the published sizes; CLIP's own towers beside `transformers`, if installed."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from flax import nnx
from golden_tiny import GOLDENS

from merclip_jax.models import MerClip, weights
from merclip_jax.towers import leaves
from merclip_jax.towers.config import MerClipConfig

# Sizes of the golden checkpoint -> those of the release (B/16, 7 classes), by part of the model.
LARGE = {
    "vision_encoder": {
        40: 768, 120: 2304, 160: 3072, 26: 512, 32: 512, 17: 197, 8: 16,
    },
    "text_encoder": {24: 512, 72: 1536, 96: 2048, 32: 512, 12: 77, 64: 49408},
    "cls_head": {32: 512, 96: 1536, 128: 2048, 5: 7},
    "logit_scale": {},
}  # fmt: skip
REPEATED = {
    r"(vision_encoder\.transformer\.resblocks)\.0\.": 12,
    r"(vision_encoder\.transformer\.(?:dpe|dec))\.0\.": 8,
    r"(text_encoder\.transformer\.resblocks)\.0\.": 12,
    r"(cls_head\.blocks)\.0\.": 2,
}
BUFFERS = r".*\.(running_mean|running_var|num_batches_tracked)"


def released_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the release's state dict, drawn up from those of the golden one."""
    shapes = {}
    with safetensors.safe_open(GOLDENS / "tiny" / "state_dict.safetensors", "numpy") as file:
        small = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    for name, shape in small.items():
        grown = LARGE[name.split(".")[0]]
        large = tuple(grown.get(size, size) for size in shape)
        pattern = next((p for p in REPEATED if re.match(p, name)), None)
        if pattern:
            for i in range(REPEATED[pattern]):
                shapes[re.sub(pattern, rf"\g<1>.{i}.", name)] = large
        elif not re.search(r"(resblocks|dpe|dec|blocks)\.\d+\.", name):
            shapes[name] = large
    return shapes


def test_the_release_at_its_own_size_is_converted_and_comes_back_bit_by_bit(tmp_path):
    """729 tensors and 233,384,968 parameters: the counts of the release."""
    shapes = released_shapes()
    sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    assert len(shapes) == 729
    assert sum(n for name, n in sizes.items() if not re.fullmatch(BUFFERS, name)) == 233_384_968

    rng = np.random.default_rng(0)
    source = tmp_path / "release.safetensors"
    tensors = {
        name: np.array(7) if name.endswith("tracked") else rng.random(shape, np.float32)
        for name, shape in shapes.items()
    }
    safetensors.numpy.save_file(tensors, source)
    kernel = tensors["vision_encoder.transformer.resblocks.11.mlp.c_fc.weight"].T.copy()
    del tensors
    model = weights.load_official(source)
    source.unlink()
    assert model.cfg == MerClipConfig.b16(7)
    np.testing.assert_array_equal(model.vision.blocks[11].mlp.c_fc.kernel[...], kernel)

    model.save_pretrained(tmp_path)
    loaded = MerClip.from_pretrained(tmp_path)
    before, after = leaves.arrays(model), leaves.arrays(loaded)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


LARGE_CLIP = (
    {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
     "num_attention_heads": 16, "patch_size": 14},
    {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
    768,
)  # fmt: skip
CLIPS = {
    "clip-vit-base-patch16": ({"patch_size": 16}, {}, 512),
    "clip-vit-base-patch32": ({"patch_size": 32}, {}, 512),
    "clip-vit-large-patch14": LARGE_CLIP,
}


@pytest.mark.parametrize("variant", CLIPS)
def test_towers_of_clips_own_size_equal_transformers(variant, tmp_path):
    """Stage by stage, in float32; both sides sum in float32, over up to 3072 terms."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    vision, text, shared = CLIPS[variant]
    config = transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=shared)
    theirs = transformers.CLIPModel(config).eval()
    theirs.save_pretrained(tmp_path)
    ours = MerClip.from_pretrained(tmp_path)
    assert (ours.cfg.vision.patch_size, ours.cfg.text.context) == (vision["patch_size"], 77)

    rng = np.random.default_rng(0)
    ids = rng.integers(1, 49000, (2, 77))
    ids[[0, 1], [9, 76]] = 49407
    picture = rng.normal(size=(1, 224, 224, 3)).astype(np.float32)
    with torch.no_grad():
        seen = theirs.vision_model(
            torch.from_numpy(picture.transpose(0, 3, 1, 2)), output_hidden_states=True
        )
        read = theirs.text_model(torch.from_numpy(ids))
        features = theirs.text_projection(read.pooler_output).numpy()
    graphdef, state = nnx.split(ours)

    @jax.jit
    def run(state, frames, ids):
        model, stages = nnx.merge(graphdef, state), {}
        model.vision(frames, intermediates=stages)
        return stages, model.encode_text(ids)

    stages, encoded = run(state, jnp.asarray(picture)[:, None], jnp.asarray(ids, jnp.int32))
    close(stages["ln_pre"][:, 0], seen.hidden_states[0])
    for layer in range(ours.cfg.vision.layers):
        close(stages[f"block{layer}"][:, 0], seen.hidden_states[layer + 1])
    close(encoded, features)


def close(ours, theirs):
    theirs = np.asarray(theirs)
    assert np.abs(np.asarray(ours) - theirs).max() <= 4e-6 * np.abs(theirs).max()
