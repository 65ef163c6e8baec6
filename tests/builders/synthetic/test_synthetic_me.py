"""The synthetic corpus: exact truth, and hard for the right reason."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from merclip_jax.data.datasets import prepare
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.facs import notation
from merclip_jax.tfds_builders.synthetic_me import clips, photo, story
from merclip_jax.tfds_builders.synthetic_me.anatomy import ACTION_UNITS, forms
from merclip_jax.tfds_builders.synthetic_me.corpus import CASME2, PRIOR, THREE_CLASSES, Corpus
from merclip_jax.tfds_builders.synthetic_me.synthetic_me_dataset_builder import Builder, read_people

CLASSES = {"disgust": 0, "repression": 0, "happiness": 1, "surprise": 2}
ALL_FORMS = [form for unit in ACTION_UNITS for form in forms(unit)]


@pytest.fixture(scope="module")
def rig():
    return clips.identity(0, 0, 224)


def act(rig, strengths, closed=0.0):
    """One frame without noise, head motion or a change of light."""
    strengths = {form: np.full(1, amplitude) for form, amplitude in strengths.items()}
    return rig.frames(strengths, np.full(1, closed), np.zeros((1, 3)), np.ones(1))[0]


# --- one clip is a function of (seed, subject, index) ---


def test_same_clip_same_bytes_whatever_was_drawn_before():
    corpus = Corpus.demo()
    first, truth = clips.render_clip(corpus, 1, 4)
    clips.identity.cache_clear()
    clips.render_clip(corpus, 0, 0)
    again, truth_again = clips.render_clip(replace(corpus, subjects=99, clips_per_subject=77), 1, 4)
    assert first.tobytes() == again.tobytes()
    assert truth == truth_again
    assert first.shape == (24, 112, 112, 3) and first.dtype == np.uint8


@pytest.mark.parametrize(
    "change", [(0, 0, 1), (0, 1, 0), (1, 0, 0)], ids=["index", "subject", "seed"]
)
def test_another_index_subject_or_seed_is_another_clip(change):
    seed, subject, index = change
    here, _ = clips.render_clip(Corpus.tiny(), 0, 0)
    there, _ = clips.render_clip(Corpus.tiny(seed=seed), subject, index)
    assert np.mean(here != there) > 0.5


def test_macro_identities_are_other_people():
    micro, macro = Corpus.micro(), Corpus.macro()
    assert micro.first_subject + micro.subjects <= macro.first_subject
    assert Corpus.demo().subjects <= macro.first_subject
    _, here = clips.render_clip(Corpus.tiny(), 0, 0)
    _, there = clips.render_clip(Corpus.tiny(first_subject=macro.first_subject), 0, 0)
    assert here.subject != there.subject


def test_strangers_are_the_people_of_macro_and_forty_more_to_test_on():
    macro, corpus = Corpus.macro(), Corpus.strangers()
    known, truth = clips.render_clip(macro, 199, 3)
    again, last_trained = clips.render_clip(corpus, 199, 3)
    _, first_tested = clips.render_clip(corpus, 200, 3)
    assert known.tobytes() == again.tobytes()
    assert (truth.split, last_trained.split, first_tested.split) == ("", "train", "test")
    assert (corpus.subjects, first_tested.subject) == (240, "s100200")


def test_identity_depends_on_neither_size_nor_clip():
    small, large = clips.identity(0, 3, 112).face, clips.identity(0, 3, 224).face
    assert small.anchors == large.anchors
    np.testing.assert_array_equal(small.picture, large.picture)


# --- the truth of the motion ---


@pytest.mark.parametrize("form", ALL_FORMS)
@pytest.mark.parametrize("size", [112, 224])
def test_largest_displacement_is_the_stated_amplitude(form, size):
    moved = clips.identity(0, 0, size).displacement({form: np.array([3.0])})
    largest = np.linalg.norm(moved[0, ..., :2], axis=-1).max()
    assert largest == pytest.approx(3.0 * size / 224, rel=1e-5)  # float32


@pytest.mark.parametrize(
    ("form", "anchor"),
    [("1", "brow_inner_l"), ("2", "brow_outer_r"), ("4", "brow_inner_r"), ("12", "lip_corner_l"),
     ("L12", "lip_corner_l"), ("R15", "lip_corner_r"), ("20", "lip_corner_r"),
     ("10", "lip_side_r")],
)  # fmt: skip
@pytest.mark.parametrize("amplitude", [1.0, 3.0])
def test_pixels_move_as_the_truth_says(rig, form, anchor, amplitude):
    """Lucas-Kanade tracking, which knows nothing of the field, finds the stated motion."""
    before, after = act(rig, {form: 0.0}), act(rig, {form: amplitude})
    grey = [cv2.cvtColor(np.uint8(frame), cv2.COLOR_RGB2GRAY) for frame in (before, after)]
    point = np.array([rig.face.anchors[anchor]], np.float32) * 224 - 0.5
    found, _, _ = cv2.calcOpticalFlowPyrLK(*grey, point, None, winSize=(11, 11), maxLevel=1)
    x, y = np.rint(found[0]).astype(int)
    stated = rig.displacement({form: np.array([amplitude])})[0, y, x, :2]
    assert (
        np.linalg.norm(found[0] - point[0] - stated) < 0.15 + 0.15 * amplitude
    )  # the field varies
    assert np.linalg.norm(stated) > 0.5 * amplitude


@pytest.mark.parametrize("form", [form for form in ALL_FORMS if form[0] in "LR"])
def test_sided_forms_move_their_own_side_only(rig, form):
    """The person's left is on the right of the picture."""
    changed = np.abs(act(rig, {form: 4.0}) - act(rig, {form: 0.0})).max(axis=-1) > 0
    middle = round(224 * rig.face.anchors["nose_root"][0])
    margin = 6  # pixels over which a side's motion fades, and motion carries pixels along
    left_half, right_half = changed[:, : middle - margin], changed[:, middle + margin :]
    own, other = (right_half, left_half) if form[0] == "L" else (left_half, right_half)
    assert own.sum() > 50
    assert not other.any()


def test_left_and_right_make_up_the_bilateral_form(rig):
    both = rig.form("12")[..., :2]
    halves = rig.form("L12")[..., :2] + rig.form("R12")[..., :2]
    np.testing.assert_allclose(both, halves, atol=0.05)  # the sides differ in scale by rounding


def test_brows_go_up_and_lip_corners_out(rig):
    def at(form, anchor):
        x, y = np.rint(np.array(rig.face.anchors[anchor]) * 224 - 0.5).astype(int)
        return rig.form(form)[y, x]

    assert at("1", "brow_inner_l")[1] < -0.5
    assert at("4", "brow_inner_l")[1] > 0.3
    assert at("12", "lip_corner_l")[0] > 0.3 and at("12", "lip_corner_r")[0] < -0.3
    assert at("15", "lip_corner_l")[1] > 0.5


def test_a_blink_covers_the_eyes_and_touches_nothing_else(rig):
    difference = np.abs(act(rig, {"1": 0.0}, closed=1.0) - act(rig, {"1": 0.0})).max(axis=-1)
    rows, columns = np.nonzero(difference)
    eyes = np.array(
        [rig.face.anchors[f"eye_{end}_{s}"] for end in ("inner", "outer") for s in "lr"]
    )
    assert difference.max() > 60
    assert (
        columns.min() >= eyes[:, 0].min() * 224 - 2 and columns.max() <= eyes[:, 0].max() * 224 + 2
    )
    assert np.ptp(rows) < 0.25 * rig.unit + 4


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), frames=st.integers(8, 64), subject=st.integers(0, 10**6))
def test_stories_are_in_order(seed, frames, subject):
    corpus = Corpus.micro(seed=seed, frames=frames)
    told = story.tell(corpus, subject, 0)
    assert 0 <= told.onset < told.apex < told.offset < frames
    cell = told.aus.split("+")[0]
    own = told.strengths[cell]
    assert own[told.apex] - own[told.onset] == pytest.approx(told.amplitudes[cell])
    assert own[told.offset] == pytest.approx(own[told.onset])
    rise = np.diff(own[told.onset : told.apex + 1])
    assert (rise >= 0).all()
    low, high = corpus.amplitude
    assert max(told.amplitudes[c] / story.travel(c) for c in told.amplitudes) <= high + 1e-9
    assert max(told.amplitudes[c] / story.travel(c) for c in told.amplitudes) >= low - 1e-9


# --- labels ---


def test_every_cell_of_the_prior_is_an_au_cell():
    for emotion, cells in PRIOR.items():
        assert sum(cells.values()) == 100, emotion
        for cell in cells:
            assert notation.parse(cell).numbers <= set(ACTION_UNITS), cell
            assert all(part in ALL_FORMS for part in cell.split("+")), cell


@pytest.mark.parametrize("balance", [THREE_CLASSES, CASME2])
def test_a_perfect_reader_of_aus_is_not_perfect(balance):
    """Population UF1 of the best map from AU cells to the three classes."""
    share = {emotion: weight for emotion, weight in balance.items() if emotion in CLASSES}
    cells = {}
    for emotion, weight in share.items():
        for cell, percent in PRIOR[emotion].items():
            column = cells.setdefault(cell, np.zeros(3))
            column[CLASSES[emotion]] += weight / sum(share.values()) * percent / 100
    confusion = np.zeros((3, 3))
    for column in cells.values():
        confusion[:, column.argmax()] += column
    f1 = 2 * np.diag(confusion) / (confusion.sum(0) + confusion.sum(1))
    assert 0.85 < f1.mean() < 0.95


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"frames": 3}, "frames"), ({"size": 2}, "size"), ({"subjects": 0}, "subjects"),
     ({"amplitude": (3.0, 1.0)}, "amplitude"), ({"emotions": {"joy": 1.0}}, "emotions"),
     ({"emotions": {"disgust": 0.0}}, "positive weight"), ({"seed": -1}, "seed"),
     ({"tested": 26}, "tested")],
)  # fmt: skip
def test_an_impossible_corpus_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        Corpus.micro(**changes)


# --- hard for the right reason ---


def test_only_motion_tells_the_classes_apart():
    """On unseen people, who somebody is and how the apex looks say nothing; the motion does.

    The bound is 2.6 standard deviations of a random guesser's balanced accuracy (p < 0.005).
    """
    corpus = Corpus.demo(subjects=20, clips_per_subject=11)
    features, labels, subjects = _features(corpus)
    counts = np.bincount(labels)
    spread = np.sqrt(np.sum(1 / 3 * 2 / 3 / counts)) / 3
    linear = make_pipeline(
        PCA(40, random_state=0), StandardScaler(), LogisticRegression(C=0.1, max_iter=500)
    )
    kernel = make_pipeline(StandardScaler(), SVC(class_weight="balanced"))

    def score(name, model):
        folds = GroupKFold(5)
        guess = cross_val_predict(model, features[name], labels, groups=subjects, cv=folds)
        return balanced_accuracy_score(labels, guess)

    for name in ("onset", "apex"):
        for model in (linear, kernel):
            assert score(name, model) < 1 / 3 + 2.6 * spread, name
    assert score("flow", kernel) > 1 / 3 + 5 * spread


def _features(corpus):
    """Small pictures of onset and apex, and the optical flow between the two, of every clip."""
    found = {"onset": [], "apex": [], "flow": []}
    labels, subjects = [], []
    for subject in range(corpus.subjects):
        for index in range(corpus.clips_per_subject):
            frames, truth = clips.render_clip(corpus, subject, index)
            onset, apex = (
                cv2.cvtColor(frames[number - 1], cv2.COLOR_RGB2GRAY)
                for number in (truth.onset, truth.apex)
            )
            flow = cv2.calcOpticalFlowFarneback(onset, apex, None, 0.5, 3, 15, 3, 5, 1.1, 0)
            flow -= np.median(flow, axis=(0, 1))  # the head's own motion
            for name, image, side in (("onset", onset, 48), ("apex", apex, 48), ("flow", flow, 16)):
                small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
                found[name].append(small.ravel().astype(np.float32))
            labels.append(CLASSES[truth.emotion])
            subjects.append(truth.subject)
    return {name: np.array(rows) for name, rows in found.items()}, np.array(labels), subjects


# --- the prepared dataset ---


def test_prepared_dataset_holds_exactly_the_rendered_clips(tmp_path):
    builder = prepare("synthetic_me", "", tmp_path, "tiny")
    source = builder.as_data_source("train")
    corpus = Corpus.tiny()
    assert len(source) == corpus.subjects * corpus.clips_per_subject
    names = {example["clip_id"].decode(): example for example in source}
    for subject in range(corpus.subjects):
        frames, truth = clips.render_clip(corpus, subject, 1)
        stored = names[truth.clip_id]
        np.testing.assert_array_equal(np.stack(stored["frames"]), frames)  # PNG: lossless
        assert stored["aus"].decode() == truth.aus
        assert stored["emotion"].decode() == truth.emotion
        assert list(stored["frame_numbers"]) == list(range(1, corpus.frames + 1))
        assert 1 <= stored["onset"] < stored["apex"] < stored["offset"] <= corpus.frames
        assert stored["fps"] == 100 and stored["apex_valid"]


def test_builder_names_itself_synthetic():
    assert {"demo", "micro", "macro", "tiny", "photo"} <= set(Builder.builder_configs)
    _, truth = clips.render_clip(Corpus.tiny(), 0, 0)
    assert truth.clip_id == "synthetic_me/s00/c000"


# --- photographs ---


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Drawn faces serve as photographs: two people, one with a folder of two pictures."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "anna").mkdir()
    for name, subject in (("anna/1.png", 2), ("anna/2.jpg", 2), ("ben.png", 5)):
        picture = clips.identity(0, subject, 112).face.picture
        cv2.imwrite(str(folder / name), picture[..., ::-1])
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_photographs_move_like_drawn_faces(album, tmp_path):
    source = prepare("synthetic_me", album, tmp_path, "photo").as_data_source("train")
    assert sorted({example["subject"] for example in source}) == [b"anna", b"ben"]
    assert len(source) == 2 * 20
    assert np.stack(source[0]["frames"]).shape == (24, 112, 112, 3)


def test_mesh_anchors_agree_with_the_drawn_ones(album):
    """The detector knows nothing of the drawing; both must mean the same places."""
    people = read_people(album, 112)
    assert [len(people[name]) for name in ("anna", "ben")] == [2, 1]
    for name, subject in (("anna", 2), ("ben", 5)):
        found, drawn = people[name][0], clips.identity(0, subject, 112)
        assert set(found.face.anchors) == set(drawn.face.anchors)
        for anchor in (
            "eye_inner_l",
            "eye_outer_r",
            "lip_corner_l",
            "lip_line",
            "brow_inner_r",
            "chin",
        ):
            distance = found._place[anchor] - drawn._place[anchor]
            assert np.linalg.norm(distance) < 0.2, anchor  # inter-pupillary distances


@pytest.mark.parametrize("size", [300, 448])
def test_photographed_faces_are_as_large_as_drawn_ones_and_in_their_place(tmp_path, size):
    """Movements are stated in pixels: in a smaller face they would be larger."""
    picture = cv2.resize(clips.identity(0, 2, 112).face.picture, (size, size))
    turned = cv2.warpAffine(picture, cv2.getRotationMatrix2D((size / 2,) * 2, 12, 0.8), (500, 520))
    cv2.imwrite(str(tmp_path / "turned.png"), turned)
    at = {
        name: np.array(place) for name, place in photo.read(tmp_path / "turned.png").anchors.items()
    }
    right, left = (at[f"eye_inner_{side}"] / 2 + at[f"eye_outer_{side}"] / 2 for side in "rl")
    np.testing.assert_allclose(left - right, [0.31, 0], atol=0.01)
    np.testing.assert_allclose((left + right) / 2, [0.5, 0.39], atol=0.01)


def test_unusable_photographs_are_all_named(tmp_path):
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 200, 3), 128, np.uint8))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        read_people(tmp_path, 112)
    assert "wall.png: no face found" in str(caught.value)
    assert "broken.jpg: no readable picture" in str(caught.value)


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(DataError, match="no pictures"):
        photo.subjects(tmp_path)
