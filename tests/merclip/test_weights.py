import re

import numpy as np
import pytest
import safetensors.numpy

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.merclip import torch_keys
from merclip_jax.models import weights
from merclip_jax.towers import files, leaves

HEADS = {"video_heads": 4, "global_heads": 5, "emotion_heads": 2, "text_heads": 3}


@pytest.fixture
def tensors(checkpoint):
    return files.read(checkpoint)


def test_sizes_are_read_off_the_tensors(official):
    vision, text, emotion = official.cfg.vision, official.cfg.text, official.cfg.emotion
    assert (vision.image_size, vision.patch_size, vision.width, vision.layers) == (32, 8, 40, 3)
    assert (vision.local_width, vision.global_layers, vision.output_dim) == (26, (1, 2), 32)
    assert (vision.mlp_ratio, vision.global_mlp_ratio) == (4.0, 4.0)
    assert (text.vocab_size, text.context, text.width, text.layers) == (64, 12, 24, 2)
    assert (emotion.classes, emotion.layers, emotion.mlp_ratio) == (5, 2, 4.0)


def test_every_tensor_is_placed_once(official, tensors):
    placed, faults = torch_keys.translate(tensors, torch_keys.OFFICIAL)
    assert not faults
    assert placed.keys() == leaves.arrays(official).keys()
    counters = sum(name.endswith("num_batches_tracked") for name in tensors)
    assert len(placed) == len(tensors) - counters


def test_no_tensor_fits_two_rows_of_the_table(tensors):
    for name in tensors:
        rows = [row for row in torch_keys.OFFICIAL.rows if re.fullmatch(row[0], name)]
        assert len(rows) == (0 if re.fullmatch(torch_keys.OFFICIAL.unused, name) else 1), name


def test_all_misfits_are_in_one_error(tensors, tmp_path):
    tensors["cls_head.extra"] = np.zeros(3, np.float32)
    tensors["vision_encoder.proj"] = np.zeros((40, 32, 1), np.float32)
    tensors["text_encoder.ln_final.weight"] = np.zeros(25, np.float32)
    tensors["cls_head.fc_cls.bias"] = np.zeros((5,), np.float32)
    tensors["vision_encoder.transformer.resblocks.0.attn.in_proj_weight"] = np.zeros(
        (120,), np.float32
    )
    del tensors["vision_encoder.ln_pre.bias"]
    path = tmp_path / "broken.safetensors"
    safetensors.numpy.save_file(tensors, path)
    with pytest.raises(DataError, match=r"broken\.safetensors") as error:
        weights.load_official(path, **HEADS)
    assert set(error.value.faults) == {
        "cls_head.extra: unknown name",
        "vision_encoder.transformer.resblocks.0.attn.in_proj_weight: "
        "shape (120,) has the wrong number of axes",
        "vision.blocks.0.attn.qkv.kernel: missing",
        "vision.ln_pre.bias: missing",
        "vision.proj: shape (40, 32, 1), but the model has (40, 32)",
        "text.ln_final.scale: shape (25,), but the model has (24,)",
    }


def test_other_checkpoints_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file({"weight": np.zeros(3, np.float32)}, path)
    with pytest.raises(DataError, match="no known kind of checkpoint"):
        weights.load_official(path)


def test_impossible_heads_are_refused(checkpoint):
    with pytest.raises(ConfigError, match="40 does not divide into 3 heads"):
        weights.load_official(checkpoint, **HEADS | {"video_heads": 3})


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        weights.load_official(tmp_path / "absent.safetensors")
    (tmp_path / "weights.npz").write_bytes(b"")
    with pytest.raises(ConfigError, match="unknown kind of file"):
        weights.load_official(tmp_path / "weights.npz")
    (tmp_path / "cut.safetensors").write_bytes(b"123")
    with pytest.raises(DataError, match=r"cut\.safetensors: unreadable"):
        weights.load_official(tmp_path / "cut.safetensors")


def test_pth_gives_the_same_tensors(tensors, tmp_path):
    torch = pytest.importorskip("torch")
    state = {name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()}
    torch.save({"meta": {"epoch": 5}, "state_dict": state}, tmp_path / "a.pth")
    loaded = files.read(tmp_path / "a.pth")
    assert loaded.keys() == tensors.keys()
    assert all(np.array_equal(loaded[name], tensors[name]) for name in tensors)
    torch.save({"model": state}, tmp_path / "c.pt")  # as ViCLIP wraps it
    assert files.read(tmp_path / "c.pt").keys() == tensors.keys()
    (tmp_path / "b.pth").write_bytes(b"no checkpoint")
    with pytest.raises(DataError, match=r"b\.pth"):
        files.read(tmp_path / "b.pth")
