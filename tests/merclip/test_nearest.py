import numpy as np
import pytest
from workdirs import edit, make_workdir

from merclip_jax.facs import notation, wording
from merclip_jax.merclip import nearest
from merclip_jax.reports import explanations, report, results

SENTENCES = ("brow", "corner", "lid")
FOUR = wording.sentence(notation.parse("4"), "released")


def test_only_sentences_of_the_training_side_are_named():
    similarity = np.array([[0.9, 0.1, 0.5], [-0.2, 0.3, 0.8]])
    named = nearest.columns(similarity, SENTENCES, np.array([1, 2, -1, 2]))
    assert named == {
        "nearest_1": ["lid", "lid"],
        "similarity_1": [0.5, 0.8],
        "nearest_2": ["corner", "corner"],
        "similarity_2": [0.1, 0.3],
    }


def test_without_sentences_there_is_nothing_to_name():
    assert nearest.columns(np.zeros((2, 0)), (), np.array([-1, -1])) == {}


@pytest.fixture
def explained(tmp_path):
    """A run whose nearest sentence is always that of AU 4 (true of a third of the clips)."""
    workdir = make_workdir(tmp_path / "run", subjects=6, clips=6)
    edit(
        workdir,
        "predictions.csv",
        lambda table: table.assign(
            nearest_1="lowering the eyebrows", similarity_1=0.5,
        ),
    )  # fmt: skip
    return workdir


def _with_text(run, content="action_units", style="released"):
    run.run["config"]["text"] = {"content": content, "style": style}
    return run


def test_agreement_by_hand(explained):
    """AU sets are {4}, {12}, {1, 2}, of disjoint pairs: the index is the share of equal sets."""
    edit(
        explained,
        "predictions.csv",
        lambda t: t.assign(nearest_1=FOUR),
    )
    run = _with_text(results.read(explained))
    shown = run.clips[run.clips["aus"] != ""]
    of_four = (shown["aus"] == "4").mean()
    chances = [
        (shown.loc[shown["fold"] != clip["fold"], "aus"] == clip["aus"]).mean()
        for _, clip in shown.iterrows()
    ]
    found = explanations.agreement(run)
    assert found["nearest"] == pytest.approx(of_four)
    assert found["chance"] == pytest.approx(np.mean(chances))
    low, high = found["ci95"]
    assert low <= found["difference"] <= high


def test_subjects_that_all_gain_the_same_have_an_interval_of_one_point(tmp_path):
    """The bias-corrected bootstrap has none there, and a report takes no NaN."""
    workdir = make_workdir(tmp_path / "run", subjects=4, clips=2)
    cells = {"clips.csv": {"aus": "4"}, "predictions.csv": {"nearest_1": FOUR, "similarity_1": 0.5}}
    for name, columns in cells.items():
        edit(workdir, name, lambda table, columns=columns: table.assign(**columns))
    found = explanations.agreement(_with_text(results.read(workdir)))
    assert found == {"nearest": 1.0, "chance": 1.0, "difference": 0.0, "ci95": [0.0, 0.0]}


def test_no_agreement_without_action_units_in_the_texts(explained, tmp_path):
    assert explanations.agreement(_with_text(results.read(explained), "emotions")) is None
    bare = _with_text(results.read(make_workdir(tmp_path / "bare")))
    assert explanations.agreement(bare) is None


def test_a_fold_that_knows_no_sentence_has_blanks(explained):
    """So it is where one corpus of several has action units, and it is the fold that is tested."""
    first = results.read(explained).clips["fold"].iloc[0]
    edit(
        explained,
        "predictions.csv",
        lambda t: t.assign(
            nearest_1=FOUR,
            nearest_2=t["fold"].map(lambda fold: "" if fold == first else FOUR),
            similarity_2=t["fold"].map(lambda fold: "" if fold == first else "0.25"),
        ),
    )
    run = _with_text(results.read(explained))
    blank = run.clips["fold"].to_numpy() == first
    assert np.isnan(run.headline.similarity[:, blank, 1]).all()
    assert (run.headline.similarity[:, ~blank, 1] == 0.25).all()
    report.write(explained)
    page = (explained / "report.html").read_text()
    assert "(0.25)" in page and "(nan)" not in page

    edit(
        explained,
        "predictions.csv",
        lambda t: t.assign(
            nearest_1=t["nearest_2"],
            similarity_1=t["similarity_2"],
        ),
    )
    run = _with_text(results.read(explained))
    named = ~blank & (run.clips["aus"] != "").to_numpy()
    expected = (run.clips["aus"][named] == "4").mean()
    assert explanations.agreement(run)["nearest"] == pytest.approx(expected)


def test_the_report_shows_the_sentences(explained):
    report.write(explained)
    page = (explained / "report.html").read_text()
    assert "“lowering the eyebrows” (0.50)" in page
