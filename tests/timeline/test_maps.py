"""Maps of evidence and their deletion test: against a model that looks at one known place."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import special

from merclip_jax.data.augment import STD
from merclip_jax.data.inputs import Stored
from merclip_jax.merclip.model import Output
from merclip_jax.micro_au.model import MicroAu, MicroAuConfig
from merclip_jax.models import MerClip
from merclip_jax.timeline import maps
from merclip_jax.towers.config import VisionConfig

GRID, SIDE, FRAMES = 7, 28, 6
CELL, WHEN = (2, 4), 3  # where and when the hand-made model looks
PIXELS = np.s_[CELL[0] * 4 : CELL[0] * 4 + 4, CELL[1] * 4 : CELL[1] * 4 + 4]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What `maps` asks of a config."""

    vision: VisionConfig


class LooksAtOneCell(MerClip):
    """Class 0 has the mean of one patch of one frame as its logit, class 1 has 0."""

    def __init__(self):
        self.cfg = Sizes(VisionConfig.tiny(frames=FRAMES, image_size=SIDE, patch_size=4))
        self.gain = nnx.Param(jnp.asarray(2.0))

    def __call__(self, frames, **_):
        seen = frames[:, WHEN, *PIXELS].mean((1, 2, 3)) * self.gain[...]
        return Output(frames[:, 0, 0], frames[:, 0], jnp.stack([seen, 0 * seen], axis=1))


def rgb(frames):
    return Stored(frames, None)


@pytest.fixture
def clip():
    """Noise that differs from frame to frame; the watched patch turns 51 grey levels brighter."""
    frames = np.random.default_rng(0).integers(0, 100, (FRAMES, SIDE, SIDE, 3), np.uint8)
    frames[WHEN, *PIXELS] = frames[0, *PIXELS] + 51
    return frames


@pytest.fixture(scope="module")
def nano(nano_model):
    return MerClip.from_pretrained(nano_model)


def test_the_map_is_where_and_when_the_model_looks(clip):
    told = maps.explain(LooksAtOneCell(), rgb(clip), 0, "surprise")
    expected = np.zeros((FRAMES, GRID, GRID))
    expected[WHEN, *CELL] = 1
    np.testing.assert_allclose(told.map, expected, atol=1e-6)
    assert np.argwhere(told.highlighted).tolist() == [list(CELL)]


def test_the_drop_is_what_the_watched_movement_adds(clip):
    told = maps.explain(LooksAtOneCell(), rgb(clip), 0, "surprise")
    assert told.drop == pytest.approx(2 * (51 / STD).mean(), rel=1e-5)
    assert told.score - told.still == pytest.approx(told.drop, rel=1e-5)
    assert (told.random_drop, told.random_sd) == (0, 0)
    assert told.beaten == 1
    assert told.holds


def test_the_class_against_which_all_speaks_has_no_evidence(clip):
    told = maps.explain(LooksAtOneCell(), rgb(clip), 1, "surprise")
    assert not told.map.any()
    assert not told.highlighted.any()
    assert (told.drop, told.beaten) == (0, 0)
    assert not told.holds
    assert told.sentence == "No movement of the face speaks for surprise: the map is empty."


def test_a_still_clip_has_no_evidence(clip):
    still = np.repeat(clip[:1], FRAMES, axis=0)
    told = maps.explain(LooksAtOneCell(), rgb(still), 0, "surprise")
    assert not told.map.any()
    assert told.score == told.still


def test_the_face_at_rest_may_be_another_frame(clip):
    told = maps.explain(LooksAtOneCell(), rgb(clip), 0, "surprise", onset=WHEN)
    assert not told.map.any()  # what is seen there is the rest itself


def test_shapes_and_repeatability_of_a_whole_model(nano):
    frames = np.random.default_rng(1).integers(0, 256, (8, 32, 32, 3), np.uint8)
    told = maps.explain(nano, rgb(frames), 2, "surprise")
    again = maps.explain(nano, rgb(frames), 2, "surprise")
    assert told.map.shape == (8, 2, 2)
    assert (told.map >= 0).all()
    assert told.map.sum() == pytest.approx(1)
    np.testing.assert_array_equal(told.map, again.map)
    assert told.sentence == again.sentence
    assert (told.drop, told.random_drop) == (again.drop, again.random_drop)


def test_scores_are_log_odds_whose_probabilities_sum_to_one(nano):
    frames = np.random.default_rng(2).integers(0, 256, (8, 32, 32, 3), np.uint8)
    told = [maps.explain(nano, rgb(frames), target, "it") for target in range(3)]
    for name in ("score", "still"):
        assert special.expit([getattr(one, name) for one in told]).sum() == pytest.approx(1)


def test_the_evidence_sums_to_what_the_movement_adds(nano):
    """Integrated gradients are complete: what the sum lacks is the integral's own error."""
    rng = np.random.default_rng(3)
    frames = rng.integers(100, 140, (8, 32, 32, 3), np.uint8)
    evidence = maps.evidence(nano, rgb(frames), 1)
    told = maps.explain(nano, rgb(frames), 1, "it")
    assert evidence.sum() == pytest.approx(told.score - told.still, rel=0.02, abs=1e-4)


def test_where_everything_is_still_the_score_is_the_still_clips(nano):
    frames = np.random.default_rng(4).integers(0, 256, (8, 32, 32, 3), np.uint8)
    still = np.repeat(frames[:1], 8, axis=0)
    moving = np.zeros((maps.CONTROLS + 3, 2, 2), bool)
    moving[1] = True
    none, everything, *others = maps.scores(nano, rgb(frames), moving, 0)
    assert none == pytest.approx(maps.explain(nano, rgb(still), 0, "it").score, abs=1e-5)
    assert everything == pytest.approx(maps.explain(nano, rgb(frames), 0, "it").score, abs=1e-5)
    assert others == [none] * len(others)
    assert none != pytest.approx(everything, abs=1e-4)


def test_an_action_unit_can_be_explained(nano):
    cfg = MicroAuConfig(nano.cfg.vision, nano.cfg.text, units=("1", "12"), dependency=False)
    model = MicroAu.over(nano, cfg, rngs=nnx.Rngs(0))
    frames = np.random.default_rng(5).integers(0, 256, (8, 32, 32, 3), np.uint8)
    first, second = (maps.evidence(model, rgb(frames), unit) for unit in range(2))
    assert first.shape == (8, 2, 2)
    assert np.isfinite(first).all()
    assert np.abs(first).sum() > 0
    assert not np.allclose(first, second)


def told(drop: float, beaten: float) -> maps.Explanation:
    cells = np.eye(3, dtype=bool)
    return maps.Explanation("AU12", np.ones((1, 3, 3)), cells, 1.0, -1.0, drop, 0.1, 0.1, beaten)


def test_the_sentence_says_what_came_of_the_test():
    good, poor, bad = told(1.0, 1.0), told(1.0, 0.75), told(0.2, 0.5)
    assert good.holds
    assert not poor.holds
    assert not bad.holds
    assert good.sentence == (
        "With the highlighted parts of the face held still, AU12 goes from 73 % to 50 %: more than "
        "for any of 20 other places of the same shape. The model used what is highlighted."
    )
    assert "more than for 15 of 20 other places" in poor.sentence
    assert "no proof" in poor.sentence
    assert "matter no more than random ones" in bad.sentence
    assert "matter no more than random ones" in told(-0.5, 1.0).sentence
