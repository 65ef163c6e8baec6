"""The pictures that a report shows of a clip."""

import cv2
import numpy as np
import pandas as pd

from merclip_jax.data import strips
from merclip_jax.data.inputs import Stored
from merclip_jax.data.pack import Clips
from merclip_jax.facs import notation
from merclip_jax.protocols.folds import Fold


def test_a_clip_has_a_strip_and_its_change_at_the_apex(tmp_path):
    frames = np.full((5, 96, 96, 3), 100, np.uint8)
    frames[3, :48] = 110  # the apex of a clip whose first frame is frame 1
    names = ("clip_id", "dataset", "subject", "clip", "split", "emotion", "class")
    row = {name: "a/b" if name == "clip_id" else name for name in names}
    row |= {"label": 0, "n_frames": 4, "start": 1, "apex": 2, "aus": "4"}
    table = pd.DataFrame([row]).assign(action_units=notation.parse_column(pd.Series(["4"])))
    fold = Fold("one", np.array([], int), np.array([0]))
    strips.write(tmp_path, Clips(table, frames, Stored(frames, None)), table, [fold])
    strip = cv2.imread(str(tmp_path / "strips" / "a__b.jpg"))
    assert strip.shape == (96, 8 * 96, 3)
    onset, apex, change = np.split(cv2.imread(str(tmp_path / "strips" / "a__b__change.jpg")), 3, 1)
    for picture, upper, lower in ((onset, 100, 100), (apex, 110, 100), (change, 188, 128)):
        assert abs(picture[8:40, 8:88].mean() - upper) < 2
        assert abs(picture[56:88, 8:88].mean() - lower) < 2
