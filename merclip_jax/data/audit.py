"""What a corpus on disk holds, how it differs from the published counts, and all that is wrong.

Nothing is built. Read are the annotation, file names and headers of pictures; all pixels, and
faces in one picture per person, only when asked for.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path

import pandas as pd

from merclip_jax.data import datasets, own_clips
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.faces import face
from merclip_jax.progress import bar
from merclip_jax.protocols import selection
from merclip_jax.protocols.table import Protocol
from merclip_jax.tfds_builders import folders
from merclip_jax.tfds_builders.corpus import Corpus
from merclip_jax.tfds_builders.frames import NoFramesError
from merclip_jax.tfds_builders.records import Clip, Fault

LONGEST_S = 0.5  # seconds: what definitions of a micro-expression allow (Yan et al. 2013)
FRAMES = 16  # that MER-CLIP sees of a clip


def audit(corpus: Corpus, pixels: bool = False) -> dict:
    """The report as JSON values.

    {dataset, annotation_file, layout, n_clips, n_subjects, parts{owner's part: n},
    emotions{label: n}, objective_classes{..}, aus{"1": n, ..} (sides merged), subjects{name: n},
    published[{source, differences[..]}],
    protocols{name: {n_clips, n_subjects, counts{}, fingerprint, published}},
    faults[{key, kind, detail, stops_build}], corrections[{key, column, old, new, reason, source}]}

    Args:
      corpus: where it lies and which of its frames are meant.
      pixels: also decode every picture and look for a face in one picture per person.

    Raises:
      DataError: there is no annotation that can be read.
    """
    sheet = corpus.sheet()
    faces = corpus.pictures == "face"  # flow has neither a duration nor a face
    faults = [*sheet.faults, *_strange_labels(corpus, sheet.clips)]
    if not sheet.clips:
        faults.append(Fault(sheet.source.name, "annotation", "no row describes a clip"))
    try:
        clips, faults_on_disk = corpus.on_disk(sheet)
    except DataError as error:
        clips, faults_on_disk = [], [Fault(corpus.name, "missing_folder", str(error))]
    faults += [*faults_on_disk, *_same_pictures(clips)]
    if faces:
        faults += [*_unlikely(sheet.clips), *_short(clips), *_without_units(sheet.clips)]
    if pixels:
        faults += [*_damaged(clips), *(_faceless(clips) if faces else ())]
    table = datasets.facts(sheet.clips)
    faults += _unfit_columns(corpus.name, table)
    counts = _counts(table)
    return {
        "dataset": corpus.name,
        "annotation_file": ", ".join(_place(corpus, path) for path in corpus.sources()),
        "layout": corpus.layout,
        **counts,
        "published": _against_published(corpus, counts),
        "protocols": _protocols(corpus.name, table),
        "faults": [_shown(fault) for fault in faults],
        "corrections": [asdict(line) for line in sheet.corrections],
    }


def _place(corpus: Corpus, path: Path) -> str:
    """A file or folder of the corpus as people find it: below manual_dir."""
    below = path.relative_to(corpus.manual_dir)
    return folders.shown(below if below.parts else path.name)


def _shown(fault: Fault) -> dict:
    """A fault as JSON values; names of files that are no text, escaped."""
    values = asdict(fault)
    return values | {name: folders.shown(values[name]) for name in ("key", "detail")}


def _counts(table: pd.DataFrame) -> dict:
    numbers = Counter(number for units in table["action_units"] for number in units.numbers)
    objective = table["objective_class"][table["objective_class"] > 0]
    return {
        "n_clips": len(table),
        "n_subjects": table["subject"].nunique(),
        "parts": _tally(table["split"][table["split"] != ""]),
        "emotions": _tally(table["emotion"]),
        "objective_classes": _tally(objective),
        "aus": {str(number): numbers[number] for number in sorted(numbers)},
        "subjects": _tally(table["subject"]),
    }


def _tally(column: pd.Series) -> dict[str, int]:
    counts = column.value_counts().sort_index()
    return {str(name): int(count) for name, count in counts.items()}


def _against_published(corpus: Corpus, counts: dict) -> list[dict]:
    """Published counts of the corpus, and where this copy differs from them.

    Of several workbooks of its owner those are left out that are not the one on disk.
    """
    text = resources.files("merclip_jax.data").joinpath("published_counts.json").read_text()
    compared, entries = [], json.loads(text).get(corpus.name, [])
    named, read = {entry["source"] for entry in entries}, {path.name for path in corpus.sources()}
    for entry in entries:
        if named & read and Path(entry["source"]).suffix and entry["source"] not in read:
            continue
        differences = [
            f"{name}: {counts[name]} here, {entry[name]} published"
            for name in ("n_clips", "n_subjects")
            if name in entry and counts[name] != entry[name]
        ]
        for kind, prefix in (("parts", ""), ("emotions", ""), ("aus", "AU ")):
            differences += [
                f"{prefix}{name}: {counts[kind].get(name, 0)} here, {number} published"
                for name, number in entry.get(kind, {}).items()
                if counts[kind].get(name, 0) != number
            ]
        compared.append({"source": entry["source"], "differences": differences})
    return compared


def _on(dataset: str, table: pd.DataFrame) -> list[Protocol]:
    """The protocols on a corpus; of a user's own clips the one that their columns give."""
    if dataset != own_clips.NAME:
        return selection.of_dataset(dataset)
    return [] if [*_unfit_columns(dataset, table)] else [own_clips.of_table(table)]


def _unfit_columns(dataset: str, table: pd.DataFrame) -> Iterator[Fault]:
    """Why the columns of a user's own clips give no protocol."""
    try:
        if dataset == own_clips.NAME and len(table):
            own_clips.of_table(table)
    except DataError as error:
        yield Fault(dataset, "protocol", " ".join(str(error).split()))


def _protocols(dataset: str, table: pd.DataFrame) -> dict[str, dict]:
    """What each protocol on this corpus, or its part of a composite, would take from it."""
    entries = {}
    for protocol in _on(dataset, table):
        try:
            rows = selection.select(protocol, table)
        except DataError as error:
            entries[protocol.name] = {"n_clips": 0, "n_subjects": 0, "counts": {},
                                    "fingerprint": None, "published": None,
                                    "error": str(error).splitlines()[0]}  # fmt: skip
            continue
        fingerprint = selection.fingerprint(rows)
        entries[protocol.name] = {
            "n_clips": len(rows),
            "n_subjects": rows["subject"].nunique(),
            "counts": {name: int((rows["class"] == name).sum()) for name in protocol.classes},
            "fingerprint": fingerprint,
            "published": selection.match(fingerprint),
        }
    return entries


def _unlikely(clips: Sequence[Clip]) -> Iterator[Fault]:
    """Clips that last too long for a micro-expression, which may mean another frame rate."""
    for clip in clips:
        if not clip.fps:  # a user's own frames may come without a rate
            continue
        seconds = (clip.offset_used - clip.onset_used + 1) / clip.fps
        if seconds > LONGEST_S:
            detail = (
                f"lasts {seconds:.2f} s at {clip.fps:g} frames per second, a micro-expression at "
                f"most {LONGEST_S} s: a long one, or another frame rate"
            )
            yield Fault(clip.key, "duration", detail, stops_build=False)


def _strange_labels(corpus: Corpus, clips: Sequence[Clip]) -> Iterator[Fault]:
    """Emotions that no protocol on this corpus maps or leaves out."""
    emotions = selection.known_emotions(corpus.name)
    if emotions is None:
        return
    for clip in clips:
        if selection.spelled(clip.emotion) not in emotions:
            detail = f"no protocol knows the emotion {clip.emotion!r}; correct the annotation"
            yield Fault(clip.key, "label", detail, stops_build=False)


def _without_units(clips: Sequence[Clip]) -> Iterator[Fault]:
    """Clips whose action-unit cell is blank, where the corpus has such a column."""
    for clip in clips if any(clip.aus for clip in clips) else ():
        if not clip.aus:
            detail = "no action units: the cell is blank, and is taken for none at all"
            yield Fault(clip.key, "action_units", detail, stops_build=False)


def _short(clips: Sequence[Clip]) -> Iterator[Fault]:
    for clip in clips:
        if len(clip.frames) < FRAMES:
            detail = f"{len(clip.frames)} frames; a model of {FRAMES} sees some of them twice"
            yield Fault(clip.key, "short", detail, stops_build=False)


def _pictures(clip: Clip) -> list[Path]:
    """The files of a clip that lies on disk."""
    return [frame for frame in clip.frames if isinstance(frame, Path)]


def _same_pictures(clips: Sequence[Clip]) -> Iterator[Fault]:
    """Clips whose pictures are those of another clip, byte by byte."""
    alike: dict[tuple, list[Clip]] = {}
    for clip in clips:
        sizes = tuple(path.stat().st_size for path in _pictures(clip))
        alike.setdefault(sizes, []).append(clip)
    for group in alike.values():
        first: dict[str, Clip] = {}
        for clip in group if len(group) > 1 else ():
            sha = hashlib.sha256()
            for path in _pictures(clip):
                sha.update(path.read_bytes())
            same = first.setdefault(sha.hexdigest(), clip)
            if same is not clip:
                detail = f"its pictures are those of {same.key}; delete one of the two"
                yield Fault(clip.key, "duplicate", detail, stops_build=False)


def _damaged(clips: Sequence[Clip]) -> Iterator[Fault]:
    """Clips with pictures that cannot be decoded, such as those that were cut off in copying."""
    for clip in bar(clips, "decoding", "clip"):
        bad = [path.name for path in _pictures(clip) if not _decodes(path)]
        if bad:
            listed = ", ".join(map(folders.shown, bad[:8]))
            yield Fault(clip.key, "unreadable", f"cannot be decoded: {listed}; copy them again")


def _decodes(path: Path) -> bool:
    try:
        folders.decoded(path)
    except folders.PictureError:
        return False
    return True


def _faceless(clips: Sequence[Clip]) -> Iterator[Fault]:
    """People in whose first clip's middle picture no face is found."""
    people = {clip.subject: clip for clip in reversed(clips)}
    for clip in bar(people.values(), "looking for faces", "person"):
        try:
            picture = folders.decoded(_pictures(clip)[len(clip.frames) // 2])
            faces = face.detect(picture[:, :, ::-1])
        except folders.PictureError:
            faces = []
        except ConfigError as error:  # the package with the networks is not there
            yield Fault("faces", "face", f"not looked for: {error}", stops_build=False)
            return
        if not faces:
            detail = "no face found in its middle picture; look at the clip"
            yield Fault(clip.key, "face", detail, stops_build=False)


def as_found(corpus: Corpus) -> Corpus:
    """The same corpus in the first of its layouts that has frames; as it is if none has."""
    for layout in corpus.layouts:
        candidate = type(corpus)(corpus.manual_dir, layout, corpus.corrected)
        try:
            clips = candidate.sheet().clips
            if clips:
                candidate.folder(clips[0])
        except NoFramesError:
            continue
        except DataError:  # a fault of one clip, or of the annotation: the audit says which
            pass
        return candidate
    return corpus
