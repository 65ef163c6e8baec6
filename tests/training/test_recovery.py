"""Whatever is damaged in a workdir, the run goes on to the report of one that was left alone."""

import json
import shutil

import pytest

from merclip_jax import experiment, train, workdir
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.facs import notation
from merclip_jax.reports import results


@pytest.fixture
def copy(whole_run, tmp_path):
    return shutil.copytree(whole_run, tmp_path / "copy")


def unfinish(run, fold="s04"):
    """As a kill in a fold, behind its last checkpoint, leaves a run."""
    for name in (f"folds/{fold}/predictions-seed0.csv", f"folds/{fold}/manifest-seed0.json"):
        (run / name).unlink()
    for name in ("predictions.csv", "history.csv", "run.json", "manifest.json", "report.json"):
        (run / name).unlink()


def same(run, whole):
    """The tables and the report are those of the run that was left alone, but for what happened."""
    for name in ("predictions.csv", "clips.csv"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    reports = [json.loads((place / "report.json").read_text()) for place in (run, whole)]
    told = dict.fromkeys(("timing", "made", "notices"))
    assert reports[0] | told == reports[1] | told
    results.read(run)


def notices(run):
    return json.loads((run / "run.json").read_text())["notices"]


def largest(folder):
    return max(folder.glob("state/**/d/*"), key=lambda path: path.stat().st_size)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damaged", [("4",), ("2", "4")])
def test_damaged_checkpoints_are_set_aside_and_the_fold_is_trained_to_the_end(
    copy, whole_run, tiny_config, damaged
):
    unfinish(copy)
    saved = copy / "folds/s04/checkpoints/seed0"
    for step in damaged:
        flip(largest(saved / step))
    train.run(tiny_config, copy)
    same(copy, whole_run)
    said = [notice for notice in notices(copy) if "set aside" in notice]
    assert len(said) == len(damaged) and "Fold s04: checkpoint 4 cannot be read" in said[0]
    assert sorted(path.name for path in saved.iterdir()) == ["2", "4"]
    train.run(tiny_config, copy)  # and nothing is in the way of the next start


def test_an_empty_folder_in_place_of_a_checkpoint(copy, whole_run, tiny_config):
    unfinish(copy)
    step = copy / "folds/s04/checkpoints/seed0/4"
    shutil.rmtree(step)
    step.mkdir()
    train.run(tiny_config, copy)
    same(copy, whole_run)


def cut(path):
    path.write_bytes(path.read_bytes()[:-150])


def header_only(path):
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


@pytest.mark.parametrize("damage", [cut, empty, header_only, flip])
@pytest.mark.parametrize("name", ["predictions-seed0.csv", "history-seed0.csv"])
def test_a_damaged_table_of_a_fold_is_made_again(copy, whole_run, tiny_config, damage, name):
    damage(copy / "folds/s01" / name)
    train.run(tiny_config, copy)
    same(copy, whole_run)
    (said,) = (notice for notice in notices(copy) if name in notice)
    assert said.endswith(f"s01/{name} changed since it was written; the fold is trained again.")


def test_a_damaged_mark_of_a_fold_is_made_again(copy, whole_run, tiny_config):
    empty(copy / "folds/s01/manifest-seed0.json")
    train.run(tiny_config, copy)
    same(copy, whole_run)


@pytest.mark.parametrize("name", results.FILES)
def test_a_changed_file_of_a_run_is_noticed_and_written_anew(copy, whole_run, tiny_config, name):
    flip(copy / name)
    with pytest.raises(DataError, match=f"not as the run left them(.|\n)*{name} changed since"):
        results.read(copy)
    train.run(tiny_config, copy)
    same(copy, whole_run)


@pytest.mark.parametrize(
    ("column", "value", "part"),
    [("aus", "9", "action units"), ("pixels", "00", "pixels"), ("emotion", "fear", "labels")],
)
def test_finished_folds_of_other_data_are_refused_and_the_clip_is_named(
    copy, tiny_config, monkeypatch, column, value, part
):
    load = experiment.load_clips

    def changed(*given):
        packed, table = load(*given)
        table = table.copy()
        table.loc[table.index[0], column] = value
        return packed, table.assign(action_units=notation.parse_column(table["aus"]))

    monkeypatch.setattr(experiment, "load_clips", changed)
    clip = workdir.read_table(copy / "clips.csv")["clip_id"][0]
    with pytest.raises(ConfigError, match=f"with other {part} than .*{clip}: {column}"):
        train.run(tiny_config, copy)


def test_finished_folds_of_other_weights_are_refused(copy, tiny_config, nano_model, tmp_path):
    other = shutil.copytree(nano_model, tmp_path / "weights")
    (other / "tokenizer.json").write_text((other / "tokenizer.json").read_text() + "\n")
    config = json.loads((copy / "config.json").read_text())
    config["model"]["init_from"] = str(other)
    (copy / "config.json").write_text(json.dumps(config))
    with tiny_config.unlocked():
        tiny_config.model.init_from = str(other)
    with pytest.raises(ConfigError, match="with other settings, weights than there are now"):
        train.run(tiny_config, copy)


def test_a_lock_that_a_killed_process_left_in_a_finished_fold_goes(copy, whole_run, tiny_config):
    unfinish(copy)
    (copy / "folds/s00" / workdir.LOCK).write_text("process 1 on nowhere, killed\n")
    train.run(tiny_config, copy)
    same(copy, whole_run)
    assert not list(copy.rglob(workdir.LOCK))
