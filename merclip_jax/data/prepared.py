"""A prepared dataset on disk: written, unchanged since, and of the annotation at hand.

TFDS's own writers, without TensorFlow and in order.
"""

import contextlib
import errno
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from merclip_jax import manifest
from merclip_jax.data.records import Records
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.tfds_builders.corpus import Corpus

MANIFEST = "manifest.json"  # datasets of earlier versions have none
RECORDS = ".array_record"
# What a sheet alone decides; the frames that are used follow from these and the files on disk.
ANNOTATED = ("emotion", "objective_class", "aus", "split", "onset", "apex", "offset")
CLIPS_PER_SHARD = 500
CLIPS_AT_ONCE = 16  # the writer rewrites its metadata every time


def write(builder: tfds.core.DatasetBuilder, folder: Path | None) -> None:
    """Write the builder's examples in their order, one at a time.

    TFDS's own `download_and_prepare` shuffles, which takes TensorFlow once a corpus passes 1 GB,
    and memory up to there; the order of clips on disk means nothing to us.

    Args:
      builder: of a dataset that is not there yet.
      folder: where the corpus lies; None where the builder needs none.

    Raises:
      ConfigError: the builder needs a corpus, and none is given.
      DataError: the corpus has faults; all are listed.
      OSError: the disk is full, or refuses.
    """
    config = tfds.download.DownloadConfig(manual_dir=folder)
    manager = builder._make_download_manager(Path(builder.data_dir).parent / "downloads", config)
    try:
        with contextlib.redirect_stdout(None):  # TFDS prints sizes of downloads; there are none
            examples = builder._split_generators(manager)["train"]
    except AssertionError as error:  # how TFDS says that a corpus must be given
        if folder:
            raise
        raise ConfigError(
            f"dataset {builder.name}: give manual_dir, the folder that holds the corpus. "
            f"{builder.MANUAL_DOWNLOAD_INSTRUCTIONS}"
        ) from error
    Path(builder.data_dir).mkdir(parents=True, exist_ok=True)
    writer = tfds.core.SequentialWriter(builder.info, CLIPS_PER_SHARD, file_format="array_record")
    writer.initialize_splits(["train"])
    while some := [example for _, example in itertools.islice(examples, CLIPS_AT_ONCE)]:
        with _writing(builder):
            writer.add_examples({"train": some})
    with _writing(builder):
        writer.close_all()


@contextlib.contextmanager
def _writing(builder: tfds.core.DatasetBuilder) -> Iterator[None]:
    """Say what array_record's errors mean: the disk is full, or refuses."""
    try:
        yield
    except RuntimeError as error:
        raise OSError(errno.EIO, f"cannot be written ({error})", builder.data_dir) from error


def describe(folder: Path, corpus: Corpus | None) -> None:
    """Write the manifest of a dataset; `corpus` is none where code draws the clips."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    manifest.write(folder / MANIFEST, files, _identity(corpus) if corpus else {})


def check_description(folder: Path) -> None:
    """Refuse a dataset of which the files beside its records are not as they were written.

    Raises:
      DataError: with those that changed. TFDS would say little, or read them as they are.
    """
    _check(folder, {p.name: manifest.of_file(p) for p in folder.glob("*.json")}, ".json")


def digests(builder: tfds.core.DatasetBuilder) -> list[str]:
    """The SHA-256 of each file of records, in their order.

    Raises:
      DataError: a file changed since it was written.
    """
    folder = Path(builder.data_dir)
    records = sorted(folder.glob(f"*{RECORDS}*"))
    now = {path.name: manifest.of_file(path) for path in records}
    _check(folder, now, RECORDS)
    return list(now.values())


def _check(folder: Path, now: Mapping[str, str], kind: str) -> None:
    written = _manifest(folder)
    listed = written.files if written else {}
    faults = [
        f"{folder / name} {'changed since it was written' if name in now else 'is missing'}"
        for name, digest in listed.items()
        if kind in name and now.get(name) != digest
    ]
    if faults:
        raise DataError(f"{folder} is damaged: delete it, and run again", faults)


def check_annotation(builder: tfds.core.DatasetBuilder, corpus: Corpus) -> None:
    """Refuse a dataset that was prepared from another annotation than that of the corpus.

    A workbook that was written anew with the same clips in it is the same.

    Raises:
      DataError: with the cells that differ.
    """
    folder = Path(builder.data_dir)
    written = _manifest(folder)
    if written is None or written.identity == _identity(corpus):
        return
    faults = list(_differences(builder, corpus))
    if faults:
        read = ", ".join(map(str, corpus.sources()))
        raise DataError(
            f"{folder} was prepared from another annotation than {read}. Delete it, and it is "
            "prepared anew; or leave out manual_dir, and it is used as it is.",
            faults,
        )


def _manifest(folder: Path) -> manifest.Manifest | None:
    try:
        return manifest.read(folder / MANIFEST)
    except DataError as error:
        raise DataError(f"{error}: delete {folder}, and run again") from error


def _identity(corpus: Corpus) -> dict[str, str]:
    return {"annotation": manifest.of_json([_digest(path) for path in corpus.sources()])}


def _digest(source: Path) -> str:
    """Of a workbook its bytes; of a tree whose folders are the labels the names in it."""
    if source.is_file():
        return manifest.of_file(source)
    return manifest.of_json(sorted(str(path.relative_to(source)) for path in source.rglob("*")))


def _differences(builder: tfds.core.DatasetBuilder, corpus: Corpus) -> Iterator[str]:
    then = {record["clip_id"]: record for record in Records(builder, encoded=True)}
    now = {clip.clip_id: clip for clip in corpus.sheet().clips}
    yield from (f"{name}: is not in the annotation" for name in then if name not in now)
    yield from (f"{name}: is not in the dataset" for name in now if name not in then)
    for name in (name for name in now if name in then):
        for field in ANNOTATED:
            was, now_is = _plain(then[name][field]), getattr(now[name], field)
            if was != now_is:
                yield f"{name}: {field} {was!r} in the dataset, {now_is!r} in the annotation"


def _plain(value: Any) -> str | int:
    return value if isinstance(value, str) else int(value)
