"""The published flow of MEGC2019's composite on disk: a list, and one small picture per clip.

STSNet_whole_norm_u_v_os/<clip> .png, 28 x 28, with a blank before the suffix; the channels are
horizontal and vertical displacement and strain, each scaled to a byte. Subjects and labels are in
combined_3_class2_for_optical_flow.csv; its headings are not documented, so several are understood.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.corpus import Corpus
from merclip_jax.tfds_builders.records import Clip

FOLDER = "STSNet_whole_norm_u_v_os"
LIST = "combined_3_class2_for_optical_flow.csv"
LABELS = {"0": "negative", "1": "positive", "2": "surprise"}
POSITIONS = ("dataset", "subject", "clip", "emotion")  # of MEGC2019's own list, without headings

# corpus -> how its owner's names of it, of clips and of subjects are written
CORPORA = {
    "smic": (r"smic.*", r"s\d+_(ne|po|sur)_\d+", r"s\d+"),
    "samm": (r"samm.*", r"\d{3}_\d+_\d+", r"(?!)"),
    "casme2": (r"casme.?(2|ii).*", r"(.*_)?ep\d+_\d+f?", r"sub\d+"),
}


class Megc2019Flow(Corpus):
    """Onset-apex flow of the 442 clips of MEGC2019 (published with HTNet, Wang et al. 2023)."""

    name = "megc2019_flow"
    home = "https://github.com/wangzhifengharrison/HTNet"
    layouts = {"flow": "Displacement and strain from onset to apex, 28 x 28."}
    pictures = "flow"
    columns = {
        "subject": ("subject", "sub", "subjects", "subject_id", "sub_name", "participant"),
        "clip": ("imagename", "image_name", "filename", "file", "clip", "name", "image", "video"),
        "emotion": ("label", "emotion", "class", "label_3", "gt"),
        "dataset": ("dataset", "database", "db", "corpus", "data"),
    }
    optional = ("dataset",)
    fps = 0.0  # three cameras; flow has no rate

    def annotation(self) -> Path:
        """The list; raises DataError if there is none."""
        return sheets.find(self.manual_dir, re.escape(LIST), LIST, depth=3)

    def rows(self) -> Iterator[sheets.Row]:
        """The list's rows; each clip is a single frame, at once onset, apex and offset."""
        for row in self._listed():
            frame = {"onset": "1", "apex": "1", "offset": "1"}
            label = sheets.text(row.cells["emotion"]).lower()
            cells = {**row.cells, **frame, "emotion": LABELS.get(label, label)}
            yield sheets.Row(row.where, cells)

    def _listed(self) -> Iterator[sheets.Row]:
        """By headings, or by position where the first row is a clip already."""
        source = self.annotation()
        (table,) = sheets.tables(source).values()
        first = [sheets.text(cell) for cell in table.iloc[0]]
        if len(first) == len(POSITIONS) and first[3] in {*LABELS, *LABELS.values()}:
            for i, values in enumerate(table.itertuples(index=False), start=1):
                yield sheets.Row(
                    f"{source.name}, row {i}", dict(zip(POSITIONS, values, strict=True))
                )
            return
        yield from sheets.rows(source, self.columns, self.optional)

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('casme2-sub01', 'sub01_EP02_01f'): the subject with its corpus, since numbers repeat."""
        subject, clip = sheets.text(cells["subject"]), _stem(sheets.text(cells["clip"]))
        if not subject or not clip:
            raise DataError(f"subject {subject!r} and clip {clip!r}: a row needs both")
        if cells["emotion"] not in LABELS.values():
            raise DataError(
                f"{subject}/{clip}: label {cells['emotion']!r} is none of 0, 1, 2 (negative, "
                "positive, surprise)"
            )
        return f"{self.split(cells)}-{subject}", clip

    def split(self, cells: Mapping[str, Any]) -> str:
        """The corpus that a clip is from, by its column or else by the owner's way of naming."""
        said = [sheets.text(cells.get("dataset")), _stem(sheets.text(cells["clip"]))]
        said.append(sheets.text(cells["subject"]))
        for place, word in enumerate(said):
            for corpus, written in CORPORA.items():
                if word and re.fullmatch(written[place], word, re.IGNORECASE):
                    return corpus
        raise DataError(
            f"dataset {said[0]!r}, clip {said[1]!r}, subject {said[2]!r}: not named as SMIC "
            "(s1_ne_01), SAMM (006_1_2) or CASME II (sub01, EP02_01f) names them; add a column "
            "'dataset' with smic, samm or casme2"
        )

    def folder(self, clip: Clip) -> Path:
        """The clip's picture: it is named as the clip, or as subject and clip."""
        subject = clip.subject.removeprefix(f"{clip.split}-")
        tried = [_plain(clip.clip), _plain(f"{subject}_{clip.clip}")]
        tried.append(_plain(f"sub{subject.zfill(2)}_{clip.clip}"))
        for name in tried:
            found = self._pictures.get(name, [])
            if len(found) == 1:
                return found[0]
            if found:
                listed = ", ".join(repr(path.name) for path in found)
                raise DataError(f"{self._root}: {listed} have one name; keep one of them")
        raise DataError(f"{self._root}: no picture '{clip.clip} .png' or '{clip.clip}.png'")

    def numbered(self, folder: Path) -> dict[int, Path]:
        """The single frame."""
        return {1: folder}

    @cached_property
    def _root(self) -> Path:
        places = [self.manual_dir, *sorted(self.manual_dir.glob(f"**/{FOLDER}"))]
        found = [path for path in places if path.name == FOLDER and path.is_dir()]
        if not found:
            raise frames.NoFramesError(
                f"{self.manual_dir}: no folder {FOLDER}; give a copy of {self.home}, or its folder "
                f"'datasets', with {LIST}"
            )
        return found[0]

    @cached_property
    def _pictures(self) -> dict[str, list[Path]]:
        """Pictures by name, without suffix, blanks and case."""
        found: dict[str, list[Path]] = {}
        for path in sorted(self._root.rglob("*")):
            if path.suffix.lower() in frames.SUFFIXES:
                found.setdefault(_plain(_stem(path.name)), []).append(path)
        return found


def _stem(name: str) -> str:
    """'006_1_2' of '006_1_2 .png', '006_1_2.png' and '006_1_2'."""
    return re.sub(r"\s*\.(png|jpe?g|bmp)$", "", name, flags=re.IGNORECASE).strip()


def _plain(name: str) -> str:
    return re.sub(r"\s", "", name).lower()
