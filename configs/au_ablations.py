"""The runs whose differences tell what each ingredient of Micro-AU CLIP does, on drawn faces.

python -m merclip_jax.train --config=configs/au_ablations.py:no_gda --workdir=runs/no_gda

`python -m benchmarks.ablations --of=micro_au` runs them all and writes the table. Every run starts
from the demo's towers and differs from `reference` in its one line below. Six epochs instead of the
fourteen of configs/synthetic_au.py: what is compared are ingredients, and there are 18 runs.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import synthetic_au

ROWS = {
    "reference": {},
    "whole_face": {"au.regions": False},
    "no_gda": {"au.dependency": False},
    "no_gdloss": {"au.dependency_weight": 0.0},
    "bce": {"au.visual_weight": 0.0, "au.naming_weight": 0.0},
    "no_text": {"au.text": False},
}


def get_config(row: str = "reference") -> ConfigDict:
    """Fifteen action units on 20 held-out people, three seeds."""
    if row not in ROWS:
        raise ValueError(f"au_ablations.py:{row}: give one of {', '.join(ROWS)}")
    config = synthetic_au.get_config()
    config.seeds = (0, 1, 2)
    config.recipe.epochs = 6
    config.checkpoint.export = False
    config.update_from_flattened_dict(ROWS[row])
    return config
