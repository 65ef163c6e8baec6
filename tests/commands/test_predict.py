"""From a video to its timeline: the command's body on small films and the smallest model."""

import json
import subprocess
import sys
from dataclasses import replace

import cv2
import films
import numpy as np
import pandas as pd
import pytest
from films import PEAK_MIB

from merclip_jax import predict
from merclip_jax.data.inputs import Stored
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.faces import crops
from merclip_jax.tfds_builders.synthetic_me import clips
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.timeline import findings
from merclip_jax.video import camera, decode, inference, windows
from merclip_jax.video.inference import Settings
from merclip_jax.video.predictor import Predictor
from merclip_jax.video.spotting import Event

SETTINGS = Settings(window_ms=200.0, stride_ms=50.0, face="largest")
FPS = 100.0


def film(path, pictures, fps=FPS, codec="MJPG"):
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (width, height))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    writer.release()
    return path


def waves(count, size=(64, 48), seed=0):
    """Pictures of a texture that moves up and down, more and less."""
    rng = np.random.default_rng(seed)
    base = cv2.GaussianBlur(rng.integers(0, 256, (96, 96, 3), np.uint8), (0, 0), 2)
    offsets = 16 + 6 * np.sin(np.arange(count) / 5) * np.sin(np.arange(count) / 40)
    matrices = [np.array([[1, 0, -16], [0, 1, -offset]]) for offset in offsets]
    return [cv2.warpAffine(base, matrix, size) for matrix in matrices]


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    return film(tmp_path_factory.mktemp("film") / "moving.avi", waves(120))


def run(model, given, output, settings=SETTINGS, **changes):
    options = {"crop": "owner", "batch_size": 4} | changes
    return predict.run(str(model), str(given), output, settings, **options)


def read_json(folder):
    return json.loads((folder / "timeline.json").read_text())


# --- what comes out ---


def test_every_window_is_in_the_tables(nano_model, moving, tmp_path):
    (told,) = run(nano_model, moving, tmp_path / "out")
    table, values = pd.read_csv(tmp_path / "out/timeline.csv"), read_json(tmp_path / "out")
    starts = [50.0 * i for i in range(21)]  # 1200 ms of video: the last window starts at 1000
    assert table["start_ms"].tolist() == starts == [w["start_ms"] for w in values["windows"]]
    assert (table["end_ms"] - table["start_ms"]).unique().tolist() == [200.0]
    classes = ["negative", "positive", "surprise"]
    probabilities = table[[f"p_{name}" for name in classes]].to_numpy()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-9)
    leading = [classes[i] for i in probabilities.argmax(1)]
    assert table["emotion"].tolist() == leading == [w["emotion"] for w in values["windows"]]
    assert (table["similarity_1"] >= table["similarity_2"]).all()
    assert (table["motion"] > 0).all() and table["motion"].nunique() > 10
    assert values["input"] == {"name": "moving", "fps": FPS, "frames": 120, "duration_ms": 1200.0}
    assert values["model"]["classes"] == classes and not values["model"]["calibrated"]
    assert told.notices == values["notices"]


@pytest.mark.parametrize(("codec", "tolerance"), [("MJPG", 0.02), ("mp4v", 0.04)])
def test_a_compressed_video_is_read_as_its_frames_are(nano_model, tmp_path, codec, tolerance):
    """The array path: frames chosen and resized by hand, without any file."""
    frames, _ = clips.render_clip(replace(Corpus.macro(), size=96), 9, 1)
    path = film(tmp_path / "clip.avi", frames, codec=codec)
    whole = Settings(window_ms=10.0 * len(frames), stride_ms=50.0, face="largest")
    (told,) = run(nano_model, path, tmp_path / "out", whole)
    middles = (len(frames) - 1) * (np.arange(8) + 0.5) / 8
    chosen = [crops.resize_and_crop(frames[round(i)], 32) for i in middles.tolist()]
    expected = Predictor(nano_model).read([Stored(np.stack(chosen), None)]).probabilities[0]
    assert len(told.rows) == 1
    np.testing.assert_allclose(told.rows[0].probabilities, expected, atol=tolerance)
    other = Predictor(nano_model).read([Stored(np.stack(chosen[::-1]), None)]).probabilities[0]
    assert np.abs(expected - other).max() < 1  # probabilities, and the order of frames is theirs


def test_a_compressed_face_is_aligned_as_the_rendered_one_is(nano_model, tmp_path):
    frames, _ = clips.render_clip(replace(Corpus.macro(), size=224), 9, 1)
    shown = [np.pad(f, ((30, 34), (60, 40), (0, 0)), constant_values=90) for f in frames]
    path = film(tmp_path / "clip.avi", shown, codec="mp4v")
    whole = Settings(window_ms=10.0 * len(frames), stride_ms=50.0, face="largest")
    (told,) = run(nano_model, path, tmp_path / "out", whole, crop="aligned")
    stream = (decode.Frame(i, 10.0 * i, picture) for i, picture in enumerate(shown))
    (window,) = windows.windows(
        stream, window_ms=whole.window_ms, stride_ms=50.0, count=8, size=32, crop="aligned",
        face="largest", temporal="uniform",
    )  # fmt: skip
    expected = Predictor(nano_model).read([window.seen("rgb")]).probabilities[0]
    row = told.rows[0]
    assert row.face == 1 and row.place is not None
    np.testing.assert_allclose(row.place, window.matrix, atol=0.02 * 224)
    np.testing.assert_allclose(row.probabilities, expected, atol=0.05)


def test_a_video_without_a_face_is_said_and_stays_empty(nano_model, moving, tmp_path, capsys):
    (told,) = run(nano_model, moving, tmp_path / "out", crop="aligned")
    assert told.notices[0] == "No face was found in any window, so nothing was read."
    table = pd.read_csv(tmp_path / "out/timeline.csv")
    assert table["p_negative"].isna().all() and table["emotion"].isna().all()
    assert set(table["flags"]) == {"face lost"}
    assert read_json(tmp_path / "out")["windows"][0]["emotion"] is None
    page = (tmp_path / "out/timeline.html").read_text()
    assert "No face was found in 1.2 s of video, so nothing was read." in page
    assert "no face found in 1.2 s</title>" in page and "No movement stands out" not in page
    assert capsys.readouterr().out.startswith("moving: no face found in 1.2 s of video\n")


def test_few_frames_per_second_are_said_everywhere(nano_model, tmp_path, capsys):
    path = film(tmp_path / "slow.avi", waves(20), 25.0)
    run(nano_model, path, tmp_path / "out")
    notices = read_json(tmp_path / "out")["notices"]
    printed = capsys.readouterr()
    assert "frames per second are few" not in printed.err  # once is enough, where the answer stands
    for said in (printed.out, (tmp_path / "out/timeline.html").read_text(), notices[0]):
        assert said.count("25 frames per second are few") == 1 and "it has 1 to 12" in said


def test_a_dropped_second_is_said_everywhere_and_nothing_is_read_in_it(
    nano_model, tmp_path, capsys
):
    times = [*range(0, 600, 10), *range(1600, 2200, 10)]
    path = films.film(tmp_path / "a.mkv", times, waves(120), codec="ffv1", pix_fmt="bgr0")
    (told,) = run(nano_model, path, tmp_path / "out")
    table, values = pd.read_csv(tmp_path / "out/timeline.csv"), read_json(tmp_path / "out")
    read = table[table["p_negative"].notna()]
    assert ((read["end_ms"] <= 600) | (read["start_ms"] >= 1600)).all() and len(read) == 18
    gap = table[table["flags"] == "no frames"]
    assert gap[["start_ms", "end_ms"]].to_numpy().tolist() == [[590, 1600]]
    assert gap["face"].isna().all() and len(table) == 19
    assert values["gaps"] == [{"start_ms": 590.0, "end_ms": 1600.0}]
    page = (tmp_path / "out/timeline.html").read_text()
    assert "Frames are missing from 0.59 s to 1.60 s." in page
    assert "0.59 to 1.60 s  no frames" in capsys.readouterr().out
    assert told.end.duration_ms == 2200


def test_frames_too_far_apart_are_said(nano_model, tmp_path):
    path = films.film(tmp_path / "a.mp4", range(0, 5000, 500))
    with pytest.raises(DataError, match="10 frames, about 500 ms apart: no window of 200 ms"):
        run(nano_model, path, tmp_path / "out")


# --- events ---


def test_an_event_is_shown_from_onset_to_offset_as_its_window_saw_it(
    nano_model, tmp_path, monkeypatch
):
    """Frames are told by their grey level."""
    pictures = [np.full((48, 64, 3), 30 + 2 * i, np.uint8) for i in range(100)]
    path = film(tmp_path / "grey.avi", pictures)
    stream = decode.frames(decode.open_source(path))
    time_of = {float(np.median(frame.image)): frame.time_ms for frame in stream}
    assert len(time_of) == 100
    event = Event(onset_ms=400.0, apex_ms=460.0, offset_ms=640.0, score=7.0)
    monkeypatch.setattr(findings.spotting, "spot", lambda *args: [event])
    (told,) = run(nano_model, path, tmp_path / "out")
    (one,) = told.findings
    assert (one.row.start_ms, one.row.middle_ms) in {(350.0, 450.0), (400.0, 500.0)}
    strip = [time_of[float(np.median(picture))] for picture in one.strip]
    assert strip == [400, 420, 440, 460, 520, 580, 640]
    assert [time_of[float(np.median(picture))] for picture in one.frames] == list(one.row.times_ms)
    assert one.explanation is not None
    assert one.explanation.target == told.info.classes[int(np.argmax(one.row.probabilities))]
    said = read_json(tmp_path / "out")["events"][0]
    assert (said["onset_ms"], said["apex_ms"], said["offset_ms"], said["score"]) == (
        400,
        460,
        640,
        7,
    )
    assert said["explanation"]["sentence"] == one.explanation.sentence
    table = pd.read_csv(tmp_path / "out/timeline.csv")
    middles = (table["start_ms"] + table["end_ms"]) / 2
    assert table["event"].notna().tolist() == [400 <= middle <= 640 for middle in middles]


def test_the_overlay_has_every_frame_and_names_the_class_at_events(
    nano_model, moving, tmp_path, monkeypatch
):
    event = Event(500.0, 600.0, 700.0, 3.0)
    monkeypatch.setattr(findings, "find", lambda rows, face: [findings.Finding(0, event, rows[10])])
    run(nano_model, moving, tmp_path / "out", with_overlay=True)
    shown = list(decode.frames(decode.open_source(tmp_path / "out/overlay.mp4")))
    plain = list(decode.frames(decode.open_source(moving)))
    assert len(shown) == len(plain) == 120
    for frame, named in ((20, False), (60, True), (90, False)):
        changed = np.abs(shown[frame].image.astype(int) - plain[frame].image).mean(axis=2)
        assert (changed[8:20, 8:60].mean() > 3 * changed[30:].mean()) == named


# --- killed and gone on, refused ---


def test_a_killed_run_goes_on_to_the_same_files(nano_model, moving, tmp_path, monkeypatch):
    run(nano_model, moving, tmp_path / "whole")
    plain, put = Predictor.read, []

    def killed(self, frames):
        if len(put) == 3:
            raise KeyboardInterrupt
        put.append(len(frames))
        return plain(self, frames)

    monkeypatch.setattr(Predictor, "read", killed)
    with pytest.raises(KeyboardInterrupt):
        run(nano_model, moving, tmp_path / "parts")
    assert not (tmp_path / "parts/timeline.csv").exists()
    rows = tmp_path / "parts/windows.jsonl"
    rows.write_bytes(rows.read_bytes()[:-9])  # the last row was on its way
    put.clear()
    monkeypatch.setattr(
        Predictor, "read", lambda self, frames: put.append(len(frames)) or plain(self, frames)
    )
    run(nano_model, moving, tmp_path / "parts")
    assert sum(put) == 21 - 11  # 12 rows were known, one of them by half
    for name in ("timeline.csv", "windows.jsonl", "timeline.html"):
        assert (tmp_path / "parts" / name).read_text() == (tmp_path / "whole" / name).read_text()
    whole, parts = (read_json(tmp_path / name) for name in ("whole", "parts"))
    assert whole.pop("speed") and parts.pop("speed") == {}
    assert whole == parts


def test_a_finished_run_is_written_again_without_the_model(
    nano_model, moving, tmp_path, monkeypatch
):
    run(nano_model, moving, tmp_path / "out")
    before = (tmp_path / "out/timeline.csv").read_text()
    monkeypatch.setattr(inference.windows, "windows", None)
    run(nano_model, moving, tmp_path / "out", batch_size=2)
    assert (tmp_path / "out/timeline.csv").read_text() == before


def test_another_configuration_is_refused_and_nothing_is_touched(nano_model, moving, tmp_path):
    run(nano_model, moving, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(ConfigError, match="another configuration.*stride_ms: 50.0 there, 25.0 now"):
        run(nano_model, moving, tmp_path / "out", replace(SETTINGS, stride_ms=25.0))
    with pytest.raises(ConfigError, match="crop: 'owner' there, 'none' now"):
        run(nano_model, moving, tmp_path / "out", crop="none")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_replaced_pictures_are_another_input(nano_model, tmp_path):
    clip = tmp_path / "clip"
    clip.mkdir()
    for i, picture in enumerate(waves(40)):
        cv2.imwrite(str(clip / f"{i}.png"), picture)
    run(nano_model, clip, tmp_path / "out", fps=FPS)
    for i, picture in enumerate(waves(40, seed=1)):
        cv2.imwrite(str(clip / f"{i}.png"), picture)
    with pytest.raises(ConfigError, match="another configuration .input: '"):
        run(nano_model, clip, tmp_path / "out", fps=FPS)


# --- several inputs, a camera, folders ---


def test_of_several_inputs_the_good_ones_are_done(nano_model, moving, tmp_path, monkeypatch):
    other = film(tmp_path / "other.avi", waves(40, seed=1))
    (tmp_path / "list.txt").write_text(f"{moving}\n{other}\n")
    plain = decode.frames

    def broken(source, notices=None):
        if source.name == "moving":
            raise DataError("moving.avi: frame 7 is damaged")
        return plain(source, notices)

    monkeypatch.setattr(inference.decode, "frames", broken)
    with pytest.raises(DataError, match="1 of 2 inputs.*\n.*frame 7 is damaged"):
        run(nano_model, tmp_path / "list.txt", tmp_path / "out")
    assert (tmp_path / "out/other/timeline.html").is_file()
    index = (tmp_path / "out/index.html").read_text()
    assert 'href="other/timeline.html"' in index and "frame 7 is damaged" in index
    monkeypatch.setattr(inference.decode, "frames", plain)
    done = run(nano_model, tmp_path / "list.txt", tmp_path / "out")
    assert [told.source.name for told in done] == ["moving", "other"]
    assert 'href="moving/timeline.html"' in (tmp_path / "out/index.html").read_text()


def test_a_camera_is_recorded_once_at_the_rate_it_gave(tmp_path, monkeypatch):
    source, plain, asked = decode.Source("camera0", 0, 30.0, None), decode.frames, []

    def filmed(given):
        if given.path != 0:
            return plain(given)
        asked.append(given)
        return (decode.Frame(i, 50.0 * i, picture) for i, picture in enumerate(waves(400)))

    monkeypatch.setattr(camera.decode, "frames", filmed)
    taken = camera.recorded(source, tmp_path, seconds=1.0)
    assert taken.fps == pytest.approx(20.0) and taken.name == "camera0"
    assert [frame.time_ms for frame in decode.frames(taken)] == [50.0 * i for i in range(21)]
    assert camera.recorded(source, tmp_path, seconds=1.0) == taken and len(asked) == 1


def test_a_camera_that_gives_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(camera.decode, "frames", lambda source: iter(()))
    with pytest.raises(DataError, match="camera gave 0 frames"):
        camera.recorded(decode.Source("camera0", 0, 30.0, None), tmp_path, 1.0)


# --- the command ---


def command(*flags):
    return subprocess.run(
        [sys.executable, "-m", "merclip_jax.predict", *flags], capture_output=True, text=True
    )


def test_the_commands_exit_codes_and_words(nano_model, moving, tmp_path):
    done = command(
        f"--model={nano_model}", f"--input={moving}", f"--output={tmp_path / 'out'}", "--crop=owner"
    )
    assert done.returncode == 0, done.stderr
    assert "events in 1.2 s of video" in done.stdout and "times real time" in done.stdout
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    broken = command(
        f"--model={nano_model}", f"--input={tmp_path / 'broken.mp4'}", f"--output={tmp_path / 'b'}"
    )
    assert broken.returncode == 3
    assert broken.stderr.startswith("error: ") and "broken.mp4" in broken.stderr
    assert "Traceback" not in broken.stderr


MEASURED = (
    PEAK_MIB
    + """
import sys
from merclip_jax import predict
from merclip_jax.data.inputs import Stored
from merclip_jax.video.inference import Settings
def peak(name):
    predict.run(sys.argv[1], f"{sys.argv[2]}/{name}.avi", f"{sys.argv[2]}/{name}",
                Settings(300.0, 100.0, "largest"), crop="owner")
    return peak_mib()
short = peak("short")
print("MiB", short, peak("long"))
"""
)


def test_memory_does_not_grow_with_the_length(nano_model, tmp_path):
    """1,500 frames would take 445 MiB as arrays."""
    some = waves(100, (360, 288))
    film(tmp_path / "short.avi", some)
    film(tmp_path / "long.avi", some * 15)
    told = subprocess.run(
        [sys.executable, "-c", MEASURED, str(nano_model), str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    short, long = map(float, told.stdout.splitlines()[-1].split()[1:])
    assert long < 1536
    assert long - short < 150
