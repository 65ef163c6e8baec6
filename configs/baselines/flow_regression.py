"""Logistic regression on a grid of optical flow: seconds on a CPU, and hard to beat.

python -m merclip_jax.train --config=configs/baselines/flow_regression.py \
    --workdir=runs/flow_regression
python -m merclip_jax.train --config=configs/baselines/flow_regression.py:macro \
    --workdir=runs/flow_regression_macro
python -m merclip_jax.train --config=configs/baselines/flow_regression.py \
    --workdir=runs/flow_regression_after_macro \
    --config.model.init_from=runs/flow_regression_macro/folds/hold_out/model-seed0

Grid, scale and penalty are chosen by inner subjects of each fold's training side. The last also
fits the clips of `macro`, which the exported model keeps. Action units, with emotions by rule:
--config.model.system=flow_regression_au in all commands.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import baselines
from merclip_jax.configs.synthetic_au import UNITS


def get_config(corpus: str = "demo") -> ConfigDict:
    """One of `baselines.CORPORA`."""
    config = baselines.of("flow_regression", corpus)
    config.recipe.update(epochs=1, warmup_epochs=0)
    config.au.units = UNITS
    return config
