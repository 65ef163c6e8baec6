"""The runs whose differences tell what each ingredient of MER-CLIP does, on drawn faces in motion.

python -m merclip_jax.train --config=configs/ablations/merclip.py:no_alignment --workdir=runs/bare

`python -m benchmarks.ablations` runs them all and writes the table. Every run starts from random
weights and differs from `reference` in its one line below: it never had what it lacks. Face mix is
no row: it blends how faces look, and leaves motion alone.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import pretrain_synthetic

ROWS = {
    "reference": {},
    "no_alignment": {"recipe.alignment_start": 0.0, "recipe.alignment_end": 0.0},
    "emotion_names": {"text.content": "emotions"},
    "linear_head": {"model.head": "linear"},
    "no_adapters": {"model.adapters": False},
}


def get_config(row: str = "reference") -> ConfigDict:
    """One ingredient less; 200 people to train on and 40 to test on, three seeds."""
    if row not in ROWS:
        raise ValueError(f"ablations/merclip.py:{row}: give one of {', '.join(ROWS)}")
    config = pretrain_synthetic.get_config()
    config.data.builder_config = "strangers"
    config.folds.scheme = "official"
    config.seeds = (0, 1, 2)
    config.recipe.update(epochs=2, batch_size=32)  # 250 steps: what is compared are ingredients
    config.checkpoint.export = False
    config.update_from_flattened_dict(ROWS[row])
    return config
