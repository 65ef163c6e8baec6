"""TFDS builder of CASME II."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.casme2.corpus import Casme2


class Builder(builder.CorpusBuilder):
    """CASME II as clip records."""

    CORPUS = Casme2
    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.1.0": "Records name the owner's split.", "1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(Casme2)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "CASME II needs a signed agreement with its owner. Put the coding workbook "
        "(CASME2-coding-20190701.xlsx) beside the folder of frames (Cropped or "
        "CASME2_RAW_selected) and give the folder that holds both."
    )
