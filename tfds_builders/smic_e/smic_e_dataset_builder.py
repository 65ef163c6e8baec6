"""TFDS builder of SMIC-E."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.smic_e.corpus import SmicE


class Builder(builder.CorpusBuilder):
    """SMIC-E as clip records."""

    CORPUS = SmicE
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(SmicE)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "SMIC-E needs a signed agreement with its owner. Put SMIC-HS-E_annotation.xlsx beside the "
        "folder of frames (SMIC-HS-E/HS/s09/s9_po_01/...) and give the folder that holds both."
    )
