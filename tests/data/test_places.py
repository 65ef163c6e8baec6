import pytest
from corpora import casme2

from merclip_jax.data import datasets, places
from merclip_jax.errors import ConfigError

NAMES = ("casme2", "samm")


@pytest.mark.parametrize(
    ("given", "names", "meant"),
    [
        ("/a/CASME2", ["casme2"], {"casme2": "/a/CASME2"}),
        ("", ["casme2"], {"casme2": ""}),
        ("/all", NAMES, {"casme2": "/all/casme2", "samm": "/all/samm"}),
        ("casme2=/a", NAMES, {"casme2": "/a", "samm": ""}),
        ("casme2=/a/x [v=2],y,samm=/b", NAMES, {"casme2": "/a/x [v=2],y", "samm": "/b"}),
        ("casme2=/a", ["casme2"], {"casme2": "/a"}),
    ],
)
def test_one_folder_for_all_or_one_each(given, names, meant):
    assert places.manual_dirs(given, names) == meant


def test_the_name_of_a_folder_may_hold_an_equals_sign(tmp_path):
    folder = tmp_path / "CASME II [v=2]"
    folder.mkdir()
    assert places.manual_dirs(str(folder), ["casme2"]) == {"casme2": str(folder)}
    with pytest.raises(ConfigError, match="is none of casme2, and there is no such folder"):
        places.manual_dirs(f"{folder}x", ["casme2"])
    with pytest.raises(ConfigError, match="builder_config=smic=raw: smic is none of casme2"):
        places.variants("smic=raw", ["casme2"])


def test_all_commands_take_it_alike(tmp_path):
    root = tmp_path / "CASME II [v=2]"
    table = casme2.make_casme2(root, subjects=2, clips_per_subject=1)
    for given in (str(root), f"casme2={root}"):
        assert len(datasets.corpus("casme2", given).sheet().clips) == len(table)
        assert len(datasets.annotations("casme2", given, tmp_path / "data")) == len(table)
        builder = datasets.prepare("casme2", given, tmp_path / "data")
        assert builder.info.splits["train"].num_examples == len(table)
        (builder,) = datasets.prepare_all("casme2", given, tmp_path / "data")
