"""TFDS builder of SMIC."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.smic.corpus import Smic


class Builder(builder.CorpusBuilder):
    """SMIC, the base release, as clip records."""

    CORPUS = Smic
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(Smic)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "SMIC needs a signed agreement with its owner. Give the folder that holds SMIC_all_cropped "
        "or SMIC_all_raw (HS/s1/micro/negative/s1_ne_01/...); there is no annotation file."
    )
