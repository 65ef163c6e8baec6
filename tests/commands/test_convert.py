import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from merclip_jax.merclip import sentences
from merclip_jax.models import MerClip, weights
from merclip_jax.towers import leaves

GOLDENS = Path(__file__).parents[1] / "goldens"
CLIP, RELEASE = GOLDENS / "clip_tiny", GOLDENS / "tiny" / "state_dict.safetensors"
HEADS = ("--video_heads=4", "--global_heads=5", "--emotion_heads=2", "--text_heads=3")


def convert(*given):
    return subprocess.run(
        [sys.executable, "-m", "merclip_jax.convert", *given],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    sentences.small_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def test_the_release_is_converted_bit_by_bit(tokenizer, tmp_path):
    done = convert(
        "--source=merclip", f"--input={RELEASE}", f"--tokenizer={tokenizer}",
        f"--output={tmp_path}", *HEADS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "0 modules start anew" in done.stdout
    loaded, expected = (
        leaves.arrays(model)
        for model in (MerClip.from_pretrained(tmp_path), weights.load_official(RELEASE, 4, 5, 2, 3))
    )
    assert loaded.keys() == expected.keys()
    assert all(np.array_equal(loaded[name], expected[name]) for name in expected)
    about = json.loads((tmp_path / "merclip.json").read_text())
    assert about["made_from"]["model"].startswith("state_dict.safetensors: an official")
    card = (tmp_path / "README.md").read_text()
    assert "DFME" in card and "no lie detector" in card and str(GOLDENS) not in card


def test_a_plain_clip_is_converted_and_says_what_is_new(tokenizer, tmp_path):
    done = convert(
        "--source=clip", f"--input={CLIP}", f"--tokenizer={tokenizer}", f"--output={tmp_path}",
        "--classes=5", "--context=20",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "vision: clip_tiny: CLIP in Hugging Face's layout" in done.stdout
    model = MerClip.from_pretrained(tmp_path)
    assert (model.cfg.emotion.classes, model.cfg.text.context) == (5, 20)


def test_a_lone_video_tower_says_that_its_texts_are_random(tmp_path):
    tensors = {
        name.replace("vision_encoder.", "backbone."): tensor
        for name, tensor in safetensors.numpy.load_file(RELEASE).items()
        if name.startswith("vision_encoder.")
        and not any(end in name for end in (".proj", ".ln_post1.", ".to_cls_", "r.ln_final."))
    }
    safetensors.numpy.save_file(tensors, tmp_path / "sthv2.safetensors")
    done = convert(
        "--source=uniformerv2", f"--input={tmp_path / 'sthv2.safetensors'}",
        f"--output={tmp_path / 'out'}", "--video_heads=4", "--global_heads=5",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "text: random numbers" in done.stdout
    assert "name it with --tokenizer" in done.stderr
    assert "text: random numbers" in (tmp_path / "out" / "README.md").read_text()
    MerClip.from_pretrained(tmp_path / "out")


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ((), 2, "--source is missing"),
        (("--source=clip", "--output=x"), 2, "--input is missing"),
        (("--source=dino",), 2, "clip|viclip|uniformerv2|merclip"),
        (
            ("--source=clip", "--output=x", "--input=/nowhere/at/all"),
            2,
            "/nowhere/at/all: no such file or folder",
        ),
        (
            ("--source=uniformerv2", "--output=x", f"--input={CLIP}"),
            2,
            "is CLIP in Hugging Face's layout",
        ),
        (
            ("--source=clip", "--output=x", f"--input={CLIP}", f"--tokenizer={CLIP}"),
            2,
            "no tokenizer.json there; CLIP's own is in openai/clip-vit-base-patch16",
        ),
    ],
)
def test_bad_arguments_are_answered_in_a_sentence(given, code, message):
    done = convert(*given)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
