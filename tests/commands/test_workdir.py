import json

import pandas as pd
import pytest

from merclip_jax import workdir
from merclip_jax.configs import synthetic
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
    config = synthetic.get_config()
    workdir.open_run(tmp_path, config)
    (tmp_path / "folds").mkdir()
    config.recipe.epochs = 7
    with pytest.raises(ConfigError, match=r"recipe\.epochs: 55 there, 7 now"):
        workdir.open_run(tmp_path, config)


def test_a_run_that_never_trained_leaves_the_workdir_free(tmp_path):
    config = synthetic.get_config()
    workdir.open_run(tmp_path, config)
    config.recipe.epochs = 7
    workdir.open_run(tmp_path, config)
    assert json.loads((tmp_path / "config.json").read_text())["recipe"]["epochs"] == 7


def test_where_a_run_computes_may_change(tmp_path):
    config = synthetic.get_config()
    workdir.open_run(tmp_path, config)
    (tmp_path / "folds").mkdir()
    config.folds.parallel = 4
    config.data.placement = "host"
    workdir.open_run(tmp_path, config)


def test_a_workdir_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        workdir.open_run(tmp_path / "file" / "run", synthetic.get_config())
