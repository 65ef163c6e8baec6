"""Micro-AU CLIP on one corpus alone, leave one subject out: action units, and emotions by rule.

python -m merclip_jax.train --config=configs/corpus_au.py:casme2 \
    --config.data.manual_dir=/where/CASME2/lies --config.model.init_from=DIR \
    --workdir=runs/casme2_au

casme2, samm, casme, mmew or fourdme, every clip, each with the units that within-corpus papers use
(MEB @f731b0a, dataset_aus). The emotions of CASME II and SAMM are for scoring alone: no emotion
label is learnt from. The others tell no emotions.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base

CORPORA = {  # protocol, crop, units; units have regions of the face, so whole pictures are aligned
    "casme2": ("merclip/casme2/7", "owner", (1, 2, 4, 7, 12, 14, 15, 17)),
    "samm": ("samm/8", "aligned", (2, 4, 7, 12)),
    "casme": ("casme/au", "aligned", (1, 4, 9, 14)),
    "mmew": ("mmew/au", "aligned", (1, 2, 4, 5, 7, 10, 12, 14)),
    "fourdme": ("fourdme/au", "aligned", (1, 2, 4, 6, 7, 12, 17, 45)),  # 45 is the blink
}


def get_config(corpus: str = "casme2") -> ConfigDict:
    """The units of that corpus."""
    if corpus not in CORPORA:
        raise ValueError(f"corpus_au.py:{corpus}: give one of {', '.join(CORPORA)}")
    config = base.released_loso(5e-5)
    config.data.dataset = corpus
    config.data.protocol, config.data.crop, config.au.units = CORPORA[corpus]
    config.model.system = "micro_au"
    config.augment.face_mix = 0.0
    return config
