"""The starting checkpoint of the demo: strong synthetic expressions of identities of their own.

python -m merclip_jax.train --config=configs/pretrain_synthetic.py --workdir=runs/pretrain

Trains both towers from random weights on most of the subjects and tests on the rest. The model
is saved in runs/pretrain/folds/hold_out/model-seed0; the demo ships that folder as
assets/demo_model.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base


def get_config() -> ConfigDict:
    """Macro-expressions, the small model, the text tower trained too."""
    config = base.get_config()
    config.data.dataset = "synthetic_me"
    config.data.builder_config = "macro"
    config.data.image_size = 112
    config.data.frames = 8
    config.model.variant = "tiny"
    config.model.patch_size = 16
    config.model.motion_start = True
    config.text.trainable = True
    config.recipe.epochs = 40
    config.recipe.warmup_epochs = 1
    config.recipe.batch_size = 64
    config.recipe.balanced = False
    config.recipe.curriculum = 100
    config.recipe.learning_rate = 1.5e-3
    config.recipe.clip_norm = 1.0
    config.recipe.alignment_start = 1.0
    config.augment.augmix = False
    config.augment.color = False
    config.folds.scheme = "hold_out"
    config.checkpoint.export = True
    return config
