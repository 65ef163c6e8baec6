"""A person is one subject, a clip has one row, and their names are safe as those of folders."""

from dataclasses import replace

import pytest
from corpora import casme2, casme3, dfme, fourdme, mmew

from merclip_jax.tfds_builders.casme2.corpus import Casme2
from merclip_jax.tfds_builders.casme3.corpus import Casme3
from merclip_jax.tfds_builders.cells import canonical
from merclip_jax.tfds_builders.dfme.corpus import Dfme
from merclip_jax.tfds_builders.fourdme.corpus import FourDme
from merclip_jax.tfds_builders.mmew.corpus import Mmew


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("spNO.1", "SPNO.1"), ("s03", "S03"), ("sub01", "sub1"), ("S13_1st", "s13 1st")),
        *(("spNO.1", "spNO.01"), ("\uff13", "3")),
    ],
)
def test_spellings_of_one_person(one, other):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), [("s1", "s11"), ("S13", "S13_1st"), ("s1_31", "s13_1")])
def test_other_people(one, other):
    assert canonical(one) != canonical(other)


def _casme3(root, **cells):
    table = casme3.rows()
    casme3.write_workbook(root, [*table[:1], replace(table[1], **cells), *table[2:]])
    return Casme3(root)


def _dfme(root, **cells):
    table = dfme.rows()["train"]
    dfme.write_workbook(root, "train", [table[0], replace(table[1], **cells), table[2]])
    return Dfme(root)


def _fourdme(root, **cells):
    table = fourdme.rows()
    fourdme.write_workbook(root, [table[0], replace(table[1], **cells), *table[2:]])
    return FourDme(root)


def _mmew(root, **cells):
    mmew.write_workbook(root, [mmew.ROWS[0], replace(mmew.ROWS[1], **cells), *mmew.ROWS[2:]])
    return Mmew(root)


@pytest.mark.parametrize(
    ("corpus", "cells", "usual"),
    [
        (_casme3, {"subject": "spNO.01"}, "spNO.1"),
        (_dfme, {"subject": "SUB0003", "clip": "SUB0003_02"}, "sub0003"),
        (_dfme, {"subject": "sub3", "clip": "sub3_02"}, "sub0003"),
        (_fourdme, {"subject": "s08"}, "S08"),
        (_fourdme, {"subject": "S8"}, "S08"),
        (_mmew, {"clip": "s03-04-001"}, "S03"),
    ],
)
def test_a_person_in_two_spellings_is_a_fault(tmp_path, corpus, cells, usual):
    sheet = corpus(tmp_path, **cells).sheet()
    stopping = [fault for fault in sheet.faults if fault.stops_build]
    assert len({fault.key for fault in stopping}) == len(stopping) >= 1
    assert all(f"{usual!r}" in fault.detail or "elsewhere" in fault.detail for fault in stopping)
    spelled = {canonical(clip.subject): clip.subject for clip in sheet.clips}
    assert {clip.subject for clip in sheet.clips} == set(spelled.values())


def test_a_clip_listed_twice_in_other_letters_is_a_fault(tmp_path):
    table = casme2.rows(subjects=1, clips_per_subject=2)
    casme2.write_workbook(tmp_path, [*table, replace(table[0], clip=table[0].clip.lower())])
    (fault,) = Casme2(tmp_path).sheet().faults
    assert (fault.kind, fault.stops_build) == ("duplicate", True)
    assert fault.key.endswith("row 4") and "row 2" in fault.detail


@pytest.mark.parametrize("subject", ["SPNO.1", "spno.1", "SpNo.1"])
def test_subjects_of_casme3_in_whatever_letters(tmp_path, subject):
    sheet = _casme3(tmp_path, subject=subject).sheet()
    assert ({clip.subject for clip in sheet.clips[:3]}, sheet.faults) == ({"spNO.1"}, [])


def test_letters_tell_the_videos_of_casme3_apart(tmp_path):
    casme3.write_workbook(tmp_path, casme3.rows())
    assert len(Casme3(tmp_path).sheet().clips) == 6


@pytest.mark.parametrize("name", ["../up", "a/b", "..", "a\\b", "a\tb", "x" * 300, "=1+1", ".a"])
def test_names_that_cannot_be_those_of_folders(tmp_path, name):
    table = casme2.rows(subjects=1, clips_per_subject=1)
    casme2.write_workbook(tmp_path, [replace(table[0], clip=name)])
    (fault,) = Casme2(tmp_path).sheet().faults
    assert fault.stops_build
    table = fourdme.rows()[:1]
    fourdme.write_workbook(tmp_path, [replace(table[0], subject=name)])
    assert FourDme(tmp_path).sheet().clips == []
