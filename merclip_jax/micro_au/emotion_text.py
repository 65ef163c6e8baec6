"""The emotion from the action units (AUs) by what their sentences mean: neither rule nor label.

A clip stands where the mean of its units' sentences does, each weighted by the unit's probability,
and belongs to the emotion whose name is nearest in the space of the text tower. The mean is taken
instead of one sentence of the units that are said, since it keeps how sure the model is of each:
classes change gradually, so that a margin between them means something. No tower has to read
sentences of units that were never seen together, and their order and number do not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import special

from merclip_jax.errors import ConfigError

TEMPERATURE = 0.07  # of the cosine: CLIP's at the start of its training (Radford et al. 2021)
ALIKE = 0.9999  # cosine from which two emotions are one to a text tower


@dataclass(frozen=True)
class Texts:
    """Features of sentences, all of one text tower.

    Attributes:
      units: of each unit as it moves.
      emotions: of the emotions that make up the classes.
      of_class: the class that each emotion belongs to; every class has some.
    """

    units: Float[np.ndarray, "k e"]
    emotions: Float[np.ndarray, "m e"]
    of_class: Int[np.ndarray, " m"]

    def infer(self, probabilities: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n c"]:
        """Probability of each class: that of its nearest emotion, normalised.

        Sentences of units share most of their words, and so do those of emotions. What they share
        is taken off: each is measured from the mean of its kind.
        """
        total = probabilities.sum(1, keepdims=True)
        sentences = probabilities @ _from_mean(self.units) / np.maximum(total, 1e-9)
        cosine = _unit(sentences) @ _unit(_from_mean(self.emotions)).T
        nearest = [cosine[:, self.of_class == c].max(1) for c in range(self.of_class.max() + 1)]
        return special.softmax(np.stack(nearest, axis=1) / TEMPERATURE, axis=1)

    def check(self, emotions: Sequence[str]) -> None:
        """Refuse a text tower that cannot tell the emotions of two classes apart.

        Raises:
          ConfigError: naming two such emotions.
        """
        cosine = _unit(self.emotions) @ _unit(self.emotions).T
        alike = (cosine > ALIKE) & (self.of_class[:, None] != self.of_class)
        for i, j in np.argwhere(alike):
            raise ConfigError(
                f"--config.au.emotion=text: to the text tower {emotions[i]!r} and {emotions[j]!r} "
                "are the same. Start from weights whose text tower knows these words "
                "(--config.model.init_from), or set --config.au.emotion=rules."
            )


def _from_mean(features: Float[np.ndarray, "n e"]) -> Float[np.ndarray, "n e"]:
    return features - features.mean(0)


def _unit(features: Float[np.ndarray, "n e"]) -> Float[np.ndarray, "n e"]:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
