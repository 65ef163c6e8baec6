"""TFDS builder of SAMM."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.samm.corpus import Samm


class Builder(builder.CorpusBuilder):
    """SAMM as clip records."""

    CORPUS = Samm
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(Samm)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "SAMM needs a signed agreement with its owner. Put SAMM_Micro_FACS_Codes_v2.xlsx beside "
        "the folder of frames (006/006_1_2/...) and give the folder that holds both."
    )
