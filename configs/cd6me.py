"""Micro-AU CLIP on CD6ME: twelve action units, one of six corpora left out at a time.

python -m merclip_jax.train --config=configs/cd6me.py \
    --config.data.manual_dir=/where/six/folders/lie --config.model.init_from=DIR \
    --workdir=runs/cd6me

The folder holds casme, casme2, samm, fourdme, mmew and casme3, each as its owner distributes it; or
name each: --config.data.manual_dir=casme=/a/CASME,casme2=/b/CASME2 and so on. The units are those
of the benchmark (Varanka et al.; MEB @f731b0a). No emotion is told or scored. Faces are
aligned, since units are looked for in regions of the picture, and these corpora's crops differ.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base


def get_config() -> ConfigDict:
    """Units 1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15 and 17."""
    config = base.released_loso(5e-5)
    config.data.dataset = "casme+casme2+samm+fourdme+mmew+casme3"
    config.data.protocol = "cd6me"
    config.data.crop = "aligned"
    config.model.system = "micro_au"
    config.au.units = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
    config.augment.face_mix = 0.0
    return config
