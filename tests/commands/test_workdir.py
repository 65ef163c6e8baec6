import errno
import json
import subprocess
import sys
import threading

import pandas as pd
import pytest

from merclip_jax import manifest, workdir
from merclip_jax.configs import base
from merclip_jax.errors import ConfigError


def test_a_table_comes_back_as_it_was(tmp_path):
    table = pd.DataFrame({"subject": ["01", "1"], "clip": ["NA", ""], "x": [0.1 + 0.2, 1e-17]})
    workdir.write_table(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(workdir.read_table(tmp_path / "t.csv"), table, check_dtype=False)


def test_writing_leaves_no_partial_file(tmp_path):
    workdir.write(tmp_path / "a.txt", "x")
    workdir.write(tmp_path / "a.txt", "y")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "y")]


def test_another_config_is_refused_and_named(tmp_path):
    config = base.get_config()
    workdir.open_run(tmp_path, config)
    (tmp_path / "folds").mkdir()
    config.recipe.epochs = 7
    with pytest.raises(ConfigError, match=r"recipe\.epochs: 55 there, 7 now"):
        workdir.open_run(tmp_path, config)


def test_a_run_that_never_trained_leaves_the_workdir_free(tmp_path):
    config = base.get_config()
    workdir.open_run(tmp_path, config)
    config.recipe.epochs = 7
    workdir.open_run(tmp_path, config)
    assert json.loads((tmp_path / "config.json").read_text())["recipe"]["epochs"] == 7


def test_where_a_run_computes_may_change(tmp_path):
    config = base.get_config()
    workdir.open_run(tmp_path, config)
    (tmp_path / "folds").mkdir()
    config.folds.parallel = 4
    config.data.placement = "host"
    workdir.open_run(tmp_path, config)


def test_a_workdir_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        workdir.open_run(tmp_path / "file" / "run", base.get_config())


def test_a_file_that_cannot_be_written_is_named_and_the_old_one_stays(tmp_path, monkeypatch):
    workdir.write(tmp_path / "a.txt", "old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(workdir.os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*a\.txt"):
        workdir.write(tmp_path / "a.txt", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


HOLDING = (
    "import sys\n"
    "from pathlib import Path\n"
    "from merclip_jax import workdir\n"
    "with workdir.held(Path(sys.argv[1])):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def holder(tmp_path):
    """Another process that trains in the folder, until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_training_in_a_workdir_is_told_who_is_there(tmp_path, holder):
    said = rf"--workdir={tmp_path} is in use by process {holder.pid} on \S+, since 20.*stop it"
    with pytest.raises(ConfigError, match=said), workdir.held(tmp_path):
        pass
    holder.communicate("")
    with workdir.held(tmp_path):
        assert (tmp_path / ".lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_training_leaves_its_workdir_free_and_its_partial_files_go(tmp_path, holder):
    for place in (tmp_path / "strips", tmp_path / "folds" / "s01"):
        place.mkdir(parents=True)
        (place / ".a.csv.123.partial").write_text("half")
    holder.kill()
    holder.wait()
    with workdir.held(tmp_path):
        assert list((tmp_path / "strips").iterdir()) == []
        # A fold's go when its own lock is held: other workers may be writing there.
        assert len(list((tmp_path / "folds" / "s01").iterdir())) == 1


def test_who_waits_says_for_whom(tmp_path, holder, capsys):
    threading.Timer(0.5, holder.communicate, [""]).start()
    with workdir.alone(tmp_path / ".lock", "the folder", wait=True):
        said = capsys.readouterr().err
    assert said.startswith(f"note: the folder is in use by process {holder.pid} on ")


def test_a_manifest_says_what_changed_and_whether_it_is_whole(tmp_path):
    files = [tmp_path / "a.csv", tmp_path / "below" / "b.csv"]
    files[1].parent.mkdir()
    for file in files:
        file.write_text(file.name)
    path = tmp_path / "manifest.json"
    assert manifest.read(path) is None
    manifest.write(path, files, {"pixels": "00"})
    assert manifest.read(path).identity == {"pixels": "00"}
    assert manifest.faults(path) == {}
    files[0].write_text("A.csv")
    files[1].unlink()
    said = manifest.faults(path)
    assert said[files[0]].endswith("a.csv changed since it was written")
    assert said[files[1]].endswith("b.csv is missing")
    path.write_text(path.read_text().replace('"00"', '"01"'))
    assert manifest.faults(path) == {path: f"{path} changed since it was written"}
