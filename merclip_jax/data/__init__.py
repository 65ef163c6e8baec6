"""Corpora to packed arrays: datasets, sampling, augmentation, audits; your own clips, too."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from merclip_jax.data.own_clips import OwnClips


def from_csv(path: str | Path) -> "OwnClips":
    """Your own labelled clips, checked; `data.own_clips.from_csv` says which columns."""
    from merclip_jax.data import own_clips

    return own_clips.from_csv(path)
