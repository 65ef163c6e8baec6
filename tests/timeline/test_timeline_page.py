"""Curves, tables and pages from rows and events made by hand."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merclip_jax.timeline import curves, page, timeline
from merclip_jax.timeline.findings import Finding
from merclip_jax.timeline.maps import Explanation
from merclip_jax.timeline.timeline import Timeline
from merclip_jax.video import decode
from merclip_jax.video.inference import Settings
from merclip_jax.video.journal import End, Row
from merclip_jax.video.model_info import ModelInfo
from merclip_jax.video.spotting import Event

INFO = ModelInfo(
    system="merclip",
    title="MER-CLIP",
    classes=("negative", "positive"),
    units=(),
    sentences=("raising the chin", "lowering the brows"),
    style="ours",
    count=8,
    input="rgb",
    size=32,
    crop="aligned",
    margin=0.15,
    calibrated=False,
    temperature=1.0,
    threshold=np.zeros(0),
    rates=np.zeros((2, 0)),
    notices=("A notice of <the> model.",),
)
UNITS = replace(
    INFO,
    system="micro_au",
    title="Micro-AU CLIP",
    units=("4", "L12"),
    sentences=(),
    threshold=np.zeros(2),
    rates=np.full((2, 2), 0.2),
)


def row(start, p=0.7, motion=1.0, flags=(), person=0, units=()):
    lost = "face lost" in flags
    return Row(
        person=person,
        start_ms=start,
        end_ms=start + 300.0,
        times_ms=(start,) * 8,
        place=None,
        probabilities=() if lost else (p, 1 - p),
        units=() if lost else units,
        nearest=() if lost or units else (("raising the chin", 0.5), ("lowering the brows", -0.25)),
        motion=0.0 if lost else motion,
        face=0.0 if lost else 1.0,
        head_motion=float("nan") if lost else 1.25,
        blink="blink" in flags,
        blur=float("nan") if lost else 30.0,
        flags=flags,
    )


def finding(one, onset=100.0, apex=200.0, offset=300.0, shown=True, target="negative"):
    grey = np.full((32, 32, 3), 128, np.uint8)
    cells = np.zeros((8, 2, 2))
    cells[3, 0, 1] = 1.0
    told = Explanation(
        target=target, map=cells, highlighted=cells[3] > 0, score=1.0, still=-1.0, drop=0.5,
        random_drop=0.1, random_sd=0.2, beaten=1.0,
    )  # fmt: skip
    event = Event(onset, apex, offset, 4.5)
    return Finding(
        one.person, event, one, (grey,) * 7 * shown, (grey,) * 8 * shown, told if shown else None
    )


def made(rows, found=(), info=INFO, fps=200.0, face="largest", length=1000.0):
    return Timeline(
        source=decode.Source("film <1>", 0, fps, None),
        end=End(200, length, ()),
        model="mine",
        info=info,
        settings=Settings(300.0, 50.0, face),
        rows=rows,
        findings=found,
        seconds={"model": 1.0},
    )


# --- tables ---


def test_a_lost_window_is_blank_in_both_tables():
    told = made([row(0.0), row(50.0, flags=("face lost",))])
    table, values = timeline.table(told), timeline.values(told)
    lost = table.iloc[1]
    assert lost[["p_negative", "p_positive", "nearest_1", "motion", "head_motion"]].isna().all()
    assert (lost["emotion"], lost["flags"], lost["face"]) == ("", "face lost", 0.0)
    window = values["windows"][1]
    assert window["emotion"] is None and window["probabilities"] == {} and window["nearest"] == []
    assert window["motion"] is None and window["quality"]["head_motion"] is None
    json.dumps(values, allow_nan=False)
    assert told.notices[0] == "The face is lost in 1 of 2 windows; they stay empty."


def test_columns_do_not_depend_on_what_was_read():
    rows = [row(0.0, flags=("face lost",))]
    columns = list(timeline.table(made(rows)).columns)
    assert columns == list(timeline.table(made([row(0.0)])).columns)
    assert columns[:5] == ["person", "start_ms", "end_ms", "event", "emotion"]
    assert "au_p_L12" in timeline.table(made([row(0.0, units=(0.1, 0.9))], info=UNITS)).columns


def test_a_window_belongs_to_the_event_of_its_own_person_over_its_middle():
    rows = [row(0.0), row(0.0, person=1), row(500.0)]  # middles 150, 150, 650
    table = timeline.table(made(rows, [finding(rows[1])], face="all"))
    assert table["event"].isna().tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("fps", "said"),
    [(24, "0 to 12"), (25, "has 1 to 12"), (30, "has 1 to 15"), (99, "has 3 to 49")],
)
def test_how_many_frames_an_event_has(fps, said):
    assert said.removeprefix("0 to ") in timeline.too_slow(float(fps))
    assert timeline.too_slow(100.0) == ""


def test_nearly_equal_classes_are_undecided():
    assert timeline.undecided((0.51, 0.49)) and not timeline.undecided((0.6, 0.4))
    assert not timeline.undecided(()) and timeline.leading((), ("a",)) == ""


# --- curves ---


@given(st.integers(0, 10_000_000), st.integers(0, 2))
def test_a_clock_can_be_read_back(ms, digits):
    said = curves.clock(float(ms), digits)
    minutes, seconds = said.split(":") if ":" in said else ("0", said.removesuffix(" s"))
    assert abs(60 * int(minutes) + float(seconds) - ms / 1000) <= 0.51 * 10**-digits
    assert float(seconds) < 60


def test_a_long_curve_keeps_its_peaks_and_its_gaps():
    rows = [row(50.0 * i, motion=1.0) for i in range(20_000)]
    rows[7777] = row(50.0 * 7777, motion=9.0)
    rows[5000:5400] = [row(50.0 * i, flags=("face lost",)) for i in range(5000, 5400)]
    drawn = curves.chart(rows, {}, INFO, 1e6).curves[0]
    points = [tuple(map(float, p.split())) for p in re.findall(r"[ML]([\d.]+ [\d.]+)", drawn.line)]
    assert len(points) <= curves.COLUMNS and len(drawn.line) < 5000
    x, y = min(points, key=lambda point: point[1])
    assert (x, y) == (pytest.approx(388.85 + 0.15, abs=0.1), curves.TOP)
    assert drawn.line.count("M") == 2 and drawn.top == "9"


def test_numbers_of_events_never_overlap():
    spans = [(100.0, 200.0), (150.0, 300.0), (180.0, 400.0), (900.0, 950.0)]
    events = {i: finding(row(0.0), a, a + 10, b) for i, (a, b) in enumerate(spans, start=1)}
    bands = curves.chart([row(0.0)], events, INFO, 1000.0).bands
    middles = [(band.left + band.right) / 2 for band in bands if band.numbered]
    assert middles == [150.0, 225.0, 925.0]  # 290 is too near to 225
    assert len(bands) == 4


def test_flags_are_bars_and_neighbours_join():
    rows = [row(0.0, flags=("blink",)), row(50.0, flags=("blink",)), row(600.0, flags=("blink",))]
    told = curves.chart(rows, {}, INFO, 1000.0)
    assert [curve.name for curve in told.curves] == ["motion", "negative", "positive", "blink"]
    assert told.curves[-1].spans == ((0.0, 350.0), (600.0, 900.0))


@pytest.mark.parametrize("length", [300.0, 5000.0, 61_000.0, 7_200_000.0, 1e8])
def test_an_axis_has_a_few_times(length):
    ticks = curves.chart([row(0.0)], {}, INFO, length).ticks
    assert 1 <= len(ticks) <= curves.MOST_TICKS + 1
    assert ticks[0][0] == 0 and all(0 <= place < 100 for place, _ in ticks)


# --- pages ---


def test_the_page_says_what_it_must_and_asks_for_nothing():
    rows = [row(50.0 * i) for i in range(10)]
    html = page.render(made(rows, [finding(rows[1])], fps=25.0))
    assert "<title>film &lt;1&gt;: 1 facial event in 1.0 s</title>" in html
    assert "no lie detector" in html and "hiring, policing" in html
    assert "A notice of &lt;the&gt; model." in html and "frames per second are few" in html
    assert "not calibrated" in html and "knows no neutral face" in html
    assert not re.search(r'(src|href)="(?!#|data:)', html) and "<script" not in html
    assert all(len(alt) > 20 for alt in re.findall(r'alt="([^"]*)"', html))
    assert html.count("<img") == 2 and "from onset at 0.10 s" in html
    assert "“raising the chin” (0.50)" in html
    assert finding(rows[0]).explanation.sentence in html


def test_a_page_of_action_units_names_what_moved():
    rows = [row(50.0 * i, units=(0.2, 0.9)) for i in range(10)]
    html = page.render(made(rows, [finding(rows[1], target="AUL12")], UNITS))
    assert "AUL12 Left Lip Corner Puller (0.90)" in html and "AU4 Brow" not in html
    assert "nearest sentences" not in html


def test_a_page_without_events_or_faces_says_so():
    assert "No event in 1.0 s of video." in page.render(made([row(0.0), row(50.0)]))
    assert "Nothing was read." in page.render(made([row(0.0, flags=("face lost",))]))


def test_everybody_has_curves_and_events_of_their_own():
    rows = [row(50.0 * (i // 2), person=i % 2) for i in range(10)]
    html = page.render(made(rows, [finding(rows[0]), finding(rows[1])], face="all"))
    assert html.count("<svg") == 2 and "Person 2" in html and "2 people" in html
    alone = page.render(made(rows, [finding(rows[0])], face="largest"))
    assert alone.count("<svg") == 1


def test_many_events_make_a_table_and_a_page_of_bounded_size():
    rows = [row(50.0 * i) for i in range(30_000)]
    found = [
        finding(rows[100 * i], 5e3 * i, 5e3 * i + 100, 5e3 * i + 200, i < 40) for i in range(300)
    ]
    html = page.render(made(rows, found, length=1.5e6))
    assert len(html) < 1_500_000
    assert "The 40 events with the highest scores are shown below" in html
    ids = re.findall(r'id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)


def test_the_index_leads_to_every_page_and_names_what_failed():
    html = page.render_index(
        [
            {
                "name": "a b",
                "fault": "",
                "duration_ms": 61_500.0,
                "fps": 25.0,
                "events": 2,
                "emotions": "x 2",
            },
            {"name": "c", "fault": "cut <off>"},
        ]
    )
    assert 'href="a%20b/timeline.html"' in html and "1:01.5" in html
    assert "not read: cut &lt;off&gt;" in html


# --- gaps ---


def test_time_without_frames_is_said_in_tables_page_and_chart():
    rows = [row(50.0 * i) for i in range(5)] + [row(3000.0 + 50 * i) for i in range(5)]
    told = made(rows, length=4000.0)
    told = replace(told, end=replace(told.end, gaps=((500.0, 3000.0),)))
    table, values = timeline.table(told), timeline.values(told)
    assert table["start_ms"].is_monotonic_increasing and len(table) == 11
    gap = table[table["flags"] == "no frames"].iloc[0]
    assert (gap["start_ms"], gap["end_ms"]) == (500, 3000)
    assert gap.drop(["start_ms", "end_ms", "flags"]).isna().all()
    assert (
        values["gaps"] == [{"start_ms": 500.0, "end_ms": 3000.0}] and len(values["windows"]) == 10
    )
    assert "missing in one place, 2.5 s in all" in values["notices"][0]
    html = page.render(told)
    assert "Frames are missing from 0.50 s to 3.00 s. Nothing was read there." in html
    (chart,) = [curves.chart(rows, {}, INFO, 4000.0, told.end.gaps)]
    assert chart.curves[-1].name == "no frames" and chart.curves[-1].spans == ((125.0, 750.0),)
    assert all(curve.line.count("M") == 2 for curve in chart.curves[:-1])


def test_a_long_curve_does_not_go_over_a_gap():
    rows = [row(50.0 * i) for i in range(5000)] + [row(1e6 + 50 * i) for i in range(5000)]
    drawn = curves.chart(rows, {}, INFO, 1.3e6, [(250_250.0, 1e6)]).curves[0]
    assert drawn.line.count("M") == 2


def test_repeated_frames_get_the_warning_of_few_frames():
    told = made([row(0.0)], fps=100.0)
    assert "frames per second are few" not in " ".join(told.notices)
    told = replace(told, end=replace(told.end, new_fps=25.0))
    assert told.notices[0].startswith("Of 100 frames per second about 25 show something new")
    assert "25 frames per second are few" in told.notices[0]


# --- names ---


def test_no_cell_of_words_is_a_formula():
    info = replace(INFO, classes=("=HYPERLINK(0)", "+b"), sentences=("@x", "-y"))
    one = replace(row(0.0), nearest=(("@x", 0.5), ("-y", -0.25)))
    table = timeline.table(made([one], info=info))
    assert table["emotion"][0] == "'=HYPERLINK(0)" and table["nearest_1"][0] == "'@x"
    assert table["similarity_2"][0] == -0.25
    assert not [name for name in table.columns if name.startswith(timeline.FORMULA)]
