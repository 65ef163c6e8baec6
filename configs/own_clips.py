"""Your own labelled clips: a CSV, and the videos or folders of frames that it names.

python -m merclip_jax.train --config=configs/own_clips.py \
    --config.data.manual_dir=/where/the/csv/lies --workdir=runs/own

Classes and folds come from the CSV's columns (tfds_builders/own_clips/README.md). Faces are put
upright, and the model begins with what drawn faces have taught it of motion; for clips without
labels give --config.model.system=micro_au.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base


def get_config() -> ConfigDict:
    """The motion of your clips' faces, by the towers of the demo's model."""
    config = base.on_motion()
    config.data.dataset = "own_clips"
    config.data.protocol = "own_clips"
    config.data.crop = "aligned"
    config.model.init_from = "assets/demo_model"
    config.recipe.epochs = 20
    config.recipe.warmup_epochs = 2
    config.recipe.batch_size = 16
    config.recipe.learning_rate = 2e-4
    return config
