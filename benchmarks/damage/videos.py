"""Damage video files in many ways and look at what is made of them: frames, and what is said.

    python -m benchmarks.damage.videos --count=2000

A short film of a moving square is written in eight forms. Each damage goes to one of them, by its
seed. Frames are then decoded as `predict` does. *Message*: refused with one that names the file.
*Said*: frames came, and a notice says what is wrong. *Whole*: every frame came with its picture and
time. *Unsaid*: frames or pixels differ and nothing was said, as a codec without checks has it.
*Wrong*: any other error, times that do not grow, or pictures of another size.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from merclip_jax.errors import DataError
from merclip_jax.video import decode, writing
from merclip_jax.video.writing import Form

FORMS = {
    "mp4": writing.FOR_BROWSERS,
    "mkv": Form("matroska", "ffv1", "bgr0"),
    "avi": Form("avi", "mjpeg", "yuvj420p"),
    "mov": Form("mov", "png", "rgb24"),
    "webm": Form("webm", "libvpx", "yuv420p"),
    "ts": Form("mpegts", "libx264", "yuv420p"),
    "flv": Form("flv", "libx264", "yuv420p"),
    "gif": Form("gif", "gif", "rgb8"),
}
FRAMES, SIDE, STEP_MS = 40, 64, 40.0
OUTCOMES = ("message", "said", "whole", "unsaid", "wrong")

Seen = list[decode.Frame]


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """The beginning."""
    return content[: rng.integers(1, len(content))]


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """Up to 49 bytes changed."""
    changed = np.frombuffer(content, np.uint8).copy()
    places = rng.integers(0, len(changed), rng.integers(1, 50))
    changed[places] ^= rng.integers(1, 256, len(places)).astype(np.uint8)
    return changed.tobytes()


def zeroed(content: bytes, rng: np.random.Generator) -> bytes:
    """A stretch of noughts, as of a disk that failed."""
    start, length = rng.integers(0, len(content)), rng.integers(1, len(content) // 4)
    return content[:start] + bytes(int(length)) + content[start + length :]


def left_out(content: bytes, rng: np.random.Generator) -> bytes:
    """A stretch lost, as of a copy over a bad line."""
    start, length = rng.integers(0, len(content)), rng.integers(1, len(content) // 4)
    return content[:start] + content[start + length :]


def head_lost(content: bytes, rng: np.random.Generator) -> bytes:
    """The first bytes are others."""
    return rng.bytes(64) + content[64:]


def twice(content: bytes, rng: np.random.Generator) -> bytes:
    """The file, and itself or its second half again."""
    return content + content[rng.integers(0, 2) * len(content) // 2 :]


DAMAGES = (cut, flipped, zeroed, left_out, head_lost, twice)


def films(folder: Path) -> dict[Path, Seen]:
    """The films, and what is decoded of each."""
    made = {}
    for suffix, form in FORMS.items():
        path = folder / f"film.{suffix}"
        with writing.film(path, form, 1000 / STEP_MS) as put:
            for i in range(FRAMES):
                picture = np.random.default_rng(i).integers(0, 40, (SIDE, SIDE, 3), np.uint8)
                picture[20:40, i // 2 : i // 2 + 20] += 180
                put(picture, i * STEP_MS)
        made[path] = decoded(path, [])
    return made


def decoded(path: Path, notices: list[str]) -> Seen:
    """The frames, as `predict` reads them."""
    return list(decode.frames(decode.open_source(path), notices))


def outcome(path: Path, whole: Seen) -> str:
    """What became of a damaged film."""
    notices: list[str] = []
    try:
        frames = decoded(path, notices)
    except DataError as error:
        return "message" if path.name in str(error) else "wrong"
    except Exception:  # noqa: BLE001 - any other is what is looked for
        return "wrong"
    times = np.array([frame.time_ms for frame in frames])
    if (np.diff(times) <= 0).any() or len({frame.image.shape for frame in frames}) > 1:
        return "wrong"
    if notices:
        return "said"
    same = len(frames) == len(whole) and all(
        one.time_ms == other.time_ms and np.array_equal(one.image, other.image)
        for one, other in zip(frames, whole, strict=True)
    )
    return "whole" if same else "unsaid"


def main() -> None:
    """Damage films and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    table: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        made = films(Path(scratch))
        for number in range(given.count):
            rng = np.random.default_rng((given.seed, number))
            path = list(made)[number % len(made)]
            damage = DAMAGES[number // len(made) % len(DAMAGES)]
            damaged = path.with_name(f"damaged{path.suffix}")
            damaged.write_bytes(damage(path.read_bytes(), rng))
            found = outcome(damaged, made[path])
            if found == "wrong":
                print(f"wrong: --seed={given.seed}, number {number}: {damage.__name__} {path.name}")
            for row in (damage.__name__, path.suffix[1:], "all"):
                table[row, found] += 1
    print(f"| |{'|'.join(OUTCOMES)}|\n|---|{'---|' * len(OUTCOMES)}")
    for row in (*(damage.__name__ for damage in DAMAGES), *FORMS, "all"):
        print(f"| {row} | {' | '.join(str(table[row, found]) for found in OUTCOMES)} |")


if __name__ == "__main__":
    main()
