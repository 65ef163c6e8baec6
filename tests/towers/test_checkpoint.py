"""Files, shards and wrappers of checkpoints, all without PyTorch."""

import json

import numpy as np
import pytest
import safetensors.numpy

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.towers import checkpoint

TENSORS = {"a.weight": np.ones((2, 3), np.float32), "b.bias": np.zeros(3, np.float32)}


def sharded(folder, **changes):
    """A model in two files with an index."""
    files = {name: f"model-0000{i + 1}-of-00002.safetensors" for i, name in enumerate(TENSORS)}
    for name, file in files.items():
        safetensors.numpy.save_file({name: TENSORS[name]}, folder / file)
    index = {"weight_map": files | changes}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def test_shards_are_one_model(tmp_path):
    found = checkpoint.read(sharded(tmp_path))
    assert found.tensors.keys() == TENSORS.keys() and found.unwrapped == "2 files"
    with pytest.raises(ConfigError, match="one of several files of a model; name their folder"):
        checkpoint.read(tmp_path / "model-00001-of-00002.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"c": "model-00003-of-00003.safetensors"}, "not all files of the model are there"),
        ({"c": "../other.safetensors"}, "outside its folder"),
        ({"c": "model-00001-of-00002.safetensors"}, "c: missing"),
        ({"c": 3}, "damaged"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(changes, message, tmp_path):
    with pytest.raises(DataError, match=message):
        checkpoint.read(sharded(tmp_path, **changes))


@pytest.mark.parametrize(
    ("names", "kept", "notes"),
    [
        (["module.a", "module.b"], ["a", "b"], "names without 'module.'"),
        (["model.module.a"], ["a"], "names without 'model.'; names without 'module.'"),
        (["model.a", "model.b", "loss.scale"], ["a", "b"],
         "names without 'model.'; left out: loss.scale"),
        (["a", "b"], ["a", "b"], ""),
    ],
)  # fmt: skip
def test_what_wrappers_put_before_names_is_taken_off_and_said(names, kept, notes, tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors.numpy.save_file({name: np.ones(2, np.float32) for name in names}, path)
    found = checkpoint.read(path)
    assert (sorted(found.tensors), found.unwrapped) == (kept, notes)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (np.array([1, np.nan, np.inf], np.float32), "odd: 2 of 3 values are NaN or infinite"),
        (np.array([np.inf], np.float16), "odd: 1 of 1 values"),
        (np.ones(3, np.int8), "odd: int8, so quantised"),
        (np.ones(3, np.uint8), "odd: uint8, so quantised"),
    ],
)
def test_what_cannot_be_computed_with_is_refused_by_name(tensor, message, tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors.numpy.save_file(TENSORS | {"odd": tensor}, path)
    with pytest.raises(DataError, match=message):
        checkpoint.read(path)


def test_float8_is_refused_by_name(tmp_path):
    header = {"odd": {"dtype": "F8_E4M3", "shape": [3], "data_offsets": [0, 3]}}
    text = json.dumps(header).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(3))
    with pytest.raises(DataError, match="odd: F8_E4M3, so quantised"):
        checkpoint.read(path)


def test_an_absurd_header_takes_no_memory(tmp_path):
    header = {"a": {"dtype": "F32", "shape": [1 << 30, 1 << 30], "data_offsets": [0, 1 << 62]}}
    text = json.dumps(header).encode()
    (tmp_path / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    (tmp_path / "b.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + text)
    for name in ("a", "b"):
        with pytest.raises(DataError, match="unreadable"):
            checkpoint.read(tmp_path / f"{name}.safetensors")


def test_adapters_and_empty_folders_are_named(tmp_path):
    with pytest.raises(ConfigError, match="holds none of"):
        checkpoint.read(tmp_path)
    (tmp_path / "adapter_model.safetensors").touch()
    with pytest.raises(ConfigError, match="LoRA adapters"):
        checkpoint.read(tmp_path)
