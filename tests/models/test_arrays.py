"""What users hand over as frames: taken, converted or refused with a reason."""

import numpy as np
import pytest

from merclip_jax.errors import DataError
from merclip_jax.models import arrays

PIXELS = np.arange(3 * 8 * 9 * 3).reshape(3, 8, 9, 3) % 256


def test_uint8_is_taken_as_it_is():
    (clip,) = arrays.clips(PIXELS.astype(np.uint8))
    np.testing.assert_array_equal(clip, PIXELS)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint16])
def test_whole_numbers_of_a_byte_are_converted(dtype):
    (clip,) = arrays.clips(PIXELS.astype(dtype))
    assert clip.dtype == np.uint8
    np.testing.assert_array_equal(clip, PIXELS)


def test_fractions_of_white_are_converted():
    (clip,) = arrays.clips(PIXELS / 255)
    np.testing.assert_array_equal(clip, PIXELS)


def test_a_batch_and_a_list_are_several_clips():
    assert len(arrays.clips(np.stack([PIXELS, PIXELS]))) == 2
    assert [len(clip) for clip in arrays.clips([PIXELS[:2], PIXELS])] == [2, 3]


def test_one_range_counts_for_a_batch():
    dark, bright = PIXELS / 255 / 255, PIXELS / 255
    first, _ = arrays.clips(np.stack([dark, bright]))
    assert first.max() == 1


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (PIXELS.astype(float), "float64 from 0 to 255: give uint8"),
        (PIXELS / 127 - 1, "float64 from -1"),
        (PIXELS - 1, "int64 from -1 to 254"),
        (np.where(PIXELS, PIXELS / 255, np.nan), "from nan"),
        (PIXELS > 9, "frames of bool"),
        (PIXELS[0], r"shape \[8, 9, 3\]"),
        (PIXELS.transpose(0, 3, 1, 2), r"give RGB pictures as \[t, h, w, 3\]"),
        (PIXELS[..., :1], r"shape \[3, 8, 9, 1\]"),
        (PIXELS[:1], "1 frame: an expression is a motion"),
        ([PIXELS, PIXELS[:1]], "clip 1: 1 frame"),
        (np.zeros((0, 3, 8, 9, 3)), r"shape \[0, 3, 8, 9, 3\]"),
        ([], r"shape \[0\]"),
    ],
)
def test_what_cannot_be_meant_is_refused(frames, reason):
    with pytest.raises(DataError, match=reason):
        arrays.clips(frames)
