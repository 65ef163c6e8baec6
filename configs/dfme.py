"""MER-CLIP on DFME: the owner's training part, tested on parts A and B; weights to start from.

python -m merclip_jax.train --config=configs/dfme.py \
    --config.data.manual_dir=/where/DFME/lies --config.model.init_from=DIR --workdir=runs/dfme

The release's first stage (5e-5 is really 6.25e-6, no stochastic depth). The model is saved in
runs/dfme/folds/official/model-seed0: give that folder to configs/casme2.py or configs/samm.py as
--config.model.init_from. It has seen DFME and nothing else, and says so.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base


def get_config() -> ConfigDict:
    """The CCAC 2024 subset of DFME, seven classes."""
    config = base.released_loso(5e-5)
    config.data.dataset = "dfme"
    config.data.protocol = "dfme/7"
    config.model.drop_path = 0.0
    config.model.global_drop_path = 0.0
    config.checkpoint.export = True
    return config
