"""Damages to the pictures and folders of corpora, each with what may come of it."""

import os
import random
import shutil
from pathlib import Path

import cv2
import numpy as np

from benchmarks.damage.cells import Damage
from benchmarks.damage.copies import Copy, Expected, Records, alike, same_as


def _clip(copy: Copy, rng: random.Random) -> tuple[int, dict, list[Path]]:
    """A clip by its index, its record and its pictures."""
    index = rng.randrange(len(copy.plain.records))
    clip = copy.plain.records[index]
    return index, clip, copy.frames(clip)


def _replace(path: Path, content: bytes) -> None:
    path.unlink()  # a link to the undamaged one
    path.write_bytes(content)


def _picture(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def other_size(copy: Copy, rng: random.Random) -> Expected:
    """A frame of another size than the others."""
    _, _, frames = _clip(copy, rng)
    path = rng.choice(frames)
    size = rng.choice(((60, 20), (28, 35), (29, 34), (56, 68)))
    _replace(path, cv2.imencode(path.suffix, cv2.resize(_picture(path), size))[1].tobytes())
    return Expected(words=(path.name, f"{size[0]} x {size[1]}", "28 x 34"))


def sixteen_bits(copy: Copy, rng: random.Random) -> Expected:
    """Pictures of 12 bits in 16: one of a clip, or the whole clip."""
    _, clip, frames = _clip(copy, rng)
    some = frames if rng.random() < 0.5 else [rng.choice(frames)]
    suffix = rng.choice((".png", ".tif"))
    for path in some:
        deep = _picture(path).astype(np.uint16) * 16
        path.unlink()
        path.with_suffix(suffix).write_bytes(cv2.imencode(suffix, deep)[1].tobytes())
    return Expected(words=("8 bits", some[0].parent.name))


def other_format(copy: Copy, rng: random.Random) -> Expected:
    """A clip's pictures as .tif, .webp, .png or .bmp, or with suffixes in capitals."""
    _, _, frames = _clip(copy, rng)
    suffix = rng.choice((".tif", ".tiff", ".webp", ".png", ".bmp", ".JPG"))
    for path in frames:
        content = cv2.imencode(suffix.lower(), _picture(path))[1].tobytes()
        path.unlink()
        path.with_suffix(suffix).write_bytes(content)
    return Expected(same_as(copy.plain.records))


def picture_damaged(copy: Copy, rng: random.Random) -> Expected:
    """A picture that is empty, or another kind of file, or ends within its header."""
    _, _, frames = _clip(copy, rng)
    path = rng.choice(frames)
    content = path.read_bytes()
    _replace(path, rng.choice((b"", b"<html>not found</html>", bytes(500), content[:12])))
    return Expected(words=(path.name, path.parent.name))


def frame_gone(copy: Copy, rng: random.Random) -> Expected:
    """A frame that was lost: said, and in corpora that are known to have gaps left out."""
    index, clip, frames = _clip(copy, rng)
    inner = range(1, len(frames) - 1) if copy.plain.name == "smic" else range(len(frames))
    at = rng.choice(inner)
    frames[at].unlink()
    return Expected(
        words=(clip["clip"].split("/")[0], str(clip["frame_numbers"][at])), goes_on=True
    )


def frame_twice(copy: Copy, rng: random.Random) -> Expected:
    """A frame once more, under the names that programs give to copies."""
    _, _, frames = _clip(copy, rng)
    path = rng.choice(frames)
    names = ("{0} - Copy{1}", "{0} (1){1}", "{0} copy{1}", "x_{0}{1}", "{0}.PNG")
    shutil.copy(path, path.with_name(rng.choice(names).format(path.stem, path.suffix)))
    return Expected(words=(path.parent.name,))


def only_three(copy: Copy, rng: random.Random) -> Expected:
    """Onset, apex and offset alone, as they are handed on for optical flow."""
    _, clip, frames = _clip(copy, rng)
    if len({*_three(clip)}) == len(frames):
        return Expected(same_as(copy.plain.records))
    for number, path in zip(clip["frame_numbers"], frames, strict=True):
        if number not in _three(clip):
            path.unlink()
    for path in frames[0].parent.iterdir():
        if path.is_file() and path not in frames:
            path.unlink()  # what lies around the clip
    return Expected(words=("frames missing", str(clip["onset_used"])))


def _three(clip: dict) -> tuple[int, int, int]:
    return clip["onset_used"], clip["apex_used"], clip["offset_used"]


def renumbered(copy: Copy, rng: random.Random) -> Expected:
    """A clip's pictures numbered from 0 or 1 on, as tools do that cut or convert them."""
    _, clip, frames = _clip(copy, rng)
    first = rng.choice((0, 1))
    if first == clip["onset_used"]:
        first = 1 - first
    folder = frames[0].parent
    for path in [path for path in folder.iterdir() if path.is_file() and path not in frames]:
        path.unlink()
    moved = [path.rename(path.with_name(f"moving{i}.x")) for i, path in enumerate(frames)]
    for number, path in enumerate(moved, start=first):
        path.rename(path.with_name(f"img{number:03d}{frames[0].suffix}"))

    def right(found: Records) -> bool:
        if copy.plain.name == "fourdme":  # whose clips are counted anew in some copies
            return same_as(copy.plain.records)(found)
        if copy.plain.name != "smic":  # where the first picture is the onset, whatever its number
            return False
        apart = ("onset", "offset", "onset_used", "apex_used", "offset_used", "frame_numbers")
        return all(map(lambda one, other: alike(one, other, apart), copy.plain.records, found))

    return Expected(right, ("frames missing", str(clip["onset_used"])))


def left_behind(copy: Copy, rng: random.Random) -> Expected:
    """What programs leave behind: twins of a Mac, thumbnails, locks, folders of archives."""
    twin = b"\0\5\x16\7" + bytes(78)
    files = [path for path in copy.root.rglob("*") if path.is_file()]
    how = rng.choice(("twins", "macosx", "locks", "hidden"))
    for path in files:
        if how == "twins":
            path.with_name(f"._{path.name}").write_bytes(twin)
        elif how == "macosx":
            mirrored = copy.root / "__MACOSX" / path.relative_to(copy.root)
            mirrored.parent.mkdir(parents=True, exist_ok=True)
            mirrored.with_name(f"._{path.name}").write_bytes(twin)
        elif how == "locks" and path.suffix in (".xlsx", ".xls"):
            path.with_name(f"~${path.name}").write_bytes(b"lock")
            path.with_name(f".~lock.{path.name}#").write_bytes(b"lock")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini") if how == "hidden" else ():
        for folder in {path.parent for path in files} | {copy.root}:
            (folder / name).write_bytes(b"\0\0\0\1Bud1")
    return Expected(same_as(copy.plain.records))


def video_instead(copy: Copy, rng: random.Random) -> Expected:
    """A clip as a video in place of its pictures, in its folder or beside it."""
    _, clip, frames = _clip(copy, rng)
    folder, suffix = frames[0].parent, rng.choice((".avi", ".mp4", ".MOV"))
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
    if rng.random() < 0.5 or copy.plain.name in ("casme3", "casme3_c"):
        (folder / f"video{suffix}").write_bytes(b"RIFF")
        return Expected(words=(f"video{suffix}",))
    folder.rmdir()
    (folder.parent / f"{folder.name}{suffix}").write_bytes(b"RIFF")
    return Expected(words=(f"{folder.name}{suffix}",), goes_on=clip["split"] in ("testA", "testB"))


def folder_gone(copy: Copy, rng: random.Random) -> Expected | None:
    """A clip's folder that is missing, or called in other letters."""
    _, clip, frames = _clip(copy, rng)
    folder = frames[0].parent
    if copy.plain.name in ("smic", "casme3", "casme3_c"):  # the folder is no clip, or is the list
        return None
    alone = clip["split"] in ("testA", "testB")  # the only clip of a part, which is then left out
    words = (clip["split" if alone else "clip"],)
    if rng.random() < 0.5:
        shutil.rmtree(folder)
        return Expected(words=words, goes_on=True)
    folder.rename(folder.with_name(rng.choice((folder.name.swapcase(), f"{folder.name}_"))))
    return Expected(same_as(copy.plain.records), words, goes_on=True)


def not_text(copy: Copy, rng: random.Random) -> Expected:
    """Names that are no UTF-8, as old archives leave them: of a clip's pictures, or of folders."""
    _, clip, frames = _clip(copy, rng)
    if rng.random() < 0.5:
        for path in frames:
            os.rename(path, os.fsencode(path.parent) + b"/\xd6\xd0" + os.fsencode(path.name))
        return Expected(same_as(copy.plain.records))
    outer = copy.root / frames[0].relative_to(copy.root).parts[0]
    os.rename(outer, os.fsencode(copy.root) + b"/\xd6\xd0_" + os.fsencode(outer.name))
    return Expected(same_as(copy.plain.records), ("no",))


def file_damages() -> dict[str, Damage]:
    """What is done -> the damage."""
    return {
        "a frame of another size": other_size,
        "12 bits in 16": sixteen_bits,
        "pictures of another format": other_format,
        "a picture that is none": picture_damaged,
        "a frame lost": frame_gone,
        "a frame twice": frame_twice,
        "onset, apex and offset alone": only_three,
        "frames renumbered": renumbered,
        "files that programs leave behind": left_behind,
        "a video in place of pictures": video_instead,
        "a folder missing or renamed": folder_gone,
        "names that are no text": not_text,
    }
