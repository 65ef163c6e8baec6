"""The defaults of every run; other configs are deltas of this one.

The fields, their meanings and limits are in merclip_jax/settings/fields.py; `merclip-jax train
--help` prints them. The config is locked: a field that is not listed there cannot be set, here or
on the command line (`--config.recipe.epochs=3`).
"""

from ml_collections import ConfigDict

from merclip_jax.settings import fields


def get_config() -> ConfigDict:
    """The defaults of every run, locked."""
    return fields.defaults()


def on_motion() -> ConfigDict:
    """The input of the demo's model: four pictures of motion, whose look is not augmented."""
    config = get_config()
    config.data.update(input="motion", image_size=112, frames=4, temporal="ends")
    config.augment.update(augmix=False, color=False, face_mix=0.0)
    return config


def released_loso(learning_rate: float) -> ConfigDict:
    """The recipe of the MER-CLIP release (@31037e9) for one corpus, one subject left out.

    The rate is the one of the release's files; what is really applied is rate * batch / 128, as
    there: two GPUs of 8 clips make 16. Without `model.init_from` the model is small and starts at
    random, which shows that a corpus is read and every fold runs; for scores that mean something
    give weights, whose sizes then count: those of the release, or at least CLIP's, such as
    openai/clip-vit-base-patch16, which is fetched from the Hugging Face hub (600 MB).
    """
    config = get_config().unlock()
    config.model.variant = "tiny"
    config.model.patch_size = 16
    config.model.drop_path = 0.2
    config.model.global_drop_path = 0.4
    config.recipe.batch_size = 16
    config.recipe.learning_rate = learning_rate
    config.recipe.lr_reference_batch = 128
    return config.lock()
