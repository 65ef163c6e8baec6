"""What goes wrong with real data and users: an exit code, one paragraph, nothing left behind."""

import json
import shutil
import subprocess
import sys

import pytest
from corpora import casme2 as corpus

from merclip_jax import app, experiment, train
from merclip_jax.configs import casme2
from merclip_jax.data import datasets
from merclip_jax.protocols import selection

FIRST = "Cropped/sub01/EP01_01f"  # frames 8 to 15


@pytest.fixture
def root(tmp_path):
    """A sound corpus of two subjects."""
    corpus.make_casme2(tmp_path / "CASME2", subjects=2, clips_per_subject=3, strays=False)
    return tmp_path / "CASME2"


@pytest.fixture
def config(root, nano_model):
    made = casme2.get_config("classes=5")
    made.data.manual_dir = str(root)
    made.data.data_dir = str(root.parent / "data")
    made.data.image_size = 32
    made.data.frames = 8
    made.model.init_from = str(nano_model)
    made.recipe.epochs = 1
    made.recipe.warmup_epochs = 0
    made.recipe.batch_size = 2
    made.parallel.devices = 1
    return made


@pytest.fixture
def refused(config, root, capsys):
    """Run `config` through the door of every command; check code and words, and what is left."""

    def run(code, *words, left=("config.json",), workdir=root.parent / "run"):
        body = app.Command("", lambda *_: None, lambda _: train.run(config, workdir))
        end = app.run(body, [])
        told = capsys.readouterr()
        assert end == code, told.err
        assert told.out == ""
        one_paragraph(told.err, *words)
        assert tuple(path.name for path in sorted(workdir.rglob("*"))) == left
        assert not list(root.parent.rglob("*.partial*"))
        assert not list(root.parent.rglob(f"{datasets.SCRATCH}*"))

    return run


def one_paragraph(text, *words):
    assert "Traceback" not in text
    told = text[text.index("error: ") :].rstrip()
    assert "\n\n" not in told
    for word in words:
        assert word in told


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


# --- through the real command


def command(*given):
    return subprocess.run(
        [sys.executable, "-m", "merclip_jax.train", *given],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            ["--config=configs/casme2.py", "--config.recipe.epoch=3"],
            "error: --config: unknown field: 'epoch' Did you mean \"epochs\"",
        ),
        (["--config=configs/nope.py"], "No such file or directory: 'configs/nope.py'"),
        (
            ["--config=configs/casme2.py", "--workdir={}", "--config.data.manual_dir=/no/such"],
            "manual_dir=/no/such: no such folder",
        ),
    ],
    ids=["field", "file", "manual_dir"],
)
def test_bad_arguments(tmp_path, given, words):
    given = [flag.format(tmp_path / "run") for flag in given]
    done = command(*given, f"--config.data.data_dir={tmp_path / 'data'}")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    one_paragraph(done.stderr, words)
    assert files(tmp_path) in ([], [tmp_path / "run" / "config.json"])


def test_bad_data(root, tmp_path):
    for book in root.glob("*.xlsx"):
        book.unlink()
    done = command(
        "--config=configs/casme2.py",
        f"--workdir={tmp_path / 'run'}",
        f"--config.data.manual_dir={root}",
        f"--config.data.data_dir={tmp_path / 'data'}",
    )
    assert (done.returncode, done.stdout) == (3, "")
    one_paragraph(done.stderr, f"error: {root}: no annotation; put CASME2-coding-20190701")
    assert files(tmp_path / "data") == []


# --- the corpus


def test_no_manual_dir_says_what_to_put_there(config, root, refused):
    config.data.manual_dir = ""
    refused(2, "give manual_dir, the folder that holds the corpus", "signed agreement")
    assert files(root.parent / "data") == []


def test_a_workbook_without_a_column(root, refused):
    corpus.write_workbook(root, corpus.rows(2, 3), without="OnsetFrame")
    refused(
        3,
        "CASME2-coding-20190701.xlsx, sheet Sheet1: row 1 names the columns, but not OnsetFrame",
    )
    assert files(root.parent / "data") == []


def test_a_frame_that_is_missing(root, refused):
    (root / FIRST / "reg_img11.jpg").unlink()
    refused(3, f"{FIRST}: frames missing between onset 8 and offset 15: 11; copy it again")
    assert files(root.parent / "data") == []


@pytest.mark.parametrize("damage", [b"", b"no picture"])
def test_a_first_frame_that_is_no_image(root, refused, damage):
    (root / FIRST / "reg_img8.jpg").write_bytes(damage)
    refused(3, f"not a readable image: {root / FIRST / 'reg_img8.jpg'}; copy it again")
    assert files(root.parent / "data") == []


def test_a_middle_frame_damaged_behind_its_header(root, refused):
    frame = root / FIRST / "reg_img11.jpg"
    frame.write_bytes(frame.read_bytes()[:-30])
    refused(
        3,
        "clip casme2/01/EP01_01f, frame 11: the image is damaged; copy it into the corpus again",
        f"delete {root.parent / 'data/casme2/cropped/1.1.0'}, and run again",
    )
    assert files(root.parent / "data" / "packed") == []


def test_the_remedy_for_a_damaged_frame_is_one(config, root, refused):
    frame = root / FIRST / "reg_img11.jpg"
    sound = frame.read_bytes()
    frame.write_bytes(sound[:-30])
    refused(3, "frame 11")
    frame.write_bytes(sound)
    shutil.rmtree(root.parent / "data/casme2/cropped/1.1.0")
    packed, table = experiment.load_clips(config, selection.get(config.data.protocol))
    assert len(table) == 6 and len(packed.frames) == 6 * 8


def test_an_action_unit_that_is_none(root, refused):
    corpus.write_workbook(root, corpus.change(corpus.rows(2, 3), 4, aus="4+Q7"))
    refused(3, "CASME2-coding-20190701.xlsx, sheet Sheet1, row 6: action units '4+Q7': token 'q7'")
    assert files(root.parent / "data") == []


def test_an_apex_outside_its_interval_is_no_fault(config, root):
    corpus.write_workbook(root, corpus.change(corpus.rows(2, 3), 0, apex=99))
    _, table = experiment.load_clips(config, selection.get(config.data.protocol))
    assert table.loc[table["clip"] == "EP01_01f", "apex_used"].tolist() == [11]
    record = datasets.prepare("casme2", "", config.data.data_dir).as_data_source("train")[0]
    assert (record["apex"], record["apex_used"], record["apex_valid"]) == (99, 11, False)


# --- the run


def test_a_protocol_of_one_subject_has_an_empty_fold(root, refused):
    corpus.write_workbook(root, corpus.rows(1, 3))
    refused(3, "3 clips of 1 subject(s) (01) leave an empty fold", "at least 2 are needed")


def test_a_protocol_of_another_corpus(config, refused):
    config.data.protocol = "synthetic/3"
    refused(
        2,
        "--config.data.protocol=synthetic/3 takes clips of synthetic_me",
        "--config.data.dataset=casme2",
        left=(),
    )


def test_a_workdir_below_a_file(root, refused):
    (root.parent / "file").write_text("")
    workdir = root.parent / "file" / "run"
    refused(2, f"--workdir={workdir} cannot be used", workdir=workdir, left=())
    assert not (root.parent / "data").exists()


def test_a_data_dir_below_a_file(config, root, refused):
    (root.parent / "file").write_text("")
    config.data.data_dir = str(root.parent / "file" / "data")
    refused(2, f"data_dir={config.data.data_dir} cannot be made: Not a directory")


def test_after_a_refusal_the_same_workdir_takes_the_mended_config(config, root, refused):
    config.data.protocol = "casme2/11"
    refused(2, "data.protocol=casme2/11: no such protocol; known are merclip/casme2/3", left=())
    (root / FIRST / "reg_img11.jpg").unlink()
    for known in ("merclip/casme2/3", "merclip/casme2/5"):
        config.data.protocol = known
        refused(3, "frames missing between onset 8 and offset 15: 11")
        kept = json.loads((root.parent / "run" / "config.json").read_text())
        assert kept["data"]["protocol"] == known
    config.data.placement = "moon"
    refused(2, "data.placement='moon'")
