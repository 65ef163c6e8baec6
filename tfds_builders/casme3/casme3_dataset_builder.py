"""TFDS builder of CAS(ME)^3 part A."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.casme3.corpus import Casme3


class Builder(builder.CorpusBuilder):
    """CAS(ME)^3 part A as clip records."""

    CORPUS = Casme3
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(Casme3)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "CAS(ME)^3 needs a signed agreement with its owner. Put "
        "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx beside the tree of frames "
        "(spNO.1/a/color/355.jpg) and give the folder that holds both."
    )
