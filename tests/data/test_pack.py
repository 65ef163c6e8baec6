import hashlib
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import jax
import numpy as np
import pytest
from corpora import casme2

from merclip_jax.data import datasets
from merclip_jax.data import pack as clips
from merclip_jax.errors import DataError
from merclip_jax.faces import crops, face

GOLDEN = np.load(Path(__file__).parents[1] / "goldens" / "small" / "resize_crop.npz")


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    """Fifteen drawn clips whose onset or offset is not the first or the last stored frame."""
    return datasets.prepare("synthetic_me", "", tmp_path_factory.mktemp("tiny"), "tiny")


@pytest.fixture(scope="module")
def packed(builder, tmp_path_factory):
    return clips.load([builder], 32, tmp_path_factory.mktemp("packs"), "host")


@pytest.mark.parametrize("size", ["20x20", "37x50", "50x37", "61x48"])
def test_resizing_and_cropping_are_the_releases(size):
    # One OpenCV routine on both sides, whole numbers out: nothing may differ.
    image = GOLDEN[f"resize_in_{size}"]
    np.testing.assert_array_equal(crops.resize_and_crop(image, 32), GOLDEN[f"crop_out_{size}"])


def test_only_the_frames_from_onset_to_offset_are_packed(builder, packed):
    cut = 0
    for record, row in zip(builder.as_data_source("train"), packed.table.itertuples(), strict=True):
        inside = [
            crops.resize_and_crop(frame, 32)
            for number, frame in zip(record["frame_numbers"], record["frames"], strict=True)
            if record["onset_used"] <= number <= record["offset_used"]
        ]
        cut += len(record["frames"]) - len(inside)
        assert row.n_frames == len(inside) == row.offset_used - row.onset_used + 1
        np.testing.assert_array_equal(
            packed.frames[row.start : row.start + row.n_frames], np.stack(inside)
        )
    assert cut > 0


def test_the_table_says_what_the_record_says(builder, packed):
    record, row = builder.as_data_source("train")[0], packed.table.iloc[0]
    for name in clips.TEXT_COLUMNS:
        assert row[name] == record[name].decode()
    for name in clips.NUMBER_COLUMNS:
        assert row[name] == record[name]
    starts, lengths = clips.first_rows(packed.table)
    np.testing.assert_array_equal(starts, np.cumsum([0, *lengths[:-1]]))
    assert len(packed.frames) == lengths.sum()


def test_the_apex_is_a_row_of_its_clip(builder, packed):
    for record, row in zip(builder.as_data_source("train"), packed.table.itertuples(), strict=True):
        numbers = [n for n in record["frame_numbers"] if row.onset_used <= n <= row.offset_used]
        assert numbers[row.apex] == row.apex_used
    np.testing.assert_array_equal(clips.apexes(packed.table), packed.table["apex"])
    assert clips.without_apex(packed.table) == []
    lacking = packed.table.assign(apex_annotated=[0, 0, *packed.table["apex_annotated"][2:]])
    (notice,) = clips.without_apex(lacking)
    assert notice.startswith(f"data.temporal='apex': 2 of {len(lacking)} clips have no annotated")


@pytest.mark.parametrize("placement", ["device", "memmap", "auto"])
def test_wherever_they_lie_the_frames_are_equal(builder, packed, tmp_path, placement):
    placed = clips.load([builder], 32, tmp_path, placement)
    stored = placed.stored.frames
    assert placed.on_device == isinstance(stored, jax.Array) == (placement == "device")
    np.testing.assert_array_equal(np.asarray(stored), packed.frames)


def packs(data_dir):
    return sorted(path.name for path in (data_dir / "packed").iterdir())


def test_a_pack_is_used_again(builder, tmp_path):
    clips.load([builder], 32, tmp_path, "memmap")
    (pack,) = (tmp_path / "packed").iterdir()
    before = (pack / "frames.bin").stat().st_mtime_ns
    clips.load([builder], 32, tmp_path, "memmap")
    assert (pack / "frames.bin").stat().st_mtime_ns == before
    assert sorted(path.name for path in pack.iterdir()) == [
        "clips.csv",
        "frames.bin",
        "manifest.json",
    ]


def test_another_size_is_another_pack(builder, tmp_path):
    for size in (32, 16):
        assert clips.load([builder], size, tmp_path, "memmap").frames.shape[1:] == (size, size, 3)
    assert len(packs(tmp_path)) == 2


def test_a_changed_record_is_another_pack_and_the_same_records_are_not(tmp_path):
    table = casme2.make_casme2(tmp_path / "CASME2", subjects=1, clips_per_subject=2)
    for build in ("first", "same", "changed"):
        if build == "changed":
            casme2.write_workbook(tmp_path / "CASME2", casme2.change(table, 0, aus="6+12"))
        builder = datasets.prepare("casme2", tmp_path / "CASME2", tmp_path / build)
        clips.load([builder], 32, tmp_path, "memmap")
        assert len(packs(tmp_path)) == (2 if build == "changed" else 1)


def test_a_packing_that_is_killed_leaves_nothing_that_looks_complete(builder, packed, tmp_path):
    dying = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from merclip_jax.data import datasets, pack\n"
        "def kill(path, table):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "pack.workdir.write_table = kill\n"
        "builder = datasets.prepare('synthetic_me', '', sys.argv[1], 'tiny')\n"
        "pack.load([builder], 32, Path(sys.argv[2]), 'memmap')\n"
    )
    data_dir = Path(builder.data_dir).parents[2]
    command = [sys.executable, "-c", dying, str(data_dir), str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (half,) = (tmp_path / "packed").iterdir()
    assert not (half / "clips.csv").exists()
    whole = clips.load([builder], 32, tmp_path, "host")
    np.testing.assert_array_equal(whole.frames, packed.frames)
    assert packs(tmp_path) == [half.name.removesuffix(".partial")]


def test_the_owners_crop_is_the_pack_that_it_was_and_each_other_way_one_of_its_own(
    builder, packed, tmp_path
):
    for crop in ("owner", "none"):
        clips.load([builder], 32, tmp_path, "memmap", crop)
    sha = hashlib.sha256(f"{clips.PACK_VERSION} 32".encode())
    for path in sorted(Path(builder.data_dir).glob("*.array_record*")):
        sha.update(hashlib.sha256(path.read_bytes()).digest())
    as_ever = f"synthetic_me-32-{sha.hexdigest()[:16]}"
    there = packs(tmp_path)
    assert len(there) == 2 and as_ever in there
    frames = np.fromfile(tmp_path / "packed" / as_ever / "frames.bin", np.uint8)
    np.testing.assert_array_equal(frames, packed.frames.ravel())
    assert not set(crops.MEASURED) & set(packed.table)


def test_drawn_faces_are_aligned_in_the_pack_and_measured(builder, packed, tmp_path):
    aligned = clips.load([builder], 32, tmp_path, "memmap", "aligned")
    assert aligned.frames.shape == packed.frames.shape
    for clip in aligned.table.iloc[[0, -1]].itertuples():
        record = builder.as_data_source("train")[clip.Index]
        inside = [
            frame
            for number, frame in zip(record["frame_numbers"], record["frames"], strict=True)
            if clip.onset_used <= number <= clip.offset_used
        ]
        frames, measured = crops.align(inside, 32)
        rows = aligned.frames[clip.start : clip.start + clip.n_frames]
        np.testing.assert_array_equal(rows, np.stack(frames))
        assert measured == {name: getattr(clip, name) for name in crops.MEASURED}


def blind(monkeypatch, packed, lost):
    """Let no face be found in the clips `lost` (row numbers); in others each at the same place."""
    mesh = np.random.default_rng(0).uniform(2, 30, (face.MESH_POINTS, 3))
    hidden = [packed.frames[start] for start in packed.table["start"].iloc[lost]]
    honest, of_thread = crops.align, threading.local()  # clips are cut side by side

    def align(frames, size):
        first = crops.resize_and_crop(frames[0], size)
        of_thread.found = None if any((first == one).all() for one in hidden) else mesh
        return honest(frames, size)

    monkeypatch.setattr(face, "landmarks", lambda frame: of_thread.found)
    monkeypatch.setattr(crops, "align", align)


def test_clips_without_a_face_are_packed_and_all_are_named_every_time(
    builder, packed, monkeypatch, tmp_path
):
    blind(monkeypatch, packed, [2, 7])
    lost = packed.table["clip_id"][[2, 7]].tolist()
    said = rf"2 of 15 clips are not aligned.*: {lost[0]}, {lost[1]}\. .*data\.crop=owner"
    for _ in ("packed", "opened"):
        table = clips.load([builder], 32, tmp_path, "memmap", "aligned").table
        (notice,) = clips.faceless(table)
        assert re.search(said, notice)
    assert table["faces"].tolist() == [float(i not in (2, 7)) for i in range(15)]
    assert np.flatnonzero(table["roll"].isna()).tolist() == [2, 7]
    assert np.flatnonzero(table["head_motion"].isna()).tolist() == [2, 7]
    assert table["roll"].dtype == table["head_motion"].dtype == np.float64
    assert clips.faceless(table.drop(index=[2, 7])) == []


def test_a_corpus_without_any_face_cannot_be_aligned(builder, packed, monkeypatch, tmp_path):
    blind(monkeypatch, packed, range(15))
    with pytest.raises(DataError, match=r"no face was found in any of the 15 clips.*crop=owner"):
        clips.faceless(clips.load([builder], 32, tmp_path, "memmap", "aligned").table)


def test_a_packing_that_fails_leaves_nothing(builder, monkeypatch, tmp_path):
    def full(path, table):
        raise OSError("disk full")

    monkeypatch.setattr(clips.workdir, "write_table", full)
    with pytest.raises(OSError, match="disk full"):
        clips.load([builder], 32, tmp_path, "memmap")
    assert packs(tmp_path) == []


@pytest.mark.parametrize("name", ["frames.bin", "clips.csv", "manifest.json", "motion.bin"])
def test_a_damaged_pack_is_packed_anew_and_said(builder, packed, tmp_path, capsys, name):
    clips.load([builder], 32, tmp_path, "memmap", kind="rgb+motion")
    (file,) = (tmp_path / "packed").glob(f"*/{name.replace('motion', 'motion-*')}")
    whole = file.read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 3] ^= 4
    file.write_bytes(damaged)
    capsys.readouterr()
    again = clips.load([builder], 32, tmp_path, "memmap", kind="rgb+motion")
    assert re.search(f"note: .*{file.name}.*it is made anew", capsys.readouterr().err)
    assert file.read_bytes() == whole
    np.testing.assert_array_equal(again.frames, packed.frames)
    clips.load([builder], 32, tmp_path, "memmap", kind="rgb+motion")
    assert capsys.readouterr().err == ""


def test_the_second_of_two_packings_waits_and_uses_what_the_first_made(builder, packed, tmp_path):
    command = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from merclip_jax.data import datasets, pack\n"
        "builder = datasets.prepare('synthetic_me', '', sys.argv[1], 'tiny')\n"
        "honest = pack.workdir.write_table\n"
        "pack.workdir.write_table = lambda *given: (time.sleep(3), honest(*given))\n"
        "pack.load([builder], 32, Path(sys.argv[2]), 'memmap')\n"
    )
    data_dir = Path(builder.data_dir).parents[2]
    both = [
        subprocess.Popen(
            [sys.executable, "-c", command, str(data_dir), str(tmp_path)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    (name,) = packs(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]
    np.testing.assert_array_equal(clips.load([builder], 32, tmp_path, "host").frames, packed.frames)
