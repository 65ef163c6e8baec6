"""Where a run of Micro-AU CLIP looked: what its folds leave, however they are computed."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from merclip_jax import experiment, train
from merclip_jax.data import augment, pack
from merclip_jax.facs import labels as au_labels
from merclip_jax.micro_au.model import MicroAu
from merclip_jax.protocols import selection
from merclip_jax.reports import results
from merclip_jax.scoring import attention

UNITS = ("1", "2", "4", "12", "14")


@pytest.fixture
def au_config(tiny_config):
    """Five folds; epochs are chosen on inner subjects; three clips are told in two batches."""
    with tiny_config.unlocked():
        tiny_config.model.system = "micro_au"
        tiny_config.au.units = tuple(map(int, UNITS))
        tiny_config.augment.face_mix = 0.0
        tiny_config.eval.selection = "inner"
        tiny_config.eval.batch_size = 2
        tiny_config.checkpoint.export = True
    return tiny_config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return tmp_path_factory.mktemp("finished") / "run"


@pytest.fixture
def alone(finished, au_config):
    """A run of one fold after another, made by the first test that asks."""
    if not (finished / "report.json").exists():
        train.run(au_config, finished)
    return finished


def files(directory: Path) -> dict[str, attention.Attention]:
    return {
        path.parent.name: attention.read(path, UNITS)
        for path in sorted(directory.glob("folds/*/attention-seed0.npz"))
    }


def by_hand(config, directory: Path, fold: str) -> attention.Attention:
    """The saved model of a fold, asked again about each of its clips."""
    model = MicroAu.from_pretrained(directory / "folds" / fold / "model-seed0")
    packed, table = experiment.load_clips(config, selection.get(config.data.protocol))
    told = results.read(directory).clips
    tested = table[table["clip_id"].isin(told["clip_id"][told["fold"] == fold])]
    starts, lengths = pack.first_rows(tested)
    chosen = augment.sample_frames(
        jax.random.key(0), jnp.asarray(lengths), config.data.frames, False, config.data.temporal
    )
    rows = starts[:, None] + np.asarray(chosen)
    out = model(augment.normalize(jnp.asarray(packed.frames)[rows]))
    shown = (au_labels.matrix(tested["action_units"], UNITS) == 1).astype(float)
    return attention.Attention(
        np.einsum("ckfn,ck->kn", out.region_weights, shown),
        np.einsum("ckj,ck->kj", out.unit_weights, shown),
        shown.sum(0),
    )


def same(found: attention.Attention, expected: attention.Attention, tolerance: float) -> None:
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, atol=tolerance)


def test_each_fold_tells_of_its_held_out_clips(alone):
    run, found = results.read(alone), files(alone)
    assert list(found) == sorted(run.clips["fold"].unique())
    for name, sums in found.items():
        own = (run.clips["fold"] == name).to_numpy()
        np.testing.assert_array_equal(sums.clips, (run.headline.au_labels[own] == 1).sum(0))
        np.testing.assert_allclose(sums.regions.sum(-1), sums.clips, atol=1e-5)
        np.testing.assert_allclose(sums.units.sum(-1), sums.clips, atol=1e-5)


def test_it_is_that_of_the_model_that_was_chosen(alone, au_config):
    fold, found = next(iter(files(alone).items()))
    assert found.clips.any()
    same(found, by_hand(au_config, alone, fold), 1e-4)


def test_it_is_that_of_the_last_epoch_where_that_predicts(au_config, tmp_path):
    au_config.eval.selection = "last"
    au_config.folds.scheme = "hold_out"
    train.run(au_config, tmp_path)
    same(files(tmp_path)["hold_out"], by_hand(au_config, tmp_path, "hold_out"), 1e-4)
    fold = tmp_path / "folds" / "hold_out"
    left = attention.file(fold, 0).read_bytes()
    for path in (attention.file(fold, 0), fold / "predictions-seed0.csv"):
        path.unlink()  # as if the run had been killed while it closed
    train.run(au_config, tmp_path)
    assert attention.file(fold, 0).read_bytes() == left


def test_folds_and_devices_together_change_nothing(alone, au_config, tmp_path):
    au_config.folds.parallel, au_config.parallel.devices = 2, 4
    train.run(au_config, tmp_path / "together")
    expected, found = files(alone), files(tmp_path / "together")
    assert found.keys() == expected.keys()
    for fold, sums in found.items():
        same(sums, expected[fold], 1e-3)
