"""The demo: twelve synthetic subjects, leave one subject out, a few minutes on two cores.

make demo
python -m merclip_jax.train --config=configs/demo.py --workdir=runs/demo

It starts from assets/demo_model, which this project trained on synthetic expressions of other
identities (configs/pretrain_synthetic.py), and hardly leaves it: twelve people teach it little.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base


def get_config() -> ConfigDict:
    """Micro-expressions of twelve people, three classes."""
    config = base.on_motion()
    config.data.dataset = "synthetic_me"
    config.data.builder_config = "demo"
    config.model.init_from = "assets/demo_model"
    config.model.init_head = True
    config.recipe.epochs = 2
    config.recipe.warmup_epochs = 0
    config.recipe.batch_size = 16
    config.recipe.learning_rate = 2e-5
    config.recipe.clip_norm = 1.0
    config.recipe.alignment_start = 1.0
    return config
