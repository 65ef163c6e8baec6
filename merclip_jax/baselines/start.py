"""The network that a run starts from: random, or one that a run exported."""

from pathlib import Path
from typing import NoReturn

from flax import nnx
from ml_collections import ConfigDict

from merclip_jax.baselines.networks import NETWORKS, Network
from merclip_jax.errors import ConfigError
from merclip_jax.towers import files


def check(config: ConfigDict, classes: tuple[str, ...]) -> None:
    """Refuse what a baseline cannot read or start from, before any data is read.

    Raises:
      ConfigError: more than one frame, no motion, or a saved model of another kind or classes.
    """
    system, data = config.model.system, config.data
    if data.input != "motion" or data.frames != 1:
        raise ConfigError(
            f"--config.model.system={system} reads the motion of one frame: set "
            f"--config.data.input=motion (it is {data.input}) and --config.data.frames=1 (it is "
            f"{data.frames}); --config.data.temporal=apex takes the apex"
        )
    saved = config.model.init_from
    if not saved:
        return
    directory = files.locate(saved)
    kind = files.config(directory).get("model_type")
    saved_classes = files.metadata(directory).get("classes")
    if kind != system or saved_classes != list(classes):
        raise ConfigError(
            f"--config.model.init_from={saved} is a {kind} that tells {saved_classes}, this run "
            f"needs a {system} for {list(classes)}: name one that such a run exported "
            "(--config.checkpoint.export)"
        )


def build(config: ConfigDict, classes: tuple[str, ...], seed: int) -> tuple[Network, None]:
    """The network, whole as it was exported or at random from `seed`; there is no tokenizer.

    Raises:
      ConfigError, DataError: as `Network.from_pretrained`.
    """
    kind = NETWORKS[config.model.system]
    if config.model.init_from:
        return kind.from_pretrained(config.model.init_from), None
    return kind(len(classes), rngs=nnx.Rngs(seed)), None


def load(directory: Path) -> NoReturn:
    """Refuse to read videos.

    Raises:
      ConfigError: always; a window of a video has no annotated onset and apex.
    """
    raise ConfigError(
        f"--model={directory}: a baseline reads the motion from an annotated onset to its apex, "
        "which windows of a video do not have; give a model of MER-CLIP or Micro-AU CLIP"
    )
