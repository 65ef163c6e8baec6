"""The model card that lies beside saved weights, as README.md in the Hugging Face format."""

from collections.abc import Mapping
from typing import Any

import jinja2

from merclip_jax.models.config import MerClipConfig

OWN = "apache-2.0", "Apache License 2.0."
FOREIGN = (
    "other",
    "These weights are another's, in another form: the terms of their sources above hold.",
)


def model_card(cfg: MerClipConfig, meta: Mapping[str, Any]) -> str:
    """The card's text.

    Args:
      cfg: the model's sizes.
      meta: what merclip.json says: classes, dataset, protocol, seed, seen {corpus: subjects},
        scores {n_clips, n_subjects, uf1, uar}, made_from {part: where its weights are from},
        words_added (to the vocabulary after training); any may lack.
    """
    licence, note = FOREIGN if meta.get("made_from") else OWN
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("merclip_jax.models", "."),
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    title = f"MER-CLIP on {meta['dataset']}" if meta.get("dataset") else "MER-CLIP, not fine-tuned"
    return environment.get_template("card.md").render(
        cfg=cfg, meta=meta, title=title, licence=licence, licence_note=note
    )
