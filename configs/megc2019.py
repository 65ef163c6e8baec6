"""The MEGC2019 composite: SMIC, CASME II and SAMM together, three classes, one subject left out.

python -m merclip_jax.train --config=configs/megc2019.py \
    --config.data.manual_dir=/where/three/folders/lie --workdir=runs/megc2019

The folder holds smic, casme2 and samm, each as its owner distributes it; or name each:
--config.data.manual_dir=smic=/a/SMIC,casme2=/b/CASME2,samm=/c/SAMM. SMIC has no action units: its
clips skip the alignment loss. SMIC and CASME II come cropped, SAMM as your kit has it.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base


def get_config() -> ConfigDict:
    """442 clips of 68 subjects."""
    config = base.released_loso(5e-5)
    config.data.dataset = "smic+casme2+samm"
    config.data.protocol = "megc2019/full"
    config.data.builder_config = "samm=cropped"
    return config
