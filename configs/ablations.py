"""The runs whose differences tell what each ingredient of MER-CLIP does, on the synthetic corpus.

python -m merclip_jax.train --config=configs/ablations.py:no_alignment --workdir=runs/no_alignment

`python -m benchmarks.ablations` runs them all and writes the table. Every run starts from the
demo's towers, with a new head, and differs from `reference` in its one line below.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import demo

ROWS = {
    "reference": {},
    "no_alignment": {"recipe.alignment_start": 0.0, "recipe.alignment_end": 0.0},
    "emotion_names": {"text.content": "emotions"},
    "linear_head": {"model.head": "linear"},
    "no_face_mix": {"augment.face_mix": 0.0},
    "frozen_image_tower": {"model.freeze_image": True},
    "no_adapters": {"model.adapters": False},
}


def get_config(row: str = "reference") -> ConfigDict:
    """The demo's corpus and recipe with one ingredient less, three seeds."""
    if row not in ROWS:
        raise ValueError(f"ablations.py:{row}: give one of {', '.join(ROWS)}")
    config = demo.get_config()
    config.seeds = (0, 1, 2)
    config.model.init_head = False
    config.recipe.learning_rate = 3e-4
    config.update_from_flattened_dict(ROWS[row])
    return config
