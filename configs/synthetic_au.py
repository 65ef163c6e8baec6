"""Micro-AU CLIP on the synthetic corpus: action units first, then the emotion without its labels.

python -m merclip_jax.train --config=configs/synthetic_au.py --workdir=runs/synthetic_au

Strong expressions (1 to 6 pixels) of 200 drawn people, every tenth held out; the towers are those
of the demo, which have not seen the held-out people either. `strangers` trains on all 200 and tests
on 40 more, kept for the last figures, with three seeds. `micro` takes 26 people whose movements are
0.3 to 3 pixels, each left out in turn.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import demo

SCHEMES = {"macro": "hold_out", "strangers": "official", "micro": "loso"}
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 24, 25)


def get_config(corpus: str = "macro") -> ConfigDict:
    """Fifteen action units; three classes by rule. `macro`, `strangers` or `micro`."""
    if corpus not in SCHEMES:
        raise ValueError(f"synthetic_au.py:{corpus}: give one of {', '.join(SCHEMES)}")
    config = demo.get_config()
    config.data.builder_config = corpus
    config.model.system = "micro_au"
    config.model.init_head = False
    config.au.units = UNITS
    config.eval.selection = "inner"
    config.au.threshold = "inner"
    config.recipe.epochs = 14
    config.recipe.batch_size = 32
    config.recipe.learning_rate = 1e-3
    config.augment.face_mix = 0.0
    config.folds.scheme = SCHEMES[corpus]
    if corpus == "strangers":
        config.seeds = (0, 1, 2)
    config.checkpoint.export = corpus != "micro"  # one model, not 26
    return config
