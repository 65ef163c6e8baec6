"""TFDS builder of CAS(ME)^3 part C."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.casme3_c.corpus import Casme3C


class Builder(builder.CorpusBuilder):
    """CAS(ME)^3 part C as clip records."""

    CORPUS = Casme3C
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(Casme3C)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "CAS(ME)^3 needs a signed agreement with its owner. Put CAS(ME)3_part_C_ME.xlsx "
        "beside the tree of frames (1/NNN.jpg, or 1/1/color/NNN.jpg) and give the folder that "
        "holds both."
    )
