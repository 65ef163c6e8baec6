import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from corpora import casme2

from merclip_jax.data import datasets, pack
from merclip_jax.data.records import Records
from merclip_jax.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("CASME2")
    return root, casme2.make_casme2(root, subjects=2, clips_per_subject=2)


@pytest.fixture(scope="module")
def prepared(corpus, tmp_path_factory):
    return datasets.prepare("casme2", corpus[0], tmp_path_factory.mktemp("data"))


def test_a_prepared_corpus_reads_back_without_our_code(corpus, prepared):
    source = tfds.builder_from_directory(prepared.data_dir).as_data_source(split="train")
    records = {record["clip_id"].decode(): record for record in source}
    root, table = corpus
    assert sorted(records) == [f"casme2/{row.subject}/{row.clip}" for row in table]
    record, row = records["casme2/02/EP02_02f"], table[3]
    assert (record["emotion"], record["aus"], record["objective_class"]) == (b"disgust", b"4+7", 2)
    assert list(record["frame_numbers"]) == list(range(row.onset, row.offset + 1))
    on_disk = cv2.imread(str(root / "Cropped" / "sub02" / "EP02_02f" / f"reg_img{row.onset}.jpg"))
    np.testing.assert_array_equal(record["frames"][0], on_disk[:, :, ::-1])


def test_tensorflow_is_never_imported(prepared):
    assert "tensorflow" not in sys.modules


def test_a_prepared_dataset_is_used_as_it_is(prepared):
    before = _written(prepared)
    again = datasets.prepare("casme2", "", Path(prepared.data_dir).parents[2])
    assert again.data_dir == prepared.data_dir
    assert _written(again) == before


def _written(builder):
    return {entry.name: entry.stat().st_mtime_ns for entry in os.scandir(builder.data_dir)}


def test_the_raw_frames_are_a_dataset_of_their_own(corpus, prepared, tmp_path):
    root, table = corpus
    casme2.write_frames(root, table, "raw")
    raw = datasets.prepare("casme2", root, tmp_path, "raw")
    assert raw.data_path.parent.name == "raw"
    assert raw.info.splits["train"].num_examples == len(table)


def test_faults_leave_nothing_behind(tmp_path):
    table = casme2.make_casme2(tmp_path / "CASME2", subjects=2, clips_per_subject=2)
    casme2.write_workbook(tmp_path / "CASME2", casme2.change(table, 0, aus="Q1"))
    (tmp_path / "CASME2/Cropped/sub02/EP01_02f/reg_img9.jpg").unlink()
    with pytest.raises(DataError) as caught:
        datasets.prepare("casme2", tmp_path / "CASME2", tmp_path / "data")
    assert len(caught.value.faults) == 2
    assert list((tmp_path / "data").rglob("*")) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("casme9", "x"), "dataset 'casme9': give one of casme, casme2"),
        (("casme2", "/no/such/folder"), "manual_dir=/no/such/folder: no such folder"),
        (("casme2", ""), "give manual_dir, the folder that holds the corpus. CASME II needs"),
    ],
)
def test_bad_arguments(tmp_path, given, message):
    with pytest.raises(ConfigError, match=message):
        datasets.prepare(*given, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_builder_config_lists_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match="'small': casme2 has cropped, raw"):
        datasets.prepare("casme2", "", tmp_path, "small")


def test_what_a_killed_preparation_left_is_removed_and_that_of_others_is_not(corpus, tmp_path):
    for name in (".preparing-casme2-cropped", ".preparing-samm-cropped"):
        part = tmp_path / name / "casme2" / "part"
        part.parent.mkdir(parents=True)
        part.write_bytes(b"half")
    datasets.prepare("casme2", corpus[0], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".preparing-samm-cropped", "casme2"]


def test_two_preparations_give_the_same_bytes(corpus, prepared, tmp_path):
    again = Path(datasets.prepare("casme2", corpus[0], tmp_path).data_dir)
    for path in Path(prepared.data_dir).iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_flipped_byte_in_the_records_is_noticed(corpus, tmp_path):
    builder = datasets.prepare("casme2", corpus[0], tmp_path)
    (records,) = Path(builder.data_dir).glob("*.array_record*")
    content = bytearray(records.read_bytes())
    content[len(content) // 2] ^= 1
    records.write_bytes(content)
    with pytest.raises(
        DataError, match=r"is damaged: delete it(.|\n)*array_record.* changed since"
    ):
        pack.load([builder], 32, tmp_path, "memmap")


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json", "manifest.json"])
def test_a_damaged_description_is_named_with_its_remedy(corpus, tmp_path, name):
    file = Path(datasets.prepare("casme2", corpus[0], tmp_path).data_dir) / name
    for content in (b"", file.read_bytes()[:100], file.read_bytes().replace(b"1", b"2", 1)):
        file.write_bytes(content)
        with pytest.raises(DataError, match=rf"(.|\n)*{name}(.|\n)*") as caught:
            datasets.prepare("casme2", corpus[0], tmp_path)
        assert f"delete {file.parent}" in str(caught.value) or "delete it" in str(caught.value)


def test_a_workbook_that_changed_after_the_preparation_is_said(tmp_path):
    root = tmp_path / "CASME2"
    table = casme2.make_casme2(root, subjects=2, clips_per_subject=2)
    datasets.prepare("casme2", root, tmp_path)
    casme2.write_workbook(root, table)  # with other bytes, since it says when it was written
    datasets.prepare("casme2", root, tmp_path)
    casme2.write_workbook(root, casme2.change(table, 0, aus="6+12"))
    cell = "casme2/01/EP01_01f: aus '.*' in the dataset, '6\\+12' in the annotation"
    with pytest.raises(DataError, match=f"prepared from another annotation(.|\\n)*{cell}"):
        datasets.prepare("casme2", root, tmp_path)
    assert datasets.prepare("casme2", "", tmp_path).info.splits["train"].num_examples == 4


def test_killed_in_the_middle_it_starts_anew(corpus, tmp_path):
    """The process dies by SIGKILL after the first clip; nothing of it looks like a dataset."""
    dying = (
        "import os, signal, sys\n"
        "from merclip_jax.data import datasets\n"
        "from merclip_jax.tfds_builders.casme2.casme2_dataset_builder import Builder\n"
        "def examples(self, clips):\n"
        "    yield clips[0].example()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Builder._generate_examples = examples\n"
        "datasets.prepare('casme2', sys.argv[1], sys.argv[2])\n"
    )
    killed = subprocess.run([sys.executable, "-c", dying, str(corpus[0]), str(tmp_path)])
    assert killed.returncode == -9
    assert not (tmp_path / "casme2").exists()
    builder = datasets.prepare("casme2", corpus[0], tmp_path)
    assert builder.info.splits["train"].num_examples == len(corpus[1])


def _command(*flags):
    command = [sys.executable, "-m", "merclip_jax.prepare", *flags]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command(corpus, tmp_path):
    done = _command("--dataset=casme2", f"--manual_dir={corpus[0]}", f"--data_dir={tmp_path}")
    book = f"{corpus[0]}/CASME2-coding-20190701.xlsx"
    assert (done.returncode, done.stderr) == (0, f"casme2: read from {book}\n")
    assert done.stdout == f"casme2: 4 clips in {tmp_path}/casme2/cropped/1.1.0\n"


def test_the_command_counts_faults_that_do_not_stop_it(tmp_path):
    root = tmp_path / "CASME2"
    table = casme2.make_casme2(root, subjects=2, clips_per_subject=2)
    casme2.write_workbook(root, casme2.change(casme2.change(table, 0, apex=99), 3, apex="/"))
    flags = ("--dataset=casme2", f"--manual_dir={root}", f"--data_dir={tmp_path}/data")
    done = _command(*flags)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert done.stderr.endswith(
        "casme2: faults that do not stop a build: 2; merclip-jax audit lists them\n"
    )
    assert _command(*flags).stderr == ""  # prepared already: the corpus is not read again


def test_bad_arguments_have_an_exit_code(tmp_path):
    failed = _command("--manual_dir=/no/such/folder", f"--data_dir={tmp_path}")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == f"error: dataset '': give one of {', '.join(datasets.datasets())}\n"


def test_bad_data_has_an_exit_code_of_its_own(tmp_path):
    (tmp_path / "CASME2").mkdir()
    (tmp_path / "CASME2" / "readme.txt").write_text("no workbook here")
    failed = _command(
        "--dataset=casme2", f"--manual_dir={tmp_path}/CASME2", f"--data_dir={tmp_path}/d"
    )
    assert failed.returncode == 3
    assert "no annotation; put CASME2-coding" in failed.stderr


def test_help_shows_an_example():
    shown = _command("--help")
    assert "merclip-jax prepare --dataset=casme2 --manual_dir=" in shown.stdout


def test_a_corpus_larger_than_the_shuffling_buffer_needs_no_tensorflow(monkeypatch, tmp_path):
    monkeypatch.setattr("tensorflow_datasets.core.shuffle.MAX_MEM_BUFFER_SIZE", 1)  # 1 GB by itself
    builder = datasets.prepare("synthetic_me", "", tmp_path, "tiny")
    assert len(builder.as_data_source("train")) == 15
    assert not any(path.name == "downloads" for path in Path(builder.data_dir).iterdir())


def test_text_of_records_is_str(data_dir):
    read = Records(datasets.prepare("synthetic_me", "", data_dir, "tiny"))
    assert len(read) == 15 and repr(read).startswith("<15 records of synthetic_me/tiny/")
    assert {type(read[0][name]) for name in ("clip_id", "subject", "emotion", "aus")} == {str}
    assert read[0]["frames"][0].shape == (32, 32, 3)
    assert [record["clip_id"] for record in read] == [record["clip_id"] for record in read[:]]
