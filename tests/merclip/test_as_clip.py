"""A tower that is a CLIP is saved so that transformers loads it, and comes back bit by bit."""

import json
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import jax.numpy as jnp
import numpy as np
import pytest
from golden_tiny import GOLDENS, relative
from huggingface_hub.errors import HFValidationError

from merclip_jax.errors import ConfigError
from merclip_jax.merclip import sentences
from merclip_jax.models import MerClip, weights
from merclip_jax.towers import files, leaves

FOLDER = GOLDENS / "clip_tiny"


@pytest.fixture(scope="module")
def plain():
    """The small CLIP of transformers without our adapters."""
    model = weights.load(FOLDER, context=20)
    model.without_adapters()
    return model


def test_what_is_saved_as_a_clip_comes_back_bit_by_bit(plain, tmp_path):
    plain.save_pretrained(tmp_path, meta={})
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "clip"
    loaded = MerClip.from_pretrained(tmp_path)
    assert loaded.cfg == plain.cfg
    before, after = leaves.arrays(plain), leaves.arrays(loaded)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_its_tensors_are_those_that_transformers_wrote(plain, tmp_path):
    plain.save_pretrained(tmp_path)
    saved, original = files.read(tmp_path), files.read(FOLDER)
    for name in original.keys() - {"logit_scale"}:
        np.testing.assert_array_equal(saved[name], original[name], err_msg=name)


def test_a_trained_first_layer_is_no_clip(plain, tmp_path):
    model = weights.load(FOLDER, context=20, inflation="mean")
    model.without_adapters()
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "merclip"
    assert leaves.arrays(MerClip.from_pretrained(tmp_path)).keys() == leaves.arrays(plain).keys()


@pytest.mark.torch
def test_transformers_loads_it_and_computes_the_same(plain, tmp_path):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    plain.save_pretrained(tmp_path)
    theirs = transformers.CLIPModel.from_pretrained(tmp_path).eval()
    with np.load(FOLDER / "reference.npz") as reference:
        ids, picture = reference["ids"], reference["picture"]
        expected = reference["text_features"], reference["image_features"]
    with torch.no_grad():
        read = theirs.text_model(torch.from_numpy(ids.astype(np.int64)))
        seen = theirs.vision_model(torch.from_numpy(picture.transpose(0, 3, 1, 2).copy()))
        words = theirs.text_projection(read.pooler_output).numpy()
        pictures = theirs.visual_projection(seen.pooler_output).numpy()
    assert relative(words, expected[0]) < 4e-6 and relative(pictures, expected[1]) < 4e-6
    assert relative(plain.encode_text(jnp.asarray(ids)), words) < 4e-6


class Hub:
    """A client of the hub that keeps what it is given."""

    kept = SimpleNamespace()

    def __init__(self, library_name):
        assert library_name == "merclip_jax"

    def create_repo(self, name, private, exist_ok):
        if "/" not in name:
            raise HFValidationError(f"{name} has no owner")
        self.kept.created = name, private, exist_ok

    def upload_folder(self, repo_id, folder_path):
        self.kept.files = {path.name for path in Path(folder_path).iterdir()}
        self.kept.card = (Path(folder_path) / "README.md").read_text()
        return SimpleNamespace(commit_url=f"https://huggingface.co/{repo_id}/commit/1")


def test_a_model_is_pushed_with_its_card(monkeypatch, plain):
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    made_from = {"vision": "openai/clip-vit-base-patch16: CLIPModel"}
    address = plain.push_to_hub("me/clip", sentences.small_tokenizer(), {"made_from": made_from})
    assert address == "https://huggingface.co/me/clip/commit/1"
    assert Hub.kept.created == ("me/clip", True, True)
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json"} < Hub.kept.files
    assert "openai/clip-vit-base-patch16" in Hub.kept.card
    with pytest.raises(ConfigError, match=r"clip: the Hugging Face hub does not take it"):
        plain.push_to_hub("clip")
