"""Micro-AU CLIP on SAMM, leave one subject out: action units, then emotions by rule.

python -m merclip_jax.train --config=configs/samm_au.py \
    --config.data.manual_dir=/where/SAMM/lies --config.model.init_from=DIR --workdir=runs/samm_au

The four units that within-corpus papers use (MEB @f731b0a, dataset_aus), all 159 clips. The
emotions of `samm/8` are for scoring alone: no emotion label is learnt from.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    """Units 2, 4, 7 and 12."""
    config = base.released_loso(5e-5)
    config.data.dataset = "samm"
    config.data.crop = "aligned"  # SAMM's pictures are whole; units have regions of the face
    config.data.protocol = "samm/8"
    config.model.system = "micro_au"
    config.au.units = (2, 4, 7, 12)
    config.augment.face_mix = 0.0
    return config
