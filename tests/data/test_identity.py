from pathlib import Path

import pandas as pd
import pytest

from merclip_jax.data import identity

CLIPS = pd.DataFrame(
    {
        "clip_id": ["a/01/x", "a/02/y"],
        "dataset": "a",
        "subject": ["01", "02"],
        "clip": ["x", "y"],
        "split": "",
        "emotion": ["fear", "anger"],
        "class": ["negative", "negative"],
        "label": [0, 0],
        "aus": ["4", ""],
        "n_frames": [8, 9],
        "apex": [3, 4],
        "pixels": ["00ff", "12"],
        "fold": ["01", "02"],
    }
)


def of(clips=CLIPS, settings=None, init_from=""):
    return identity.of(clips, settings or {"recipe.epochs": 2}, init_from)


@pytest.mark.parametrize(
    ("column", "value", "part"),
    [
        ("clip", "z", "clips"),
        ("fold", "03", "clips"),
        ("subject", "03", "subjects"),
        ("emotion", "joy", "labels"),
        ("label", 1, "labels"),
        ("aus", "4+7", "action units"),
        ("pixels", "13", "pixels"),
        ("apex", 5, "pixels"),
    ],
)
def test_a_change_is_in_the_part_that_it_belongs_to(column, value, part):
    changed = CLIPS.assign(**{column: [CLIPS[column][0], value]})
    assert identity.differing(of(), of(changed)) == [part]
    error = str(identity.mismatch(Path("run/folds/01"), [part], CLIPS, changed))
    assert f"run/folds/01 was computed with other {part} than there are now (a/02/y: " in error
    assert f"{column} {str(CLIPS[column][1])!r} then, {str(value)!r} now" in error


def test_clips_that_came_and_went_are_named():
    other = CLIPS.iloc[:1]
    assert identity.differing(of(), of(other)) == list(identity.PARTS)
    assert "(a/02/y is gone)" in str(identity.mismatch(Path("f"), ["clips"], CLIPS, other))
    assert "(a/02/y is new)" in str(identity.mismatch(Path("f"), ["clips"], other, CLIPS))


def test_settings_and_weights_are_parts_and_a_card_is_not(tmp_path):
    assert identity.differing(of(), of(settings={"recipe.epochs": 3})) == ["settings"]
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("model.safetensors", "README.md"):
        (folder / name).write_text("one")
    before = of(init_from=str(folder))
    (folder / "README.md").write_text("two")
    assert of(init_from=str(folder)) == before
    (folder / "model.safetensors").write_text("two")
    assert identity.differing(of(init_from=str(folder)), before) == ["weights"]
