"""TFDS builder of MEGC2019's published flow."""

import tensorflow_datasets as tfds

from merclip_jax.tfds_builders import builder
from merclip_jax.tfds_builders.megc2019_flow.corpus import FOLDER, LIST, Megc2019Flow


class Builder(builder.CorpusBuilder):
    """Onset-apex flow of MEGC2019's composite as clip records of one picture."""

    CORPUS = Megc2019Flow
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = builder.configs(Megc2019Flow)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Give a copy of {Megc2019Flow.home}, which publishes {FOLDER} and {LIST}; its pictures of "
        "faces are not read. Ask the owners of SMIC, CASME II and SAMM what you may do with it."
    )
