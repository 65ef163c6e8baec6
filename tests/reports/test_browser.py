"""The pages that commands write, opened in a real browser."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from au_workdirs import make_au_workdir
from corpora import casme2
from workdirs import edit, make_workdir

from merclip_jax import predict
from merclip_jax.data import audit, datasets
from merclip_jax.reports import audit_page as audit_pages
from merclip_jax.reports import comparison, paired, report, results
from merclip_jax.tfds_builders.synthetic_me import clips, long_videos
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.video.inference import Settings

pytest.importorskip("playwright", reason="pages are not opened: pip install playwright")

from browser_page import Opened

UNITS = ("1", "2", "4", "5", "6", "7", "9", "10", "L12", "R12", "14", "15", "17", "24", "25")
BAD = """<!doctype html><title>x</title><style>:focus { outline: none }</style>
<script src="missing.js"></script><script>console.error("oops")</script>
<p style="color: #aaa; background: white">pale</p><p>dark</p>
<div tabindex="0" role="region" style="overflow-x: auto"><p style="width: 600px">wide</p></div>
<svg role="img" width="300" height="100">
<text x="900" y="20">far out</text><text x="9" y="20">one</text><text x="9" y="25">upon</text></svg>
<div style="width: 1000px">too wide <a href="#">  </a></div>"""
AA = 4.5  # contrast of text, WCAG 2.2, 1.4.3


def run_report(folder):
    """A report with all its paragraphs: several seeds, the paper's choice, film strips."""
    workdir = make_workdir(folder / "run", seeds=(0, 1), selection="paper", subjects=14)
    report.write(workdir)
    return workdir / "report.html"


def units_run(folder):
    """A run of Micro-AU CLIP, with as many units as any run tells."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (36, len(UNITS)))
    said = np.clip(labels + rng.normal(0, 0.4, labels.shape), 0, 1)
    return make_au_workdir(folder / "units", labels, said, UNITS)


def units_report(folder):
    """Its report, with sentences."""
    workdir = units_run(folder)
    named = {"nearest_1": "raising the left corner of the lips", "similarity_1": 0.5}
    edit(workdir, "predictions.csv", lambda table: table.assign(**named))
    report.write(workdir)
    return workdir / "report.html"


def comparison_page(folder):
    """Both systems on the same clips, side by side."""
    runs = (
        results.read(make_workdir(folder / "other", right=0.5)),
        results.read(units_run(folder)),
    )
    return comparison.write(runs, [paired.compare(*runs)])


def audit_page(folder):
    """An audit with faults of several kinds, corrections, and counts of its own."""
    root = folder / "CASME2"
    table = casme2.make_casme2(root)
    casme2.write_workbook(root, casme2.change(table, 7, apex=99, emotion="joy"))
    for picture in sorted((root / "Cropped/sub01/EP02_01f").iterdir())[:3]:
        picture.unlink()
    page = folder / "audit.html"
    page.write_text(audit_pages.html(audit.audit(datasets.corpus("casme2", root))))
    return page


def timeline_page(folder):
    """The timeline of a drawn person, three seconds long, who smiles once."""
    model = Path(__file__).parents[2] / "assets" / "demo_model"
    corpus = Corpus.macro(size=224)
    scene = long_videos.tell(corpus, subject=4, index=5, seconds=3, events=1)
    video = folder / "drawn.mp4"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"mp4v"), scene.fps, (224, 224))
    for frame in long_videos.film(clips.identity(0, 4, 224), scene, corpus.noise):
        writer.write(frame[..., ::-1])
    writer.release()
    settings = Settings(300.0, 50.0, "largest")
    predict.run(str(model), str(video), folder / "out", settings, crop="none")
    return folder / "out" / "timeline.html"


PAGES = {
    "report": run_report,
    "report of units": units_report,
    "comparison": comparison_page,
    "audit": audit_page,
    "timeline": timeline_page,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Makes a page the first time that it is asked for."""
    return cache(lambda name: PAGES[name](tmp_path_factory.mktemp("page")))


@pytest.fixture(scope="module", params=PAGES)
def path(request, made):
    return made(request.param)


@pytest.fixture(scope="module", params=[390, 900])
def opened(request, browser, path):
    """The page on a phone and in a window."""
    shown = Opened(browser, path, request.param)
    yield shown
    shown.page.close()


def test_nothing_is_logged_and_nothing_is_fetched(opened, path):
    assert opened.logged == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [path.as_uri()]


def test_the_page_has_a_title_a_language_and_headings_in_order(opened):
    assert len(opened.page.title().split()) >= 2
    assert opened.page.locator("html").get_attribute("lang") == "en"
    levels = opened.headings()
    assert levels[0] == 1 and levels.count(1) == 1 and len(levels) > 3
    assert all(later <= earlier + 1 for earlier, later in zip(levels, levels[1:], strict=False))


def test_every_picture_and_region_has_a_name(opened):
    assert opened.unnamed() == []
    for picture in opened.photographs():
        assert len(picture["alt"]) > 20 and picture["own"] > 0 and picture["shown"] > 100


def test_figures_are_drawn_and_every_word_in_them_can_be_read(opened):
    for figure in opened.figures():
        assert figure["width"] > 200 and figure["height"] > 50
        assert figure["drawn"] >= 3
        assert figure["cut"] == figure["collisions"] == []


def test_figures_fill_their_column(opened):
    free = "all => all.map(svg => svg.parentElement.clientWidth - svg.clientWidth)"
    assert not any(opened.page.locator("figure svg:visible").evaluate_all(free))


def test_nothing_is_wider_than_the_window(opened):
    assert opened.overflow() == 0


def test_the_keyboard_reaches_everything_and_shows_where_it_is(opened):
    stops, reached = opened.tab_through()
    assert {stops[int(number)] for number in reached if number} == set(stops)
    assert len([number for number in reached if number]) == len(stops)
    assert all(seen for number, seen in reached.items() if number)


def test_what_scrolls_sideways_can_be_scrolled_by_keyboard(opened):
    assert [box for box, usable in opened.scrolled() if not usable] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_lies_behind_it(browser, path, scheme):
    shown = Opened(browser, path, scheme=scheme)
    ground, contrasts = shown.ground(), shown.contrasts()
    shown.page.close()
    assert min(ground) > 200 if scheme == "light" else max(ground) < 60
    assert len(contrasts) > 40
    assert [(round(ratio, 2), text) for ratio, text in contrasts if ratio < AA] == []


@pytest.mark.parametrize(
    ("name", "figures", "strips"), [("report", 4, 3), ("report of units", 5, 3), ("timeline", 1, 2)]
)
def test_a_page_shows_all_its_figures_and_strips(browser, made, name, figures, strips):
    shown = Opened(browser, made(name))
    assert len(shown.figures()) >= figures
    assert len(shown.photographs()) >= strips
    shown.page.close()


def test_a_page_with_every_fault_is_found_out(browser, tmp_path):
    """The checks above can fail."""
    page = tmp_path / "bad.html"
    page.write_text(BAD)
    shown = Opened(browser, page, 390)
    assert any("oops" in line for line in shown.logged)
    assert any("missing.js" in url for url in shown.asked)
    assert [name.split()[0] for name in shown.unnamed()] == ["image", "link"]
    (figure,) = shown.figures()
    assert (figure["drawn"], figure["cut"]) == (0, ["far out"])
    assert figure["collisions"] == [["one", "upon"]]
    assert shown.overflow() > 500
    assert [usable for _, usable in shown.scrolled()] == [False]
    stops, reached = shown.tab_through()
    assert len(stops) == 2 and not all(reached.values())
    assert [text for ratio, text in shown.contrasts() if ratio < AA] == ["pale"]
    shown.page.close()
