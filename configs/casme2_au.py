"""Micro-AU CLIP on CASME II, leave one subject out: action units, then emotions by rule.

python -m merclip_jax.train --config=configs/casme2_au.py \
    --config.data.manual_dir=/where/CASME2/lies --config.model.init_from=DIR \
    --workdir=runs/casme2_au

The eight units that within-corpus papers use (MEB @f731b0a, dataset_aus), all 255 clips. The
emotions of `merclip/casme2/7` are for scoring alone: no emotion label is learnt from.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    """Units 1, 2, 4, 7, 12, 14, 15 and 17."""
    config = base.released_loso(5e-5)
    config.data.dataset = "casme2"
    config.data.protocol = "merclip/casme2/7"
    config.model.system = "micro_au"
    config.au.units = (1, 2, 4, 7, 12, 14, 15, 17)
    config.augment.face_mix = 0.0
    return config
