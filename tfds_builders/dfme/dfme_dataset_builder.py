"""TFDS builder of DFME."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.dfme.corpus import Dfme


class Builder(builder.CorpusBuilder):
    """DFME as clip records."""

    CORPUS = Dfme
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(Dfme)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "DFME needs a signed agreement with its owner. Put training_full_with_AU.xlsx, "
        "testA_full_with_AU.xlsx and testB_full_with_AU.xlsx, or some of them, beside the "
        "folders of frames (DFME_train/sub0003_01/00109.png) and give the folder that holds "
        "all."
    )
