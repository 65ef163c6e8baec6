import numpy as np
import pytest

from merclip_jax.errors import ConfigError
from merclip_jax.facs import emotion_rules
from merclip_jax.scoring import au_baselines, calibration

THREE = ("negative", "positive", "surprise")
UNITS = ("1", "2", "4", "6", "9", "12", "25")
SURE = np.stack([np.full(7, 0.02), np.full(7, 0.98)])


def shown(*units):
    return np.array([[float(unit in units) for unit in UNITS]])


@pytest.mark.parametrize(
    ("units", "emotion"),
    [
        (("12",), "positive"),
        (("6", "12"), "positive"),
        (("1", "2"), "surprise"),
        (("1", "2", "25"), "surprise"),
        (("4",), "negative"),
        (("9",), "negative"),
        (("4", "9"), "negative"),
    ],
)
def test_emotions_of_plain_sets(units, emotion):
    rules = emotion_rules.read(THREE, UNITS)
    found = emotion_rules.infer(rules, shown(*units), SURE)
    assert THREE[found[0].argmax()] == emotion
    assert found.sum() == pytest.approx(1)
    assert not emotion_rules.undecided(found)[0]


def test_infer_by_hand():
    rules = (np.array([[True, False]]), np.array([[False, True], [True, True]]))
    rates = np.array([[0.1, 0.2], [0.9, 0.7]])
    q = np.array([[0.8, 0.3]])

    def likelihood(unit, moved):
        rate = rates[1 if moved else 0, unit]
        return q[0, unit] * rate + (1 - q[0, unit]) * (1 - rate)

    first = likelihood(0, True) * likelihood(1, False)
    second = likelihood(1, True) * (likelihood(0, False) + likelihood(0, True)) / 2
    found = emotion_rules.infer(rules, q, rates)
    np.testing.assert_allclose(found, [[first / (first + second), second / (first + second)]])


def test_told_the_truth_by_hand():
    """Shown are 1+2, 12, 4 and, by a clip that counts as negative, 12 beside an unknown 9."""
    moved = np.array([[1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0, 0],
                      [0, 0, 0, 0, -1, 1, 0]])  # fmt: skip
    found = au_baselines.told_the_truth(
        emotion_rules.read(THREE, UNITS), moved, np.array([2, 1, 0, 0])
    )
    assert found == pytest.approx(((2 / 3 + 2 / 3 + 1) / 3, (1 / 2 + 1 + 1) / 3))


def test_one_sided_rules_count_only_where_sides_are_kept():
    merged = emotion_rules.read(("contempt",), ("12", "14"))[0]
    kept = emotion_rules.read(("contempt",), ("L12", "R12", "L14", "R14"))[0]
    assert merged.tolist() == [[False, True]]
    assert [True, False, False, False] in kept.tolist()
    assert [False, False, True, True] in kept.tolist()


def test_a_class_without_rules_and_a_file_that_is_none(tmp_path):
    with pytest.raises(ConfigError, match="no rule for the class 'boredom'; add one"):
        emotion_rules.read(("boredom",), UNITS)
    with pytest.raises(ConfigError, match="nowhere.yaml"):
        emotion_rules.read(THREE, UNITS, str(tmp_path / "nowhere.yaml"))
    (tmp_path / "mine.yaml").write_text("joy: [[12]]\n")
    assert emotion_rules.read(("joy",), ("12",), str(tmp_path / "mine.yaml"))[0].tolist() == [
        [True]
    ]


def test_thresholds_and_temperature_by_hand():
    logits = np.array([[-2.0], [0.5], [1.0], [3.0], [4.0]])
    labels = np.array([[0], [0], [0], [1], [1]])
    fitted = calibration.fit(logits, labels, chosen=True)
    assert fitted.threshold == pytest.approx([2.0])  # between the last still and the first moved
    assert fitted.temperature < 0.5  # perfectly separated: as sharp as is allowed
    assert ((fitted.probabilities(logits) > 0.5) == (labels == 1)).all()
    plain = calibration.fit(logits, labels, chosen=False)
    np.testing.assert_allclose(plain.probabilities(logits), 1 / (1 + np.exp(-logits)))


def test_rates_by_hand():
    fitted = calibration.Fitted(np.zeros(1), 1.0)
    logits, labels = np.array([[1.0], [1.0], [-1.0], [1.0]]), np.array([[1], [0], [0], [-1]])
    # One of two still clips is said to move, one of one moving clip; half a clip each way.
    np.testing.assert_allclose(fitted.rates(logits, labels), [[1.5 / 3], [1.5 / 2]])


def test_units_never_shown_are_left_at_zero():
    fitted = calibration.fit(np.ones((3, 1)), np.zeros((3, 1), int), chosen=True)
    assert fitted.threshold == pytest.approx([0.0])
