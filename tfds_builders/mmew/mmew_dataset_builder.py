"""TFDS builder of MMEW."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.mmew.corpus import Mmew


class Builder(builder.CorpusBuilder):
    """MMEW's micro-expressions as clip records."""

    CORPUS = Mmew
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(Mmew)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "MMEW needs a signed agreement with its owner. Put MMEW_Micro_Exp.xlsx beside the folder "
        "Micro_Expression (.../S03-01-002/1.jpg) and give the folder that holds both."
    )
