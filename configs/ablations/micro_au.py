"""The runs whose differences tell what each ingredient of Micro-AU CLIP does, on drawn faces.

python -m merclip_jax.train --config=configs/ablations/micro_au.py:no_gda --workdir=runs/no_gda

`python -m benchmarks.ablations --of=micro_au` runs them all and writes the table. Every run starts
from random weights and differs from `reference` in its one line below; so sentences are those of a
text tower that has learnt nothing. `sound_forms` has losses that ideal features score best in.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import synthetic_au

ROWS = {
    "reference": {},
    "whole_face": {"au.regions": False},
    "no_gda": {"au.dependency": False},
    "no_gdloss": {"au.dependency_weight": 0.0},
    "no_visual": {"au.visual_weight": 0.0},
    "no_naming": {"au.naming_weight": 0.0},
    "no_text": {"au.text": False},
    "sound_forms": {
        "au.visual_form": "balanced",
        "au.naming_form": "direction",
        "au.dependency_form": "centred",
    },
}


def get_config(row: str = "reference") -> ConfigDict:
    """Fifteen action units; 200 people to train on and 40 to test on, three seeds.

    The last epoch predicts and nothing is fitted to inner people, so that all 200 train.
    """
    if row not in ROWS:
        raise ValueError(f"ablations/micro_au.py:{row}: give one of {', '.join(ROWS)}")
    config = synthetic_au.get_config("strangers")
    config.recipe.update(epochs=2, batch_size=32)  # 250 steps: what is compared are ingredients
    config.eval.selection, config.au.threshold = "last", "zero"
    config.checkpoint.export = False
    config.update_from_flattened_dict(ROWS[row])
    return config
