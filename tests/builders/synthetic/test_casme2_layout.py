"""Drawn people in CASME II's layout are what its reader reads."""

import numpy as np

from benchmarks import casme2_layout
from merclip_jax.data import datasets
from merclip_jax.protocols import selection
from merclip_jax.tfds_builders.synthetic_me import clips
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus


def test_its_reader_finds_the_clips_as_they_were_drawn(tmp_path):
    corpus = Corpus.tiny(subjects=2, first_subject=700_000, size=64)
    casme2_layout.write(corpus, tmp_path, quality=95)
    casme2_layout.write(corpus, tmp_path, quality=95)  # nothing is left to do
    found = datasets.corpus("casme2", tmp_path).sheet()
    assert not found.faults
    assert [clip.clip_id for clip in found.clips][:2] == [
        "casme2/01/EP01_01f",
        "casme2/01/EP02_01f",
    ]
    source = datasets.prepare("casme2", tmp_path, tmp_path / "data").as_data_source("train")
    stored = next(example for example in source if example["clip_id"] == b"casme2/02/EP03_02f")
    frames, truth = clips.render_clip(corpus, 1, 2)
    times = truth.onset, truth.apex, truth.offset
    assert (stored["onset_used"], stored["apex_used"], stored["offset_used"]) == times
    assert (stored["emotion"].decode(), stored["aus"].decode()) == (truth.emotion, truth.aus)
    shown = dict(zip(stored["frame_numbers"], stored["frames"], strict=True))
    away = np.abs(shown[truth.apex].astype(int) - frames[truth.apex - 1])
    assert away.mean() < 4  # JPEG
    assert selection.get("merclip/casme2/3").classes == selection.get("synthetic/3").classes
