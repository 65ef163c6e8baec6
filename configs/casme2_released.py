"""MER-CLIP on CASME II in every released form at once, for comparison with published figures.

python -m merclip_jax.train --config=configs/casme2_released.py:classes=5 \
    --config.data.manual_dir=/where/CASME2/lies --config.model.init_from=DIR --workdir=runs/released

configs/casme2.py is the same recipe in sound forms; docs/fidelity.md says what differs and why.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import casme2


def get_config(arg: str = "classes=5") -> ConfigDict:
    """The lists of configs/casme2.py; sentences, decay, positives and batches as released."""
    config = casme2.get_config(arg)
    config.text.style = "released"
    config.recipe.decay_form = "released"
    config.recipe.alignment_positives = "released"
    config.recipe.balanced = False
    return config
