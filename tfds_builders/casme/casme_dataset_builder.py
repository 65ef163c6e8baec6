"""TFDS builder of CASME."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.casme.corpus import Casme


class Builder(builder.CorpusBuilder):
    """CASME as clip records."""

    CORPUS = Casme
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(Casme)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "CASME needs a signed agreement with its owner. Put the coding workbook "
        "(CASME-coded-20190721.xls) beside the folder of frames (Cropped or CASME_raw_selected) "
        "and give the folder that holds both."
    )
