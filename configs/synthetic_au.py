"""Micro-AU CLIP on the synthetic corpus: action units first, then the emotion without its labels.

python -m merclip_jax.train --config=configs/synthetic_au.py --workdir=runs/synthetic_au

Strong expressions (1 to 6 pixels) of 200 drawn people, every tenth held out, from random weights.
`strangers` trains on all 200 and tests on 40 more, kept for the last figures, with three seeds.
`micro` takes 26 people whose movements are 0.3 to 3 pixels, each left out in turn, and hardly
leaves the model that it is given, of `strangers` or `macro`: 150 clips teach it little.
--config.model.init_from=runs/strangers/folds/official/model-seed0
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
    config.data.temporal = "uniform"
    config.model.system = "micro_au"
    config.model.init_from, config.model.variant = "", "tiny"
    config.model.init_head = False
    config.au.units = UNITS
    config.eval.selection = config.au.threshold = "inner"
    config.recipe.update(epochs=6, warmup_epochs=1, batch_size=64, learning_rate=2e-3)
    if corpus == "micro":
        config.eval.selection, config.au.threshold = "last", "zero"  # five people set no threshold
        config.recipe.update(epochs=2, warmup_epochs=0, batch_size=16, learning_rate=2e-5)
    config.folds.scheme = SCHEMES[corpus]
    if corpus == "strangers":
        config.seeds = (0, 1, 2)
    config.checkpoint.export = corpus != "micro"  # one model, not 26
    return config
