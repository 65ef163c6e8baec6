"""The owner's workbook is read, or several are named; none is chosen by chance."""

import pytest

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.casme2.corpus import Casme2

OWNERS = "CASME2-coding-20190701.xlsx"


def _write(root, *names):
    for name in names:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(name.encode())


@pytest.mark.parametrize(
    "other",
    [
        *("CASME2-coding-20190701_old.xlsx", "Copy of CASME2-coding-20190701.xlsx"),
        *("CASME2-coding-20190701 (1).xlsx", "backup/CASME2-coding-20310701.xlsx"),
        *("a/CASME2-coding-20310701_old.xlsx", "CASME2-coding-20140508.xlsx"),
    ],
)
def test_the_owners_name_goes_before_others_which_are_named(tmp_path, other):
    _write(tmp_path, OWNERS, other)
    assert Casme2(tmp_path).annotation() == tmp_path / OWNERS
    (book,) = Casme2(tmp_path).books()
    assert book.others(tmp_path) == [tmp_path / other]


@pytest.mark.parametrize(
    "names",
    [
        (OWNERS, "CASME2-coding-20310701_mine.xlsx"),
        ("CASME2-coding-mine.xlsx", "CASME2-coding-yours.xlsx"),
        (f"a/{OWNERS}", f"b/{OWNERS}"),
        (OWNERS, OWNERS.replace("xlsx", "xls")),
    ],
)
def test_several_that_could_be_meant_are_named(tmp_path, names):
    _write(tmp_path, *names)
    with pytest.raises(DataError, match="each of these could be the annotation") as caught:
        Casme2(tmp_path).annotation()
    assert all(name in str(caught.value) for name in names)


def test_copies_of_one_content_are_no_doubt(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / OWNERS).write_bytes(b"one")
    assert Casme2(tmp_path).annotation() == tmp_path / "a" / OWNERS


def test_the_workbook_that_is_found_alone_is_read(tmp_path):
    _write(tmp_path, "[modified]CASME2-coding-20190701.xlsx")
    assert Casme2(tmp_path).annotation().name.startswith("[modified]")
