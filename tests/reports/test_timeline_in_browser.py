"""The page of a timeline in a real browser: the video plays, and curves and video show one time."""

import re

import films
import numpy as np
import pytest
from timelines import UNITS, finding, made, row

from merclip_jax.timeline import page, playable
from merclip_jax.video import decode

pytest.importorskip("playwright", reason="pages are not opened: pip install playwright")

from browser_page import Opened

LENGTH = 2000.0  # ms of the film, at 50 frames per second
READY = (
    "new Promise(done => { const look = () => %s ? done(true) : setTimeout(look, 20); look(); })"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    pictures = [films.shade(i, (160, 120)) for i in range(100)]
    path = films.film(tmp_path_factory.mktemp("film") / "film.mp4", range(0, 2000, 20), pictures)
    return decode.open_source(path)


def write(folder, film):
    """A page with two events, in the second half a smile that grows."""
    rows = [row(50.0 * i, motion=i / 10, units=(0.1, i / 40)) for i in range(35)]
    found = [finding(rows[5], 300.0, 400.0, 500.0), finding(rows[25], 1300.0, 1400.0, 1500.0)]
    path = folder / "timeline.html"
    path.write_text(page.render(made(rows, found, UNITS, length=LENGTH), film))
    return path


@pytest.fixture(scope="module")
def path(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return write(folder, playable.address(source, folder))


@pytest.fixture(params=[390, 900, 1400])
def opened(request, browser, path):
    shown = Opened(browser, path, request.param)
    yield shown
    shown.page.close()


def now(shown):
    """The video's time in seconds, once it has found its place."""
    assert shown.page.evaluate(READY % "!document.querySelector('video').seeking")
    return shown.page.evaluate("document.querySelector('video').currentTime")


def values(shown):
    """What stands beside the names of the curves."""
    names, told = (
        shown.page.locator(f".name span{kind}").all_inner_texts()
        for kind in (":first-child", ".value")
    )
    return dict(zip(names, told, strict=False))


def point(shown, share):
    """The pointer over the curves, at a share of their width."""
    chart = shown.page.locator(".chart")
    chart.evaluate("chart => chart.scrollIntoView({block: 'center'})")
    box = chart.bounding_box()
    middle = box["y"] + box["height"] / 2
    shown.page.mouse.move(box["x"] + share * box["width"], middle)


def test_the_video_is_in_the_page_and_plays(opened, path):
    assert opened.page.evaluate(READY % "document.querySelector('video').readyState >= 1")
    video = opened.page.locator("video")
    assert video.evaluate("v => [v.videoWidth, v.videoHeight]") == [160, 120]
    assert video.evaluate("v => v.duration") == pytest.approx(LENGTH / 1000, abs=0.05)
    video.evaluate("v => v.play()")
    assert opened.page.evaluate(READY % "document.querySelector('video').currentTime > 0.1")
    assert opened.logged == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [path.as_uri()]


def test_curves_say_their_values_under_the_pointer(opened):
    assert values(opened)["AUL12 Left Lip Corner Puller"] == "0 to 1"
    point(opened, 0.5)  # 1000 ms: the window from 850 to 1150 has number 17
    told = values(opened)
    assert float(told["AUL12 Left Lip Corner Puller"]) == pytest.approx(17 / 40, abs=0.02)
    assert float(told["motion, pixels of a face 224 wide"]) == pytest.approx(1.7, abs=0.05)
    assert told["negative"] == ""  # between the events
    assert opened.page.locator(".cursor").inner_text() == "1.00 s"
    point(opened, 0.2)
    assert values(opened)["negative"] == "0.70"
    opened.page.mouse.move(1, 1)
    assert values(opened)["negative"] == "0 to 1"


def test_a_click_on_a_curve_or_an_event_shows_the_video_there(opened):
    point(opened, 0.75)
    opened.page.mouse.down()
    opened.page.mouse.up()
    assert now(opened) == pytest.approx(1.5, abs=0.02)
    opened.page.locator(".marks a").first.click()
    assert now(opened) == pytest.approx(0.3, abs=0.02)
    opened.page.mouse.move(1, 1)
    assert opened.page.locator(".cursor").inner_text() == "0.30 s"  # the curves follow the video


def test_an_event_is_played_slowly_and_ends(opened):
    opened.page.get_by_role("button", name="Play slowly event 2").click()
    video = opened.page.locator("video")
    assert video.evaluate("v => v.playbackRate") == 0.25
    assert 1.0 <= now(opened) < 1.3
    assert opened.page.locator("[role=status]").inner_text() == "from 1.30 s to 1.50 s"
    video.evaluate("v => { v.playbackRate = 4; }")
    assert opened.page.evaluate(READY % "document.querySelector('video').paused")
    assert now(opened) == pytest.approx(1.8, abs=0.15)


def test_it_fits_its_window_and_has_names(opened):
    assert opened.overflow() == 0 and opened.unnamed() == []
    stops, reached = opened.tab_through()
    assert {stops[int(number)] for number in reached if number} == {*stops}
    box, curves = (opened.page.locator(part).first.bounding_box() for part in ("video", ".chart"))
    beside = box["x"] >= curves["x"] + curves["width"]
    assert beside == (opened.page.viewport_size["width"] == 1400)


def test_it_reads_without_a_script(browser, path):
    bare = browser.new_page(java_script_enabled=False)
    bare.goto(path.as_uri())
    assert bare.locator("video").get_attribute("controls") is not None
    assert not bare.locator("button:visible, select:visible, .cursor:visible").count()
    assert "Point at the curves" not in bare.locator("figcaption").first.inner_text()
    assert bare.locator(".event:visible").count() == 2
    bare.close()


def test_a_long_film_lies_beside_the_page(browser, source, tmp_path, monkeypatch):
    monkeypatch.setattr(playable, "EMBEDDED", 1000)
    monkeypatch.setattr(playable, "LONGEST_SIDE", 80)
    path = write(tmp_path, playable.address(source, tmp_path))
    assert re.findall(r'src="([^"d]\w+\.mp4)"', path.read_text()) == ["video.mp4"]
    shown = Opened(browser, path)
    assert shown.page.evaluate(READY % "document.querySelector('video').readyState >= 1")
    size = shown.page.locator("video").evaluate("v => [v.videoWidth, v.videoHeight]")
    assert size == [80, 60] and shown.logged == []
    shown.page.close()


def test_frames_keep_their_times_in_the_film(source, tmp_path, monkeypatch):
    monkeypatch.setattr(playable, "EMBEDDED", 0)
    playable.address(source, tmp_path)
    times = [frame.time_ms for frame in films.all_of(tmp_path / playable.FILM)]
    np.testing.assert_allclose(times, np.arange(0, 2000, 20), atol=0.2)
