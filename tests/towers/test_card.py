"""What a model card says of where weights are from."""

import json

from golden_tiny import GOLDENS

from merclip_jax.towers import card
from merclip_jax.towers.config import MerClipConfig


def folder(path, config, **about):
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    if about:
        (path / "merclip.json").write_text(json.dumps(about))
    return str(path)


def test_a_start_from_others_weights_is_said_in_every_model_made_of_them(tmp_path):
    assert card.made_from("") == {}
    assert card.made_from(folder(tmp_path / "own", {"model_type": "merclip"})) == {}
    told = {"vision": "openai/clip-vit-base-patch16 at commit 57c2: CLIPModel"}
    converted = folder(tmp_path / "converted", {"model_type": "merclip"}, made_from=told)
    assert card.made_from(converted) == {"made_from": told}
    assert card.made_from(str(GOLDENS / "clip_tiny")) == {
        "made_from": {"towers": "clip_tiny: clip"}
    }


def test_nothing_is_called_openais_that_does_not_say_so(tmp_path):
    meta = card.made_from(str(GOLDENS / "clip_tiny"))
    text = card.model_card(MerClipConfig.tiny(), meta)
    assert "clip_tiny: clip" in text and "OpenAI" not in text and "license: other" in text
