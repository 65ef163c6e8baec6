"""The report's list of all clips: what it says, and how it is sorted and filtered in Chromium."""

import re
from dataclasses import replace

import numpy as np
import pytest
from au_workdirs import make_au_workdir
from workdirs import make_workdir

from merclip_jax.reports import clips, report, results

pytest.importorskip("playwright", reason="pages are not opened: pip install playwright")

from browser_page import Opened


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = make_workdir(tmp_path_factory.mktemp("clips") / "run", subjects=11)
    report.write(folder)
    return folder


@pytest.fixture
def opened(browser, finished):
    shown = Opened(browser, finished / "report.html")
    shown.page.locator("#browser summary").click()
    yield shown
    assert shown.logged == []
    shown.page.close()


def facts(opened, name):
    """A fact of each clip that is seen, from the top."""
    return opened.page.locator(".clip:visible").evaluate_all(
        f"all => all.map(clip => clip.dataset.{name})"
    )


def test_every_clip_is_there_with_what_was_said(finished):
    run = results.read(finished)
    shown = clips.of_run(run)
    assert {clip.clip_id for clip in shown} == set(run.clips["clip_id"])
    wrong = [clip for clip in shown if not clip.right]
    assert shown[: len(wrong)] == wrong
    assert [clip.confidence for clip in wrong] == sorted(
        (c.confidence for c in wrong), reverse=True
    )
    assert all((clip.truth == clip.predicted) == clip.right for clip in shown)
    assert all(clip.strip.startswith("data:image/jpeg") and clip.change for clip in shown)


def test_without_classes_a_clip_is_right_if_every_known_unit_is(tmp_path):
    labels = np.zeros((36, 3), int)
    labels[0] = (1, -1, 0)
    said = np.where(labels == 1, 0.9, 0.2)
    said[0, 1], said[1, 2] = 0.9, 0.6  # unknown; and said though it is still
    run = results.read(make_au_workdir(tmp_path / "run", labels, said, strips=False))
    run = replace(run, run=run.run | {"protocol": {"name": "x", "classes": []}})
    shown = {clip.clip_id: clip for clip in clips.of_run(run)}
    first, second = (shown[clip_id] for clip_id in run.clips["clip_id"][:2])
    assert first.right and first.predicted_aus == "AU4, AUL12"
    assert not second.right and second.predicted_aus == "AUR12"
    assert second.confidence == pytest.approx((0.8 + 0.8 + 0.6) / 3)
    assert first.strip == first.change == ""


def test_it_filters_by_subject_class_answer_and_confidence(opened, finished):
    choose, run = opened.page.select_option, results.read(finished)
    assert len(facts(opened, "subject")) == len(run.clips)
    choose("select[name=subject]", "03")
    assert set(facts(opened, "subject")) == {"03"}
    choose("select[name=subject]", "")
    choose("select[name=truth]", "positive")
    choose("select[name=answer]", "wrong")
    assert set(facts(opened, "truth")) == {"positive"}
    assert set(facts(opened, "answer")) == {"wrong"}
    choose("select[name=truth]", "")
    choose("select[name=answer]", "")
    choose("select[name=sure]", "0.5 0.8")
    sureness = [*map(float, facts(opened, "sure"))]
    assert 0 < len(sureness) < len(run.clips)
    assert all(0.5 <= sure < 0.8 for sure in sureness)
    said = opened.page.locator("#clip-count").inner_text()
    assert said == f"{len(sureness)} of {len(run.clips)} clips"


def test_it_sorts(opened):
    choose = opened.page.select_option
    choose("select[name=order]", "up")
    sureness = [*map(float, facts(opened, "sure"))]
    assert sureness == sorted(sureness)
    choose("select[name=order]", "down")
    assert [*map(float, facts(opened, "sure"))] == sorted(sureness, reverse=True)
    choose("select[name=order]", "subject")
    subjects = facts(opened, "subject")
    assert subjects == sorted(subjects) and len({*subjects}) == 11
    choose("select[name=order]", "")
    assert facts(opened, "answer") == sorted(facts(opened, "answer"), reverse=True)  # wrong first


@pytest.mark.parametrize("width", [390, 900])
def test_the_open_list_fits_its_window_and_has_names(browser, finished, width):
    shown = Opened(browser, finished / "report.html", width)
    shown.page.locator("#browser summary").click()
    assert shown.overflow() == 0 and shown.unnamed() == []
    stops, reached = shown.tab_through()
    assert {stops[int(number)] for number in reached if number} == {*stops}
    shown.page.close()


def test_it_reads_without_a_script(browser, finished):
    page = browser.new_page(java_script_enabled=False)
    page.goto((finished / "report.html").as_uri())
    page.locator("#browser summary").click()
    assert page.locator(".clip").count() == page.locator(".clip:visible").count() == 66
    assert not page.locator("#clip-tools").is_visible()
    page.close()


def test_units_are_named_with_their_muscles(finished):
    text = (finished / "report.html").read_text()
    assert "<dt>AU12 Lip Corner Puller</dt><dd>zygomaticus major</dd>" in text


def test_curves_say_their_values_under_the_pointer(finished):
    text = (finished / "report.html").read_text()
    titles = re.findall(r"<title>([^<]+)</title>", text)
    assert any(re.fullmatch(r"epoch 2: mean loss \d\.\d{3}", title) for title in titles)
    counted = {int(n) for title in titles for n in re.findall(r"^epoch (\d+): ", title)}
    assert counted == set(range(1, len(counted) + 1))  # as the progress of a run counts them
    assert any(re.match(r"confidence 0\.\d\d: ", title) for title in titles)
    assert any(re.fullmatch(r"this run: 0\.\d{3}, 0\.\d{3} to 0\.\d{3}", t) for t in titles)
    assert "said: " not in text
