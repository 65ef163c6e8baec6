import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import safetensors.numpy
from array_record.python.array_record_data_source import ArrayRecordDataSource
from google.protobuf import json_format, struct_pb2

from merclip_jax import app
from merclip_jax.errors import ConfigError, DataError, RunError, unexpected

ROOT = Path(__file__).parents[2]


def told(call, *arguments, places=()):
    """What people are told of the error that a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the library has
        call(*arguments)
    return unexpected.explained(caught.value, places)


def broken_record(path):
    path.write_bytes(b"no record" * 100)
    ArrayRecordDataSource(str(path))[0]


def broken_table(path):
    path.write_text('a,b\n1,"2')
    pd.read_csv(path)


def broken_weights(path):
    path.write_bytes(b"\xff" * 40)
    safetensors.numpy.load_file(path)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (broken_record, DataError, ("prepared dataset is damaged", "prepare it again")),
        (broken_table, DataError, ("a table cannot be read", "EOF inside string")),
        (broken_weights, DataError, ("a file of weights is damaged", "header")),
    ],
)
def test_a_librarys_error_says_what_it_means(tmp_path, call, kind, words):
    error = told(call, tmp_path / "file")
    assert isinstance(error, kind)
    assert all(word in str(error) for word in words), error
    assert "\n" not in str(error)


def test_a_damaged_description_of_a_dataset():
    error = told(json_format.Parse, "{", struct_pb2.Struct())
    assert "a prepared dataset is damaged" in str(error)


def test_our_own_fault_is_called_so_and_its_traceback_kept():
    def mistake():
        return pd.DataFrame({"a": [1]})["b"]  # raised inside pandas, but no table is at fault

    error = told(mistake)
    assert isinstance(error, RunError)
    assert str(error).startswith("KeyError: 'b'. This is a fault of merclip-jax")
    (name,) = [word for word in str(error).split() if word.endswith(".txt.")]
    kept = Path(name.rstrip("."))
    assert "in mistake" in kept.read_text()
    kept.unlink()


def test_a_full_disk_is_named(tmp_path):
    def write():
        raise OSError(28, os.strerror(28))

    error = told(write, places=[tmp_path / "not" / "yet"])
    assert "the disk is full (" in str(error) and "make room there" in str(error)


def test_a_librarys_words_for_a_full_disk(tmp_path):
    def write():
        raise ValueError(f"Error writing array: {os.strerror(28)} [OS error 28]")

    assert "the disk is full" in str(told(write, places=[tmp_path]))


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")]
)
def test_too_little_memory(error):
    assert "--config.recipe.batch_size" in str(unexpected.explained(error))


def test_a_file_that_may_not_be_read(tmp_path):
    error = told((tmp_path / "gone").read_bytes)
    assert str(error) == f"No such file or directory: {tmp_path / 'gone'}"


def test_a_command_never_shows_a_traceback(capsys):
    def body(_):
        json.loads("{")

    assert app.run(app.Command("Do.", lambda *_: None, body), []) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: JSONDecodeError: Expecting") and error.count("\n") == 1
    Path(error.split("report it with ")[1].split(". What")[0]).unlink()


def test_a_device_that_is_not_there(tmp_path):
    command = [sys.executable, "-m", "merclip_jax.train", "--config=configs/demo.py"]
    command += [f"--workdir={tmp_path}/run", f"--config.data.data_dir={tmp_path}"]
    run = subprocess.run(
        command,
        env={**os.environ, "JAX_PLATFORMS": "cuda"},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert run.returncode == ConfigError.exit_code
    assert "unset JAX_PLATFORMS" in run.stderr and "Traceback" not in run.stderr
