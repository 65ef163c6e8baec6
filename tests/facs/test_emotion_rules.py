import numpy as np
import pytest

from merclip_jax.errors import ConfigError
from merclip_jax.facs import emotion_rules

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
