"""Every layout that people hold, by the benchmark that compares it with transformers."""

import json

import numpy as np
import pytest
import safetensors.numpy
from golden_tiny import GOLDENS

pytestmark = [pytest.mark.torch, pytest.mark.slow]  # lone towers get a full-size other one
pytest.importorskip("torch")

from benchmarks.weights import layouts, parity  # noqa: E402
from merclip_jax.models import weights  # noqa: E402
from merclip_jax.towers import leaves  # noqa: E402

# float32 noise of two layers, as a share of a stage's largest value; both sides sum in float32.
CLOSE = 4e-6


@pytest.mark.parametrize("case", parity.CASES, ids=lambda case: case.name)
def test_a_layout_gives_transformers_own_values(case):
    worst, stage, _ = parity.compare(case)
    assert worst <= CLOSE, stage


def test_what_is_refused_says_what_it_is():
    messages = dict(parity.refused())
    assert messages.keys() == layouts.REFUSED.keys()
    words = {
        "LoRA adapters": "merge them", "SigLIP, by its tensors": "SigLIP",
        "SigLIP, by its config": "siglip", "EVA-CLIP": "EVA-CLIP", "a ResNet": "ResNet",
        "NaN": "visual_projection.weight: 2560 of 2560 values are NaN",
        "infinity": "q_proj.bias: 64 of 64 values", "int8": "q_proj.weight: int8, so quantised",
        "quantised by PyTorch": "visual_projection.weight: quantised",
        "a whole object in place of its tensors": "which no file of plain tensors does",
        "no config": "put its config.json beside it",
    }  # fmt: skip
    for name, word in words.items():
        assert word in messages[name], messages[name]


def test_a_checkpoint_of_the_release_as_mmengine_writes_it(official, tmp_path):
    """A message hub of log buffers, of which torch itself would need mmengine."""
    import torch

    release = safetensors.numpy.load_file(GOLDENS / "tiny" / "state_dict.safetensors")
    state = {name: torch.from_numpy(np.array(tensor)) for name, tensor in release.items()}
    hub = {"log_scalars": {}, "runtime_info": {"best": np.float64(0.5), "times": np.arange(3)}}
    path = tmp_path / "epoch_50.pth"
    torch.save({"meta": {"epoch": 50}, "state_dict": state, "message_hub": hub}, path)
    loaded = leaves.arrays(weights.load_official(path, 4, 5, 2, 3))
    for name, value in leaves.arrays(official).items():
        np.testing.assert_array_equal(loaded[name], value, err_msg=name)


def test_a_sharded_model_is_the_whole_one(tmp_path):
    theirs = parity.drawn(parity.CASES[0], parity.SMALL_VISION, parity.SMALL_TEXT, 40)
    for folder, write in (("a", layouts.whole), ("b", layouts.sharded)):
        (tmp_path / folder).mkdir()
        write(theirs, tmp_path / folder)
    index = json.loads((tmp_path / "b" / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 2
    one, other = (leaves.arrays(weights.load(tmp_path / folder)) for folder in "ab")
    assert all(np.array_equal(one[name], other[name]) for name in one)
