"""The model card that lies beside saved weights, as README.md in the Hugging Face format."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from merclip_jax import templates
from merclip_jax.towers import files

OWN = "apache-2.0", "Apache License 2.0."
FOREIGN = (
    "other",
    "These weights are another's, in another form: the terms of their sources above hold.",
)


def made_from(start: str) -> dict[str, Any]:
    """What merclip.json says of a model that was trained from these weights, {} of our own.

    Args:
      start: a folder or a hub id; '' of a start at random.
    """
    if not start:
        return {}
    origin = files.metadata(start).get("made_from")
    folder = files.locate(start)
    named = folder.name if Path(start).exists() else start
    kind = files.config(folder).get("model_type")
    foreign = {"towers": f"{named}: {kind}"} if kind in ("clip", "open_clip") else None
    return {"made_from": first} if (first := origin or foreign) else {}


def model_card(cfg: Any, meta: Mapping[str, Any]) -> str:
    """The card's text.

    Args:
      cfg: the model's sizes, a MerClipConfig, a MicroAuConfig, or a baseline's, with a title.
      meta: what merclip.json says: classes, dataset, protocol, seed, seen {corpus: subjects},
        units, scores {n_clips, n_subjects, uf1, uar or au_f1}, made_from {part: where its weights
        are from}, words_added (to the vocabulary after training); any may lack.
    """
    licence, note = FOREIGN if meta.get("made_from") else OWN
    ours = "Micro-AU CLIP" if meta.get("units") else "MER-CLIP"
    system = getattr(cfg, "title", ours)
    title = f"{system} on {meta['dataset']}" if meta.get("dataset") else f"{system}, not fine-tuned"
    return templates.fill(
        "towers/card.md", cfg=cfg, meta=meta, title=title, licence=licence, licence_note=note
    )
