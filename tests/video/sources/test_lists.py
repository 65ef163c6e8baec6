"""Lists of inputs: every line counts, and no name leads out of the output."""

import os

import pytest
from films import film
from hypothesis import given
from hypothesis import strategies as st

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.video.decode import Source
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


# Names.


NAMES = [
    "..",
    ".",
    "...",
    "",
    "a/b",
    "a\\b",
    "/etc",
    "C:x",
    "-rf",
    "~",
    " x ",
    "x.",
    "\x1b[31mred",
    "con|x",
    "é",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_folders_name_leads_nowhere_else(tmp_path, name):
    safe = lists.folder_name(name)
    (tmp_path / "out" / safe).mkdir(parents=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [safe]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert safe.isprintable() and not safe.startswith(".")


@given(st.text(st.characters(), max_size=300))
def test_any_name_can_be_a_folders(name):
    safe = lists.folder_name(name)
    assert safe and len(safe.encode("utf-8", "replace")) < 250
    assert not set(safe) & set('/\\:*?"<>|\0\n') and safe.strip(". ") and safe == safe.rstrip(". ")


def test_no_two_folders_of_a_list_are_one(tmp_path):
    names = ["Clip", "clip", "clip-2", "index.html", "..", ""]
    found = lists._named_apart([Source(name, tmp_path, 25.0, None) for name in names])
    folders = [source.name.casefold() for source in found]
    assert len(set(folders) | set(lists.TAKEN)) == len(folders) + 2
    assert [source.name for source in found][:3] == ["Clip", "clip-2", "clip-2-2"]


def test_a_list_reads_names_that_are_no_text(tmp_path):
    name = "\u4e2d\u6587.mp4".encode("gbk")
    film(tmp_path / "a.mp4", [0, 40]).rename(tmp_path / os.fsdecode(name))
    (tmp_path / "list.txt").write_bytes(name + b"\n")
    (tmp_path / "list.csv").write_bytes(b"path\n" + name + b"\n")
    for listed in ("list.txt", "list.csv"):
        (source,) = lists.sources(str(tmp_path / listed), 0.0)
        assert source.name.isprintable() and source.n_frames == 2


def test_a_clip_may_be_called_na(tmp_path):
    film(tmp_path / "NA.mp4", [0, 40]).rename(tmp_path / "NA")
    (tmp_path / "list.csv").write_text("path\nNA\n")
    (source,) = lists.sources(str(tmp_path / "list.csv"), 0.0)
    assert source.name == "NA"


def test_a_row_without_a_path_is_said(tmp_path):
    film(tmp_path / "a.mp4", [0, 40])
    (tmp_path / "list.csv").write_text("who,path\nA,a.mp4\nB,\n")
    with pytest.raises(DataError, match="line 3: no path"):
        lists.sources(str(tmp_path / "list.csv"), 0.0)


def test_one_file_by_two_paths_is_listed_twice(tmp_path):
    film(tmp_path / "a.mp4", [0, 40])
    (tmp_path / "list.txt").write_text(f"a.mp4\n{tmp_path}/./a.mp4\n")
    with pytest.raises(DataError, match="a.mp4: listed twice"):
        lists.sources(str(tmp_path / "list.txt"), 0.0)
