import numpy as np
import pytest

from merclip_jax.errors import ConfigError
from merclip_jax.facs import emotion_rules
from merclip_jax.micro_au.emotion_text import TEMPERATURE, Texts

SHARED = np.array([0.0, 0.0, 5.0])  # what all sentences have in common
TEXTS = Texts(
    units=np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]) + SHARED,
    emotions=np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]) - SHARED,
    of_class=np.array([0, 1, 2, 2]),
)


def test_the_nearest_emotion_wins_whatever_sentences_share():
    found = TEXTS.infer(np.eye(4))
    assert found.argmax(1).tolist() == [0, 1, 2, 2]
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_allclose(np.log(found[0, 0] / found[0, 1]), 2 / TEMPERATURE)


def test_two_units_by_hand():
    found = TEXTS.infer(np.array([[0.6, 0.0, 0.2, 0.0]]))  # direction (3, 1) / sqrt(10)
    odds = np.log(found[0, 0] / found[0, 2])
    np.testing.assert_allclose(odds, (3 - 1) / np.sqrt(10) / TEMPERATURE)


def test_a_clip_that_says_nothing_is_undecided():
    nothing = TEXTS.infer(np.array([[0.0] * 4, [0.3] * 4, [0.9, 0.0, 0.0, 0.0]]))
    assert emotion_rules.undecided(nothing).tolist() == [True, True, False]


def test_classes_change_gradually_with_the_units():
    q = np.linspace(0, 1, 201)
    found = TEXTS.infer(np.stack([q, 0 * q, 1 - q, 0 * q], axis=1))
    assert np.abs(np.diff(found[:, 0])).max() < 0.12 and (np.diff(found[:, 0]) > -1e-12).all()


def test_classes_are_made_of_the_emotions_that_the_rules_name():
    named = emotion_rules.emotions(("negative", "positive", "surprise", "boredom"))
    assert named[1:] == [("happiness",), ("surprise",), ("boredom",)]
    assert named[0][:2] == ("disgust", "sadness") and len(named[0]) == 6


def test_emotions_that_are_one_to_the_tower_are_refused():
    names = ("joy", "grief", "awe", "fear")
    TEXTS.check(names)
    same = TEXTS.emotions.copy()
    same[1] = 2 * same[0]
    with pytest.raises(ConfigError, match="'joy' and 'grief' are the same.*init_from"):
        Texts(TEXTS.units, same, TEXTS.of_class).check(names)
    same = TEXTS.emotions.copy()
    same[3] = same[2]  # of one class: nobody has to tell them apart
    Texts(TEXTS.units, same, TEXTS.of_class).check(names)
