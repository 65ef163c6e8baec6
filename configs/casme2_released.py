"""MER-CLIP on CASME II in every released form at once, for comparison with published figures.

python -m merclip_jax.train --config=configs/casme2_released.py:classes=5 \
    --config.data.manual_dir=/where/CASME2/lies --config.model.init_from=DIR --workdir=runs/released

configs/casme2.py is the same recipe in sound forms; docs/fidelity.md says what differs and why.
Not as released, since no field can have it: frames are in their order (the release lists a folder
unsorted) and chosen by `uniform` (which 16 the authors extracted is not published); the order of
the colour steps is drawn per clip, not once per run; every fold has the mean fold's number of
steps; random draws differ between the clips of two GPUs; the alignment's gradient is that of the
whole batch, not a GPU's share (on two GPUs half of it).
"""

from ml_collections import ConfigDict

from merclip_jax.configs import casme2


def get_config(arg: str = "classes=5") -> ConfigDict:
    """The lists of configs/casme2.py in the forms of the release."""
    config = casme2.get_config(arg)
    config.text.style = "released"
    config.recipe.decay_form = "released"
    config.recipe.alignment_positives = "released"
    config.recipe.balanced = False
    config.model.drop_axis = "released"
    config.model.norm_clips = 8  # a GPU's
    config.augment.hue = "released"
    config.augment.face_mix_self = True
    return config
