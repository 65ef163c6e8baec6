"""Curves, tables and pages from rows and events made by hand."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timelines import INFO, UNITS, finding, made, row

from merclip_jax.timeline import curves, page, timeline

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


@given(st.lists(st.floats(0, 1), min_size=2))
def test_the_intensity_grows_with_the_probability(values):
    scores = [timeline.intensity(p) for p in sorted(values)]
    assert all(np.isfinite(scores)) and scores == sorted(scores)
    assert timeline.intensity(0.5) == 0
    assert timeline.intensity(1 - 1e-9) - timeline.intensity(1 - 1e-6) > 5  # where 1 is near, too


def test_the_intensity_stands_beside_the_probability():
    told = made([row(0.0, units=(0.2, 0.9)), row(50.0, flags=("face lost",))], info=UNITS)
    table, values = timeline.table(told), timeline.values(told)
    columns = [name for name in table if name.startswith("au_")]
    assert columns == ["au_p_4", "au_p_L12", "au_intensity_4", "au_intensity_L12"]
    assert table["au_intensity_L12"][0] == pytest.approx(np.log(9))
    assert np.isnan(table["au_intensity_L12"][1])
    assert values["windows"][0]["intensities"]["4"] == pytest.approx(-np.log(4))
    assert values["windows"][1]["intensities"] == {}


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
    assert drawn.line.count("M") == 2 and drawn.most == 9


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
    assert [curve.name for curve in told.curves] == [curves.MOTION, "blink"]
    assert told.curves[-1].spans == ((0.0, 350.0), (600.0, 900.0))


def test_classes_are_told_at_events_only():
    events = {1: finding(row(0.0, p=0.7)), 2: finding(row(500.0, p=0.2), 600.0, 650.0, 700.0)}
    told = curves.chart([row(50.0 * i) for i in range(15)], events, INFO, 1000.0)
    assert [curve.name for curve in told.curves] == [curves.MOTION, "negative", "positive"]
    assert told.curves[1].bars == ((100.0, 300.0, 0.7), (600.0, 700.0, 0.2))
    assert told.curves[1].line == ""
    assert [y for y, _ in told.placed] == [0.0, 100.0, 200.0] and told.height == 300.0


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
    assert not re.search(r'(src|href)="(?!#|data:)', html) and "<video" not in html
    assert all(len(alt) > 20 for alt in re.findall(r'alt="([^"]*)"', html))
    assert html.count("<img") == 2 and "from onset at 0.10 s" in html
    assert "“raising the chin” (0.50)" in html
    assert finding(rows[0]).explanation.sentence in html


def test_a_page_of_action_units_names_what_moved():
    rows = [row(50.0 * i, units=(0.2, 0.9)) for i in range(10)]
    html = page.render(made(rows, [finding(rows[1], target="AUL12")], UNITS))
    assert "AUL12 Left Lip Corner Puller (0.90, intensity 2.2)" in html
    assert "zygomaticus major" in html
    assert "AU4 Brow Lowerer (" not in html and "<span>AU4 Brow Lowerer</span>" in html
    assert "nearest sentences" not in html


def test_a_page_without_events_or_faces_says_so():
    assert "No event in 1.0 s of video." in page.render(made([row(0.0), row(50.0)]))
    nobody = page.render(made([row(0.0, flags=("face lost",))]))
    assert "No face was found in 1.0 s of video, so nothing was read." in nobody
    assert "<title>film &lt;1&gt;: no face found in 1.0 s</title>" in nobody
    assert "0 facial events" not in nobody and "No movement stands out" not in nobody


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
            {
                "name": "d",
                "fault": "",
                "duration_ms": 1000.0,
                "fps": 25.0,
                "events": None,
                "emotions": "",
            },
        ]
    )
    assert 'href="a%20b/timeline.html"' in html and "1:01.5" in html
    assert "not read: cut &lt;off&gt;" in html
    assert html.count("no face found") == 1


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
