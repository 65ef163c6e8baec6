"""TFDS builder of 4DME."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.fourdme.corpus import FourDme


class Builder(builder.CorpusBuilder):
    """4DME as clip records."""

    CORPUS = FourDme
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(FourDme)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "4DME needs a signed agreement with its owner. Put 4DME_Labelling_Micro_release "
        "v1.xlsx beside the folder of frames (micro short gray video/S01/001_01_1/...) and "
        "give the folder that holds both."
    )
