"""TFDS builder of a user's own clips."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.own_clips.corpus import OwnClips


class Builder(builder.CorpusBuilder):
    """A user's own clips as clip records."""

    CORPUS = OwnClips
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(OwnClips)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put a CSV with the columns path, subject and label into a folder, and the videos or "
        "folders of frames that it names beside it."
    )
