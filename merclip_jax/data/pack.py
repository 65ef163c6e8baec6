"""Clip records -> one packed array of frames and one table, cached on disk by content.

The pack of a corpus serves every protocol: it holds all of its clips, each from onset to offset, at
the model's image size. A protocol then selects rows of the table. How frames become squares is the
business of `crops`.
"""

import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import tensorflow_datasets as tfds
from jaxtyping import Int, UInt8

from merclip_jax import manifest, workdir
from merclip_jax.data import datasets, motion, prepared
from merclip_jax.data.inputs import Stored
from merclip_jax.data.records import Records
from merclip_jax.errors import DataError
from merclip_jax.faces import crops
from merclip_jax.facs import notation
from merclip_jax.progress import bar

PACK_VERSION = 4  # raise when the packed pixels or columns of the same records change
CROP_VERSION = 1  # the same for those that are not the owner's crop
MANIFEST = "manifest.json"
DEVICE_SHARE = 0.4  # of the device's memory that 'auto' gives to clips
TEXT_COLUMNS = ("clip_id", "dataset", "subject", "clip", "split", "emotion", "aus")
NUMBER_COLUMNS = ("objective_class", "onset_used", "apex_used", "offset_used")


@dataclass(frozen=True)
class Clips:
    """Packed clips.

    Attributes:
      table: one row per clip: the record's text and numbers, `n_frames`, `start`, the clip's first
        row in `frames`, `pixels`, a digest of its frames, `apex`, the row of its apex counted from
        there, and `apex_annotated`; of aligned clips also what `crops.align` measured.
      frames: all frames of all clips, RGB, on disk: for what people look at.
      stored: what the model sees of them, in memory of the device, of the host, or on disk.
    """

    table: pd.DataFrame
    frames: UInt8[np.ndarray, "n h w 3"]
    stored: Stored

    @property
    def on_device(self) -> bool:
        """Whether a jitted step can gather from `stored` itself."""
        return all(isinstance(part, jax.Array) for part in self.stored if part is not None)

    @property
    def shared(self) -> Stored:
        """What every fold's step gathers from: all that is stored, or nothing of it."""
        return self.stored if self.on_device else Stored(None, None)


def load(
    builders: Sequence[tfds.core.DatasetBuilder],
    image_size: int,
    data_dir: Path,
    placement: str,
    crop: str = "owner",
    kind: str = "rgb",
) -> Clips:
    """Pack prepared datasets together, or open their pack.

    Args:
      builders: prepared datasets of clip records; a pack holds the clips of all of them.
      image_size: side of a packed frame in pixels.
      data_dir: packs are kept in its folder 'packed'.
      placement: 'device', 'host', 'memmap', or 'auto': on the device where it fits there beside
        the model, else read from disk.
      crop: one of `crops.WAYS`.
      kind: what the model sees, `config.data.input`; motion is computed once and kept beside.

    Raises:
      ConfigError: the face networks are needed and not installed.
      DataError: frames that cannot be decoded, or a clip without frames.
    """
    folder = data_dir / "packed" / _content_key(builders, image_size, crop)
    lock = data_dir / f".{folder.name}.lock"
    manifest.once(folder / MANIFEST, lock, lambda: _pack(builders, image_size, crop, folder))
    table = workdir.read_table(folder / "clips.csv")
    table["action_units"] = notation.parse_column(table["aus"])
    shape = (int(table["n_frames"].sum()), image_size, image_size, 3)
    frames = np.memmap(folder / "frames.bin", np.uint8, "r", shape=shape)
    flow = any(datasets.shows_flow(builder.builder_config) for builder in builders)
    moved = _motion(folder, frames, table, flow, lock) if "motion" in kind else None
    stored = Stored(frames if "rgb" in kind else None, moved)
    return Clips(table, frames, _place(stored, placement))


def _motion(
    folder: Path, frames: UInt8[np.ndarray, "n h w 3"], table: pd.DataFrame, flow: bool, lock: Path
) -> UInt8[np.ndarray, "n m m c"]:
    """The motion of all packed clips, computed once; with `flow` the frames show it already."""
    version = f"flow-{motion.PUBLISHED_VERSION}" if flow else f"motion-{motion.VERSION}"
    measure, parts = (motion.published, 3) if flow else (motion.motion, 2)
    file = folder / f"{version}.bin"

    def encoded(start: int, count: int) -> bytes:
        return motion.encode(measure(np.asarray(frames[start : start + count]))).tobytes()

    def make() -> None:
        partial = file.with_suffix(workdir.PARTIAL)
        clips = (table[name].tolist() for name in ("start", "n_frames"))
        with partial.open("wb") as out, _clip_by_clip() as pool:
            for values in bar(pool.map(encoded, *clips), "motion", "clip", len(table)):
                out.write(values)
        workdir.publish(partial, file)
        manifest.write(file.with_suffix(".json"), [file], {"pixels": _digest(*table["pixels"])})

    manifest.once(file.with_suffix(".json"), lock, make)
    return np.memmap(file, np.uint8, "r", shape=(len(frames), motion.SIDE, motion.SIDE, parts))


@contextmanager
def _clip_by_clip() -> Iterator[ThreadPoolExecutor]:
    """A thread per core for whole clips, while OpenCV keeps from threads within pictures."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            yield pool
    finally:
        cv2.setNumThreads(threads)


def faceless(table: pd.DataFrame) -> list[str]:
    """A notice of the clips that could not be aligned, for a table of aligned clips; else none.

    Raises:
      DataError: no face was found in any of them.
    """
    if "faces" not in table:
        return []
    lost = table.loc[table["faces"] < crops.ENOUGH, "clip_id"]
    if len(lost) == len(table):
        raise DataError(
            f"--config.data.crop=aligned: no face was found in any of the {len(table)} clips; look "
            "at their frames, or set --config.data.crop=owner"
        )
    if lost.empty:
        return []
    return [
        f"{len(lost)} of {len(table)} clips are not aligned, since no face was found in half of "
        f"the frames that were looked at; they are cropped as --config.data.crop=owner does: "
        f"{', '.join(lost)}. Look at their frames; if there is a face in them, set "
        "--config.data.crop=owner for all."
    ]


def without_apex(table: pd.DataFrame) -> list[str]:
    """A notice of the clips whose annotation gives no apex that can be used, if there are any."""
    lacking = int((table["apex_annotated"] == 0).sum())
    if not lacking:
        return []
    return [
        f"data.temporal='apex': {lacking} of {len(table)} clips have no annotated apex that lies "
        "between onset and offset; the middle frame, or the one that a correction names, is taken."
    ]


def _content_key(builders: Sequence[tfds.core.DatasetBuilder], image_size: int, crop: str) -> str:
    """The pack's folder; with the owner's crop, as it was before there was a choice."""
    way = "" if crop == "owner" else f"{crop}-"
    sha = hashlib.sha256(f"{PACK_VERSION} {image_size}".encode())
    if way:
        sha.update(f" {way}{CROP_VERSION}".encode())
    for builder in builders:
        for digest in prepared.digests(builder):
            sha.update(bytes.fromhex(digest))
    names = "+".join(builder.info.name for builder in builders)
    return f"{names}-{image_size}-{way}{sha.hexdigest()[:16]}"


def _pack(
    builders: Sequence[tfds.core.DatasetBuilder], image_size: int, crop: str, folder: Path
) -> None:
    partial = folder.with_name(f"{folder.name}{workdir.PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        rows, start = [], 0

        def cut(
            builder: tfds.core.DatasetBuilder, record: dict
        ) -> tuple[dict, dict, list[UInt8[np.ndarray, "s s 3"]]]:
            row, frames = _read(record, builder)
            packed, measured = crops.squares(frames, image_size, crop)
            return row, measured, packed

        with (partial / "frames.bin").open("wb") as out, _clip_by_clip() as pool:
            for some in _few_at_once(_records(builders)):
                for row, measured, packed in pool.map(cut, *zip(*some, strict=True)):
                    pixels = [frame.tobytes() for frame in packed]
                    out.writelines(pixels)
                    row |= {"start": start, "n_frames": len(packed), "pixels": _digest(*pixels)}
                    rows.append(row | measured)
                    start += len(packed)
        table = pd.DataFrame(rows)
        workdir.write_table(partial / "clips.csv", table)
        made = [partial / name for name in ("clips.csv", "frames.bin")]
        manifest.write(partial / MANIFEST, made, {"pixels": _digest(*table["pixels"])})
        workdir.publish(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _digest(*parts: bytes | str) -> str:
    """A short digest of a clip's pixels, or of those of all clips."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.encode() if isinstance(part, str) else part)
    return sha.hexdigest()[:16]


def _records(
    builders: Sequence[tfds.core.DatasetBuilder],
) -> Iterator[tuple[tfds.core.DatasetBuilder, dict]]:
    for builder in builders:
        label = f"packing {builder.name}"
        for record in bar(Records(builder, encoded=True), label, "clip"):
            yield builder, record


def _few_at_once(
    records: Iterator[tuple[tfds.core.DatasetBuilder, dict]],
) -> Iterator[list[tuple[tfds.core.DatasetBuilder, dict]]]:
    """As many records as are cut side by side: a pool would read all of them at once."""
    while some := list(itertools.islice(records, 2 * (os.cpu_count() or 1))):
        yield some


def _read(
    record: dict, builder: tfds.core.DatasetBuilder
) -> tuple[dict, list[UInt8[np.ndarray, "h w 3"]]]:
    """One record: its row of the table and its frames from onset to offset."""
    row = {name: record[name] for name in TEXT_COLUMNS}
    row |= {name: int(record[name]) for name in NUMBER_COLUMNS}
    image, frames, numbers = builder.info.features["frames"].feature, [], []
    for number, encoded in zip(record["frame_numbers"], record["frames"], strict=True):
        if row["onset_used"] <= number <= row["offset_used"]:
            try:
                frames.append(image.decode_example_np(encoded))
                numbers.append(int(number))
            except Exception as error:  # noqa: BLE001 - OpenCV says only that nothing came out
                raise DataError(
                    f"clip {row['clip_id']}, frame {number}: the image is damaged; copy it into "
                    f"the corpus again, delete {builder.data_dir}, and run again"
                ) from error
    if not frames:
        raise DataError(
            f"clip {row['clip_id']} has no frame between onset {row['onset_used']} and offset "
            f"{row['offset_used']}; correct its row in the annotation"
        )
    apex = int(np.abs(np.array(numbers) - row["apex_used"]).argmin())
    return row | {"apex": apex, "apex_annotated": int(record["apex_valid"])}, frames


def _place(stored: Stored, placement: str) -> Stored:
    parts = [part for part in stored if part is not None]
    if placement == "auto":
        stats = jax.local_devices()[0].memory_stats() or {}
        room = DEVICE_SHARE * stats.get("bytes_limit", 0)
        placement = "device" if sum(part.nbytes for part in parts) < room else "memmap"
    if placement == "memmap":
        return stored
    return jax.tree.map(jnp.asarray if placement == "device" else np.array, stored)


def first_rows(table: pd.DataFrame) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Where each clip starts in the packed frames, and how many frames it has."""
    return table["start"].to_numpy(np.int32), table["n_frames"].to_numpy(np.int32)


def apexes(table: pd.DataFrame) -> Int[np.ndarray, " n"]:
    """Each clip's apex, counted from its own first frame."""
    return table["apex"].to_numpy(np.int32)
