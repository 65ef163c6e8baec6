"""Lists of inputs: every line counts, and no name leads out of the output."""

import pytest
from films import film

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.video.sources import lists


def test_a_list_gives_its_clips_with_names_apart(tmp_path):
    (tmp_path / "b").mkdir()
    film(tmp_path / "clip.mp4", [0, 40])
    film(tmp_path / "b" / "clip.mp4", [0, 20])
    (tmp_path / "list.txt").write_text("clip.mp4\n\n  b/clip.mp4\n")
    (tmp_path / "list.csv").write_text("who,path\nA,clip.mp4\nB,b/clip.mp4\n")
    for listed in ("list.txt", "list.csv"):
        found = lists.sources(str(tmp_path / listed), 0.0)
        assert [source.name for source in found] == ["clip", "clip-2"]
        assert [source.fps for source in found] == [25, 50]
    (single,) = lists.sources(str(tmp_path / "clip.mp4"), 0.0)
    assert single.name == "clip"


def test_all_faults_of_a_list_are_said_at_once(tmp_path):
    film(tmp_path / "clip.mp4", [0, 40])
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "list.txt").write_text("clip.mp4\ngone.mp4\nempty.mp4\nclip.mp4\n")
    with pytest.raises(DataError, match=r"list\.txt: mend these lines") as error:
        lists.sources(str(tmp_path / "list.txt"), 0.0)
    assert [fault.split(": ")[1][:21] for fault in error.value.faults] == [
        "there is no such file",
        "the file is empty (0 ",
        "listed twice",
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "\n", "a.txt: the list is empty; write one path per line"),
        ("a.csv", "", "a.csv: the list is empty"),
        ("a.csv", "file\nx.mp4\n", "a.csv: no column 'path'"),
    ],
)
def test_lists_that_list_nothing(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message):
        lists.sources(str(tmp_path / name), 0.0)


def test_a_list_that_is_no_text_is_said(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00clip")
    with pytest.raises(DataError, match=r"a\.txt: cannot be read as a list of paths"):
        lists.sources(str(tmp_path / "a.txt"), 0.0)
