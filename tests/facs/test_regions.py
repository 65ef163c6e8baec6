"""Regions of action units: anatomically right on drawn faces, left apart from right."""

import numpy as np
import pytest

from merclip_jax.errors import ConfigError
from merclip_jax.facs import phrases, regions
from merclip_jax.tfds_builders.synthetic_me.anatomy import ACTION_UNITS
from merclip_jax.tfds_builders.synthetic_me.face import anchors
from merclip_jax.tfds_builders.synthetic_me.traits import Traits

GRID = 14
FACES = [anchors(Traits.sample(np.random.default_rng(seed))) for seed in range(20)]


@pytest.mark.parametrize("unit", sorted(set(ACTION_UNITS) & set(regions.REGIONS)))
def test_what_a_unit_moves_lies_in_its_region(unit):
    """The anchors at which the synthetic corpus pulls, on twenty drawn faces."""
    mask = regions.mask(unit, "", GRID)
    pulled = ACTION_UNITS[unit].pulls[0].anchor
    names = [pulled] if ACTION_UNITS[unit].midline else [f"{pulled}_l", f"{pulled}_r"]
    hits = [
        mask[int(face[name][1] * GRID), int(face[name][0] * GRID)]
        for face in FACES
        for name in names
    ]
    assert np.mean(hits) > 0.9


@pytest.mark.parametrize("unit", sorted(regions.REGIONS))
def test_left_and_right_are_mirrors_and_make_the_whole(unit):
    left, right = (regions.mask(unit, side, GRID) for side in "LR")
    np.testing.assert_array_equal(left, right[:, ::-1])
    assert left.any() and not (left | right)[~regions.mask(unit, "", GRID)].any()
    assert left[:, GRID // 2 :].sum() > left[:, : GRID // 2].sum()  # the person's left


def test_every_region_is_part_of_the_face_and_on_a_coarse_grid_too():
    for unit in regions.REGIONS:
        assert unit in phrases.NAMES
        for grid in (2, 7, 14, 16):
            assert 0 < regions.mask(unit, "L", grid).mean() <= (0.75 if grid == 2 else 0.4)


def test_masks_of_several_units_are_rows():
    found = regions.masks([(1, ""), (12, "L")], 7)
    assert found.shape == (2, 49)
    np.testing.assert_array_equal(found[1], regions.mask(12, "L", 7).reshape(-1))


def test_eyes_elsewhere_move_the_region():
    low = regions.mask(5, "", GRID, regions.Frame(eye_height=0.6))
    assert np.nonzero(low)[0].min() > np.nonzero(regions.mask(5, "", GRID))[0].max()


def test_a_unit_without_a_region():
    with pytest.raises(ConfigError, match="action unit 57 has no region; known are"):
        regions.mask(57, "", GRID)


def test_a_region_outside_the_picture():
    with pytest.raises(ConfigError, match="its region is outside the picture"):
        regions.mask(21, "", GRID, regions.Frame(eye_height=0.9))


@pytest.mark.parametrize(
    "crop, given, expected",
    [("owner", 0.0, 0.31), ("none", 0.0, 0.31), ("aligned", 0.0, 0.27), ("aligned", 0.4, 0.4)],
)
def test_the_eyes_are_where_the_crop_puts_them_unless_said(crop, given, expected):
    assert regions.Frame.of_crop(crop, given, 0.39) == regions.Frame(expected, 0.39)
