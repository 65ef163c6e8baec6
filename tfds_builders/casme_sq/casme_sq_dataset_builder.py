"""TFDS builder of CAS(ME)^2."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.casme_sq.corpus import CasmeSq


class Builder(builder.CorpusBuilder):
    """The micro-expressions of CAS(ME)^2 as clip records."""

    CORPUS = CasmeSq
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(CasmeSq)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "CAS(ME)^2 needs a signed agreement with its owner. Put CAS(ME)^2code_final.xlsx beside "
        "the folders of frames (cropped, selectedpic or rawpic) and give the folder that holds "
        "them."
    )
