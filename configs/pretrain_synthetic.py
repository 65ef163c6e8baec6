"""The starting checkpoint of the demo: synthetic expressions of identities of their own.

python -m merclip_jax.train --config=configs/pretrain_synthetic.py --workdir=runs/pretrain
python -m merclip_jax.train --config=configs/pretrain_synthetic.py --workdir=runs/pretrain_more \
    --config.model.init_from=runs/pretrain/folds/hold_out/model-seed0 --config.model.variant= \
    --config.model.init_head=True --config.recipe.learning_rate=1e-3 \
    --config.recipe.warmup_epochs=0 --config.recipe.epochs=8

Trains both towers from random weights on the motion of most of the people and tests on every tenth.
Two hundred people move strongly (1 to 6 pixels), 240 weakly (0.3 to 3), and 150 as weakly under
bad conditions (`hard` in the corpus's README). Half of the clips are mirrored, half end early. The
second run goes on at half the rate. The demo ships the last model, that of
runs/pretrain_more/folds/hold_out/model-seed0, as assets/demo_model.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base


def get_config() -> ConfigDict:
    """Strong, weak and badly recorded expressions, the small model, the text tower trained too."""
    config = base.on_motion()
    config.data.dataset = "synthetic_me"
    config.data.builder_config = "college"
    config.model.variant = "tiny"
    config.text.trainable = True
    config.recipe.epochs = 12
    config.recipe.warmup_epochs = 1
    config.recipe.batch_size = 64
    config.recipe.balanced = False
    config.recipe.learning_rate = 2e-3
    config.recipe.clip_norm = 1.0
    config.recipe.alignment_start = 1.0
    config.augment.flip = True
    config.augment.cut = 0.5
    config.folds.scheme = "hold_out"
    config.checkpoint.export = True
    return config
