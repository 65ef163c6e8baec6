"""The audit of a corpus: counts by hand, every kind of fault once, and the command."""

import hashlib
import json
import re
import shutil
import subprocess
import sys

import pytest
from corpora import casme2, pictures, smic

from merclip_jax.data import audit, datasets
from merclip_jax.errors import DataError
from merclip_jax.reports import audit_page

CLIP = "Cropped/sub01/EP01_01f"  # frames 8 to 23


def rows():
    """Two people with a clip of each of five emotions, sixteen frames each: nothing is wrong."""
    return casme2.rows(subjects=2, length=16)


@pytest.fixture
def root(tmp_path):
    """A CASME II that has no fault."""
    folder = tmp_path / "CASME2"
    folder.mkdir()
    casme2.write_workbook(folder, rows())
    casme2.write_frames(folder, rows())
    return folder


def look(root, dataset="casme2", pixels=False):
    return audit.audit(datasets.corpus(dataset, root), pixels)


def test_counts_by_hand(root):
    found = look(root)
    assert json.loads(json.dumps(found)) == found
    assert (found["dataset"], found["layout"]) == ("casme2", "cropped")
    assert found["annotation_file"] == "CASME2-coding-20190701.xlsx"
    assert (found["n_clips"], found["n_subjects"]) == (10, 2)
    assert found["emotions"] == dict.fromkeys(sorted(casme2.EMOTIONS), 2)
    assert found["objective_classes"] == {"1": 2, "2": 2, "3": 2, "4": 2, "5": 2}
    assert found["subjects"] == {"01": 5, "02": 5}
    assert (found["faults"], found["corrections"]) == ([], [])


def test_action_units_are_counted_once_per_clip_without_sides_in_numerical_order(root):
    """Cells are 12, 4+7, 1+2, L14+L15 and 4+L10, each twice; one becomes L12+R12+2."""
    casme2.write_workbook(root, casme2.change(rows(), 0, aus="L12+R12+2"))
    expected = {"1": 2, "2": 3, "4": 4, "7": 2, "10": 2, "12": 2, "14": 2, "15": 2}
    assert list(look(root)["aus"].items()) == list(expected.items())


def test_what_protocols_take(root):
    found = look(root)["protocols"]
    assert found["merclip/casme2/5"]["counts"] == dict.fromkeys(sorted(casme2.EMOTIONS), 2)
    classes = {"disgust": "negative", "repression": "negative", "happiness": "positive"}
    classes["surprise"] = "surprise"
    lines = sorted(
        f"casme2\t{row.subject}\t{row.clip}\t{classes[row.emotion]}\n"
        for row in rows()
        if row.emotion in classes
    )
    assert found["merclip/casme2/3"] == {
        "n_clips": 8,
        "n_subjects": 2,
        "counts": {"negative": 4, "positive": 2, "surprise": 2},
        "fingerprint": hashlib.sha256("".join(lines).encode()).hexdigest(),
        "published": None,
    }


def test_a_protocol_of_which_nothing_is_there_says_so(root):
    casme2.write_workbook(root, [row for row in rows() if row.emotion == "others"])
    found = look(root)["protocols"]["merclip/casme2/3"]
    assert (found["n_clips"], found["fingerprint"], found["counts"]) == (0, None, {})
    assert "none of the 2 clips" in found["error"]


def test_published_counts_are_compared(root):
    entry = next(entry for entry in look(root)["published"] if "2019" in entry["source"])
    assert entry["differences"][:4] == [
        "n_clips: 10 here, 255 published",
        "n_subjects: 2 here, 26 published",
        "disgust: 2 here, 63 published",
        "fear: 0 here, 2 published",
    ]
    assert "AU 4: 4 here, 125 published" in entry["differences"]
    assert "AU 5: 0 here, 5 published" in entry["differences"]


def test_a_complete_copy_is_known_as_the_published_one(tmp_path):
    smic.make_smic(tmp_path, counts=smic.REAL_COUNTS, length=1, size=(8, 8))
    found = look(tmp_path, "smic")
    high_speed = next(entry for entry in found["published"] if "HS" in entry["source"])
    assert high_speed["differences"] == []
    assert found["protocols"]["megc2019/smic"]["published"] == "megc2019/smic"
    said = audit_page.text(found)
    assert f"{high_speed['source']}: the same" in said
    assert "the published list megc2019/smic" in said


def test_corrections_are_listed_and_can_be_switched_off(root):
    """04/EP12_01f is the clip whose apex is a slash in the owner's workbook."""
    table = casme2.change(rows(), 0, subject="04", clip="EP12_01f", apex="/", onset=270, offset=285)
    casme2.write_workbook(root, table)
    casme2.write_frames(root, table[:1])
    found = look(root)
    (line,) = found["corrections"]
    assert line.keys() == {"key", "column", "old", "new", "reason", "source"}
    assert (line["key"], line["column"], line["old"], line["new"]) == (
        "04/EP12_01f", "apex", "/", "279",
    )  # fmt: skip
    assert found["faults"] == []
    corpus = datasets.corpus("casme2", root, "cropped_as_annotated")
    published = audit.audit(corpus)
    assert published["corrections"] == []
    assert [fault["kind"] for fault in published["faults"]] == ["apex"]


def rewrite(index, **cells):
    """Damage that is in the workbook alone."""
    return lambda root: casme2.write_workbook(root, casme2.change(rows(), index, **cells))


def overwrite(name, keep):
    """Damage to one picture, of which `keep` bytes are left."""

    def damage(root):
        path = root / CLIP / name
        path.write_bytes(path.read_bytes()[:keep])

    return damage


def lengthen(root):
    """The first clip lasts 104 frames at 200 per second."""
    rewrite(0, offset=8 + 103)(root)
    pictures.write(root / CLIP, range(8, 8 + 104), "reg_img{}.jpg")


def copy_pictures(root):
    """The second clip, of frames 9 to 24, gets the pictures of the first."""
    for number in range(8, 24):
        first = root / CLIP / f"reg_img{number}.jpg"
        shutil.copy(first, root / "Cropped/sub01/EP02_01f" / f"reg_img{number + 1}.jpg")


BOOK = "CASME2-coding-20190701.xlsx"
DAMAGE = {
    "missing_folder": (
        lambda root: shutil.rmtree(root / CLIP),
        ("01/EP01_01f", "annotated, but the folder is missing", True),
    ),
    "missing_frames": (
        lambda root: (root / CLIP / "reg_img9.jpg").unlink(),
        ("01/EP01_01f", "frames missing between onset 8 and offset 23: 9;", True),
    ),
    "unreadable": (
        overwrite("reg_img12.jpg", 0),
        ("01/EP01_01f", "reg_img12.jpg; copy it again", True),
    ),
    "duplicate": (
        copy_pictures,
        ("01/EP02_01f", "its pictures are those of 01/EP01_01f", False),
    ),
    "duplicate row": (
        rewrite(1, clip="EP01_01f"),
        (f"{BOOK}, sheet Sheet1, row 3", "casme2/01/EP01_01f has a row already", True),
    ),
    "short": (rewrite(0, offset=22), ("01/EP01_01f", "15 frames; a model of 16", False)),
    "duration": (lengthen, ("01/EP01_01f", "lasts 0.52 s at 200 frames per second", False)),
    "label": (rewrite(3, emotion="Bored"), ("01/EP04_01f", "knows the emotion 'bored'", False)),
    "apex": (rewrite(0, apex=24), ("01/EP01_01f", "apex 24 between onset 8 and offset 23", False)),
    "annotation": (
        rewrite(2, aus="4+Q7"),
        (f"{BOOK}, sheet Sheet1, row 4", "action units '4+Q7': token 'q7'", True),
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_each_kind_of_fault(root, case):
    damage, (key, words, stops) = DAMAGE[case]
    damage(root)
    (fault,) = look(root)["faults"]
    assert fault.keys() == {"key", "kind", "detail", "stops_build"}
    assert (fault["key"], fault["kind"], fault["stops_build"]) == (key, case.split()[0], stops)
    assert words in fault["detail"]


def test_a_folder_without_any_frames_is_one_fault(root):
    shutil.rmtree(root / "Cropped")
    (fault,) = look(root)["faults"]
    assert (fault["key"], fault["kind"], fault["stops_build"]) == ("casme2", "missing_folder", True)


def test_a_workbook_without_rows_is_a_fault(root):
    casme2.write_workbook(root, [])
    found = look(root)
    (fault,) = found["faults"]
    assert (fault["key"], fault["detail"]) == (BOOK, "no row describes a clip")
    assert fault["stops_build"] and found["n_clips"] == 0


def test_without_an_annotation_there_is_nothing_to_report(root):
    (root / BOOK).unlink()
    with pytest.raises(DataError, match="no annotation; put CASME2-coding"):
        look(root)


def test_pixels_are_decoded_and_faces_looked_for_only_if_asked(root):
    """The pictures are no faces; the beginning of a file is there and looks sound."""
    overwrite("reg_img13.jpg", 800)(root)
    assert look(root)["faults"] == []
    faults = {(fault["kind"], fault["key"]): fault for fault in look(root, pixels=True)["faults"]}
    assert ": reg_img13.jpg;" in faults["unreadable", "01/EP01_01f"]["detail"]
    assert faults["unreadable", "01/EP01_01f"]["stops_build"]
    kinds = {kind for kind, _ in faults}
    assert kinds == {"unreadable", "face"}
    assert not any(fault["stops_build"] for (kind, _), fault in faults.items() if kind == "face")


def test_the_terminal_shows_some_of_many_faults_and_those_that_stop_first(root):
    table = [casme2.replace(row, offset=row.onset + 14, apex=99) for row in rows()]
    casme2.write_workbook(root, casme2.change(table, 9, aus="Q1"))
    said = audit_page.text(look(root))
    faults, notes = re.split(r"\nnotes: \d+; they stop no build\n", said)
    assert "; each must be mended before a build\n  annotation (1)\n" in faults
    assert "  apex (9)\n" in notes and "apex (" not in faults
    assert "    and 6 more; --html or --json lists them\n" in said


def test_the_page_lists_faults_as_faults_and_notes_as_notes(root):
    table = [casme2.replace(row, apex=99) for row in rows()]
    casme2.write_workbook(root, casme2.change(table, 9, aus="Q1"))
    page = audit_page.html(look(root))
    faults, notes = page.split("<h2>Faults</h2>")[1].split("<h2>Notes</h2>")
    assert "annotation: 1" in faults and "apex: 9" not in faults
    assert "apex: 9" in notes and "annotation" not in notes
    assert 'class="notice"' in page


def test_a_sound_corpus_has_nothing_in_the_colour_of_a_warning(root):
    assert 'class="notice"' not in audit_page.html(look(root))


def test_only_the_workbook_on_disk_is_compared_with_its_published_counts(root):
    assert [entry["source"] for entry in look(root)["published"]] == ["CASME2-coding-20190701.xlsx"]
    book = root / "CASME2-coding-20190701.xlsx"
    book.rename(root / "casme2_coding_mine.xlsx")  # nobody knows which one it was
    assert len(look(root)["published"]) == 2


def test_the_page_needs_no_network_and_trusts_no_name(root):
    """A workbook is somebody else's file."""
    hostile = "<img src=x onerror=alert(1)>"
    table = casme2.change(rows(), 0, clip=hostile, emotion="</td><script>alert(2)</script>")
    casme2.write_workbook(root, table)
    found = look(root)
    assert any(hostile in fault["detail"] for fault in found["faults"])
    page = audit_page.html(found)
    assert "<script" not in page and "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert not any(word in page for word in ("http:", "https:", 'src="', "url(", "@import"))


def _command(*flags):
    command = [sys.executable, "-m", "merclip_jax.audit", *flags]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command_on_a_sound_corpus(root, tmp_path):
    done = _command("--dataset=casme2", f"--manual_dir={root}", f"--json={tmp_path}/audit.json")
    assert (done.returncode, done.stderr) == (0, "")
    written = json.loads((tmp_path / "audit.json").read_text())
    assert written == look(root)
    assert done.stdout == audit_page.text(written)
    assert done.stdout.startswith("casme2: 10 clips of 2 subjects (CASME2-coding-20190701.xlsx")
    assert "faults: none" in done.stdout


def test_the_command_on_a_faulty_corpus_reports_and_fails(root, tmp_path):
    DAMAGE["missing_folder"][0](root)
    DAMAGE["annotation"][0](root)
    files = {kind: tmp_path / f"audit.{kind}" for kind in ("json", "html")}
    done = _command(
        "--dataset=casme2",
        f"--manual_dir={root}",
        *(f"--{kind}={path}" for kind, path in files.items()),
    )
    assert done.returncode == 3
    assert "01/EP01_01f: sub01/EP01_01f: annotated, but the folder is missing" in done.stdout
    assert f"{BOOK}, sheet Sheet1, row 4: action units '4+Q7'" in done.stdout
    assert done.stderr == f"error: {root}: 2 faults stop a build; they are listed above\n"
    assert json.loads(files["json"].read_text()) == look(root)
    assert files["html"].read_text() == audit_page.html(look(root))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--dataset=casme9", "--manual_dir=/"), "dataset 'casme9': give one of casme, casme2"),
        (("--dataset=casme2",), "manual_dir=: no such folder. CASME II needs"),
    ],
)
def test_bad_arguments_have_an_exit_code(flags, message):
    failed = _command(*flags)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert message in failed.stderr
