"""What cannot run is refused by its full flag, before the corpus is looked for."""

import pytest

from merclip_jax import train
from merclip_jax.configs import base, demo, pretrain_synthetic, synthetic_au
from merclip_jax.errors import ConfigError
from merclip_jax.settings import checks

# Each line is given on the command line beside a corpus that is not there.
REFUSED = [
    ("recipe.learning_rate=-1", "--config.recipe.learning_rate=-1"),
    ("recipe.learning_rate=0", "above 0"),
    ("augment.face_mix=7", "--config.augment.face_mix=7"),
    ("augment.face_mix_alpha=-0.1", "--config.augment.face_mix_alpha=-0.1"),
    ("augment.zoom=-0.1", "--config.augment.zoom=-0.1"),
    ("checkpoint.every_epochs=0", "--config.checkpoint.every_epochs=0: give at least 1"),
    ("checkpoint.keep=0", "--config.checkpoint.keep=0"),
    ("parallel.form=xmap", "--config.parallel.form='xmap': give 'jit' | 'pmap'"),
    ("parallel.devices=3000", "--config.parallel.devices=3000: there are"),
    ("parallel.process=2", "--config.parallel.process=2"),
    ("data.placement=tape", "--config.data.placement='tape'"),
    ("data.crop=round", "--config.data.crop='round'"),
    ("data.frames=0", "--config.data.frames=0"),
    ("data.temporal=apex", "--config.data.frames=16: --config.data.temporal=apex shows one"),
    ("data.protocol=merclip/casme2/9", "--config.data.protocol"),
    ("data.protocol=merclip/samm/5", "--config.data.dataset=casme2 lacks samm"),
    ("data.dataset=casme9", "casme9"),
    ("data.builder_config=sideways", "sideways"),
    ("text.style=poem", "--config.text.style='poem'"),
    ("text.content=noise", "--config.text.content='noise'"),
    ("recipe.warmup_epochs=60", "--config.recipe.warmup_epochs=60: must be less than"),
    ("recipe.warmup_epochs=-1", "--config.recipe.warmup_epochs=-1"),
    ("recipe.batch_size=0", "--config.recipe.batch_size=0"),
    ("recipe.focal_gamma=0.5", "--config.recipe.focal_gamma=0.5"),
    ("recipe.alignment_start=3.0", "--config.recipe.alignment_start=3"),
    ("recipe.curriculum=10", "set --config.recipe.balanced=False"),
    ("model.variant=b16", "--config.model.variant='b16'"),
    ("model.init_from=nowhere", "nowhere"),
    ("model.init_head=True", "--config.model.init_head=True"),
    ("model.system=third", "--config.model.system='third': give one of merclip, micro_au"),
    ("model.drop_path=1.0", "--config.model.drop_path=1.0"),
    ("folds.scheme=lodo", "--config.folds.scheme='lodo'"),
    ("folds.scheme=random", "--config.folds.scheme='random'"),
    ("eval.selection=best", "--config.eval.selection='best'"),
    ("au.threshold=inner", "set --config.eval.selection=inner, too"),
    ("seeds=()", "--config.seeds=()"),
    ("seeds=(1,1)", "a seed stands twice"),
]
OF_UNITS = [
    ("au.rules=nowhere.yaml", "nowhere.yaml"),
    ("au.units=(1,99)", "--config.au.units=(1, 99)"),
    ("text.trainable=True", "--config.text.trainable=True"),
    ("au.emotion=text", "--config.au.emotion='text'"),
    ("au.heads=0", "--config.au.heads=0"),
    ("au.eye_height=2.0", "--config.au.eye_height=2"),
]
CASES = [(given, said, "casme2.py") for given, said in REFUSED]
CASES += [(given, said, "corpus_au.py") for given, said in OF_UNITS]


@pytest.mark.parametrize(("given", "said", "file"), CASES, ids=[case[0] for case in CASES])
def test_a_bad_setting_is_refused_before_the_corpus_is_looked_for(
    given, said, file, tmp_path, capsys
):
    command = [f"--config=configs/{file}", f"--workdir={tmp_path / 'run'}"]
    command += [f"--config.data.manual_dir={tmp_path / 'nowhere'}", f"--config.{given}"]
    assert train.main(command) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_a_corpus_that_is_not_there_comes_last(tmp_path, capsys):
    place = tmp_path / "nowhere"
    command = ["--config=casme2", f"--workdir={tmp_path}", f"--config.data.manual_dir={place}"]
    assert train.main(command) == 2
    assert f"--config.data.manual_dir={place}: no such folder" in capsys.readouterr().err


def test_a_batch_that_does_not_divide_over_the_devices(tmp_path, capsys):
    """The suite has eight devices."""
    command = ["--config=demo", f"--workdir={tmp_path}", "--config.recipe.batch_size=12"]
    assert train.main(command) == 2
    assert "--config.recipe.batch_size=12 does not divide over 8 devices" in capsys.readouterr().err


def test_weights_of_another_size_or_head_are_refused(tmp_path, capsys):
    for given, said in (
        ("data.input=rgb", "sees motion: set --config.data.input to that"),
        ("model.head=linear", "--config.model.init_head"),
    ):
        command = ["--config=demo", f"--workdir={tmp_path}", f"--config.{given}"]
        assert train.main(command) == 2
        assert said in capsys.readouterr().err


def test_clips_are_not_mirrored_where_left_is_told_from_right():
    config = synthetic_au.get_config()
    config.augment.flip, config.au.sides = True, "kept"
    with pytest.raises(ConfigError, match=r"--config.augment.flip.*--config.au.sides"):
        checks.check(config)


def test_motion_of_two_people_is_not_mixed_beside_the_frames_of_one():
    config = demo.get_config()
    config.model.init_from, config.model.init_head, config.model.variant = "", False, "tiny"
    config.data.input, config.augment.half_mix = "rgb+motion", 0.5
    with pytest.raises(ConfigError, match=r"--config.augment.half_mix.*--config.data.input"):
        checks.check(config)


@pytest.mark.parametrize("name", ["pmap", "folds"])
def test_pmap_trains_one_fold_in_one_process(name):
    config = demo.get_config()
    config.parallel.form = "pmap"
    if name == "folds":
        config.folds.parallel = 2
    else:
        config.parallel.coordinator = "auto"
    with pytest.raises(ConfigError, match="pmap"):
        checks.check(config)


def test_what_another_field_makes_idle_is_said():
    config = demo.get_config()
    assert checks.check(config) == []
    config.model.patch_size = 8
    config.au.heads = 2
    config.augment.face_mix, config.augment.face_mix_alpha = 0.0, 0.3
    said = checks.check(config)
    assert [word.split(";")[0] for word in said] == [
        "Not used: --config.model.patch_size=8",
        "Not used: --config.au.heads=2",
        "Not used: --config.augment.face_mix_alpha=0.3",
    ]
    frames = pretrain_synthetic.get_config()
    frames.data.input, frames.augment.disturb = "rgb", 0.5
    assert [word.split(";")[0] for word in checks.check(frames)] == [
        "Not used: --config.augment.disturb=0.5"
    ]
    units = synthetic_au.get_config()
    units.model.head = "linear"
    assert checks.check(units) == ["Not used: --config.model.head='linear'; they are MER-CLIP's."]


def test_random_weights_must_be_asked_for():
    with pytest.raises(ConfigError, match="--config.model.variant=tiny"):
        checks.check(base.get_config())
    checks.check(pretrain_synthetic.get_config())
