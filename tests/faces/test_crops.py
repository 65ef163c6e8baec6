import json
import shutil

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from merclip_jax import experiment, train, workdir
from merclip_jax.faces import crops, face
from merclip_jax.tfds_builders.synthetic_me import clips
from merclip_jax.tfds_builders.synthetic_me.story import Corpus
from merclip_jax.towers import files

SIZE = 224


@pytest.fixture(scope="module")
def clip():
    """Four frames, 224 x 224, of a drawn face in motion."""
    frames, _ = clips.render_clip(Corpus.demo(size=SIZE), 1, 0)
    return list(frames[::6])


def on_canvas(frames, angle=0.0, scale=1.0, shift=(0.0, 0.0), steps=(0.0, 0.0)):
    """The frames turned, scaled and put into 480 x 640; each one `steps` from the one before."""
    placed = []
    for i, frame in enumerate(frames):
        matrix = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), -angle, scale)  # clockwise
        matrix[:, 2] += (320, 240) - np.full(2, SIZE / 2) + shift + np.array(steps) * i
        how = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": (128, 128, 128)}
        placed.append(cv2.warpAffine(frame, matrix, (640, 480), **how))
    return placed


def middle_and_roll(frame):
    """The middle of the box around the mesh, and the turn of the eyes' line in degrees."""
    mesh = face.landmarks(frame)[:, :2]
    right, left = face.eye_centres(np.column_stack([mesh, mesh[:, 0]]))
    x, y = left - right
    return (mesh.min(axis=0) + mesh.max(axis=0)) / 2, np.degrees(np.arctan2(y, x))


@settings(max_examples=4, deadline=None)
@given(st.floats(-30, 30), st.floats(0.7, 1.6), st.floats(-60, 60))
@example(25.0, 1.4, 50.0)
def test_a_turned_shifted_and_scaled_face_comes_out_upright_and_centred(clip, angle, scale, shift):
    aligned, measured = crops.align(on_canvas(clip, angle, scale, (shift, -shift / 2)), SIZE)
    middle, roll = middle_and_roll(aligned[0])
    assert np.abs(middle - (SIZE - 1) / 2).max() < 4  # pixels of 224
    assert abs(roll) < 2  # degrees
    _, before = middle_and_roll(clip[0])
    assert abs(measured["roll"] - angle - before) < 3
    assert measured["faces"] == 1


def test_motion_from_frame_to_frame_is_kept(clip):
    """The head moves by 3 pixels per frame; an alignment of every frame would undo that."""
    still = [clip[0]] * 5
    moving = on_canvas(still, steps=(3, 0))
    aligned, measured = crops.align(moving, SIZE)
    zoom = np.hypot(*face.alignment([face.landmarks(moving[2])], SIZE)[:, 0])
    inside = (slice(40, 184), slice(40, 184), 0)
    for i in (1, 4):
        (x, y), _ = cv2.phaseCorrelate(
            aligned[0][inside].astype(np.float64), aligned[i][inside].astype(np.float64)
        )
        assert abs(x - 3 * i * zoom) < 0.3 and abs(y) < 0.3
    # Places -6, -3, 0, 3, 6 about their median: the root of the mean square is the root of 18.
    assert measured["head_motion"] == pytest.approx(np.sqrt(18) * zoom, rel=0.1)
    _, at_rest = crops.align(on_canvas(still), SIZE)
    assert at_rest["head_motion"] == 0


def test_head_motion_is_measured_in_pixels_of_the_crop_on_steady_points():
    mesh = np.random.default_rng(0).uniform(0, 100, (face.MESH_POINTS, 3))
    meshes = [mesh.copy() for _ in range(3)]
    meshes[0][:, :2] -= (3, 4)  # 5 pixels from the median, and as far on the other side
    meshes[2][:, :2] += (3, 4)
    mouth = 13
    meshes[1][mouth] += 1000
    twice = np.array([[2.0, 0, 7], [0, 2, 9]])
    assert crops.head_motion(meshes, twice) == pytest.approx(np.sqrt(2 / 3) * 10)
    assert mouth not in crops.STEADY


def test_all_frames_are_cut_alike_and_few_are_looked_at(monkeypatch):
    looked_at = []

    def landmarks(frame):
        looked_at.append(int(frame[0, 0, 0]))
        mesh = np.zeros((face.MESH_POINTS, 3))
        mesh[:, :2] = np.random.default_rng(0).uniform(20, 80, (face.MESH_POINTS, 2))
        return mesh

    monkeypatch.setattr(face, "landmarks", landmarks)
    frames = [np.full((100, 100, 3), i, np.uint8) for i in range(61)]
    aligned, _ = crops.align(frames, 32)
    assert looked_at == list(range(0, 61, 4))
    assert [int(frame.max()) for frame in aligned] == list(range(61))


@pytest.mark.parametrize(("seen", "used"), [(0, False), (1, False), (2, True), (3, True)])
def test_without_a_face_in_half_of_the_frames_a_clip_is_cropped_as_the_owners(clip, seen, used):
    empty = np.full((480, 640, 3), 128, np.uint8)
    frames = [*on_canvas(clip)[:seen], *[empty] * (4 - seen)]
    squares, measured = crops.align(frames, 64)
    assert measured["faces"] == seen / 4
    assert np.isfinite([measured["roll"], measured["head_motion"]]).all() == used
    owners = [crops.resize_and_crop(frame, 64) for frame in frames]
    assert np.array_equal(squares, owners) != used


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40))
@example(1, 90, 1)
def test_the_whole_frame_is_kept_between_black_borders(height, width, size):
    square = crops.whole(np.full((height, width, 3), 200, np.uint8), size)
    rows, columns = (square[..., 0] == 200).any(axis=1), (square[..., 0] == 200).any(axis=0)
    assert np.unique(square).tolist() in ([200], [0, 200])
    assert max(rows.sum(), columns.sum()) == size
    for seen, side in ((rows, height), (columns, width)):
        assert abs(seen.sum() - max(1, size * side / max(height, width))) <= 0.5
        assert abs(np.flatnonzero(seen).mean() - (size - 1) / 2) <= 0.5


def test_only_the_owners_crop_cuts_and_only_black_is_added():
    wide = np.zeros((20, 40, 3), np.uint8)
    wide[:, :10], wide[:, 10:30], wide[:, 30:] = 50, 100, 150
    (cut,), nothing = crops.squares([wide], 20, "owner")
    (kept,), nothing_either = crops.squares([wide], 20, "none")
    assert np.unique(cut).tolist() == [100]
    assert kept[5, :, 0].tolist() == [50] * 5 + [100] * 10 + [150] * 5
    assert (nothing, nothing_either) == ({}, {})


def test_a_run_on_aligned_faces_says_so_and_what_its_weights_knew(
    tiny_config, nano_model, tmp_path
):
    weights = shutil.copytree(nano_model, tmp_path / "weights")
    about = json.loads((weights / "merclip.json").read_text())
    (weights / "merclip.json").write_text(json.dumps(about | {"crop": "owner"}))
    with tiny_config.unlocked():
        tiny_config.data.crop = "aligned"
        tiny_config.model.init_from = str(weights)
        tiny_config.folds.scheme = "hold_out"
        tiny_config.recipe.epochs, tiny_config.recipe.warmup_epochs = 1, 0
        tiny_config.checkpoint.export = True
    train.run(tiny_config, tmp_path / "run")
    written = (tmp_path / "run" / "report.md").read_text()
    assert "trained with data.crop='owner', this run has 'aligned'" in written
    exported = tmp_path / "run" / "folds" / "hold_out" / "model-seed0" / "merclip.json"
    assert json.loads(exported.read_text())["crop"] == "aligned"
    table = workdir.read_table(tmp_path / "run" / "clips.csv")
    assert table["faces"].min() >= crops.ENOUGH
    assert table[list(crops.MEASURED)].notna().all(axis=None)


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ("owner", "owner", 0),
        ("aligned", "aligned", 0),
        ("aligned", "none", 1),
        (None, "aligned", 0),
    ],
)
def test_weights_that_know_another_crop_are_a_notice(tiny_config, tmp_path, then, now, told):
    (tmp_path / "merclip.json").write_text(json.dumps({"crop": then} if then else {}))
    tiny_config.data.crop = now
    assert len(experiment._other_crop(files.metadata(str(tmp_path)), tiny_config)) == told
    assert experiment._other_crop({"seen": {}}, tiny_config) == []
