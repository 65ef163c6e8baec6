"""MER-CLIP on the synthetic micro-expression corpus; needs no data of anyone's.

python -m merclip_jax.train --config=configs/synthetic.py --workdir=runs/synthetic
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base


def get_config() -> ConfigDict:
    """The small model on generated faces, from random weights."""
    config = base.get_config()
    config.data.dataset = "synthetic_me"
    config.data.builder_config = "micro"
    config.data.image_size = 112
    config.model.variant = "tiny"
    config.recipe.learning_rate = 5e-4
    return config
