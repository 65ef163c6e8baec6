"""The regression that a run starts from, and its task over action units."""

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from merclip_jax.baselines import grid, start
from merclip_jax.baselines.regression import Regression, RegressionConfig
from merclip_jax.errors import ConfigError
from merclip_jax.facs import emotion_rules
from merclip_jax.facs import labels as au_labels
from merclip_jax.micro_au import task as micro_au
from merclip_jax.protocols.folds import Fold
from merclip_jax.towers import files
from merclip_jax.training.batch import Predicted

UNITS = "flow_regression_au"


def outputs(config: ConfigDict, classes: tuple[str, ...]) -> tuple[str, ...]:
    """What a run's regression tells: its classes, or its action units."""
    if config.model.system == UNITS:
        return au_labels.units(config.au.units, config.au.sides)
    return classes


def check(config: ConfigDict, classes: tuple[str, ...]) -> None:
    """Refuse what a regression cannot read or start from, before any data is read.

    Raises:
      ConfigError: as `start.check`; or epochs to choose among, or other units or texts.
    """
    start.check(config, classes)
    if (config.recipe.epochs, config.eval.selection) != (1, "last"):
        raise ConfigError(
            f"--config.model.system={config.model.system} is fitted at once, so there are "
            "no epochs to choose among: set --config.recipe.epochs=1, "
            "--config.recipe.warmup_epochs=0 and --config.eval.selection=last"
        )
    if config.model.init_from:
        place = files.locate(config.model.init_from)
        saved = files.sizes(place, RegressionConfig.from_json)
        if saved.outputs != outputs(config, classes):
            raise ConfigError(
                f"--config.model.init_from={config.model.init_from} tells "
                f"{', '.join(saved.outputs)}; this run needs {', '.join(outputs(config, classes))}"
            )
    if config.model.system == UNITS and classes:
        if config.au.emotion != "rules":
            raise ConfigError(
                f"--config.au.emotion={config.au.emotion!r} needs sentences, and {UNITS} has none: "
                "set it to rules"
            )
        emotion_rules.read(classes, outputs(config, classes), config.au.rules)


def build(config: ConfigDict, classes: tuple[str, ...], seed: int) -> tuple[Regression, None]:
    """A regression that has seen nothing, or a saved one; there is no tokenizer.

    Raises:
      ConfigError, DataError: as `Regression.from_pretrained`.
    """
    if config.model.init_from:
        return Regression.from_pretrained(config.model.init_from), None
    setting = grid.Setting(grid.GRIDS[0], grid.POWERS[0], grid.STRENGTHS[0])
    cfg = RegressionConfig(config.model.system, outputs(config, classes), setting, 0)
    return Regression(cfg), None


class UnitsTask(micro_au.Task):
    """Action units as Micro-AU CLIP's task tells and scores them; there is no attention to keep."""

    def val_indices(self, fold: Fold) -> np.ndarray:
        """The training side: each subject of it was told by a model of the others."""
        return fold.train

    def keep(self, folder: Path, seed: int, test_pred: Predicted) -> None:
        """Nothing beside the predictions."""
