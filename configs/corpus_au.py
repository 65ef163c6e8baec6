"""Micro-AU CLIP on one corpus alone, leave one subject out: action units, no emotions.

python -m merclip_jax.train --config=configs/corpus_au.py:mmew \
    --config.data.manual_dir=/where/MMEW/lies --config.model.init_from=DIR --workdir=runs/mmew_au

casme, mmew or fourdme, every clip, each with the units that within-corpus papers use (MEB @f731b0a,
dataset_aus). CASME II and SAMM have configs of their own, which also tell emotions.
"""

from ml_collections import ConfigDict

from configs import cd6me

UNITS = {
    "casme": (1, 4, 9, 14),
    "mmew": (1, 2, 4, 5, 7, 10, 12, 14),
    "fourdme": (1, 2, 4, 6, 7, 12, 17, 45),
}


def get_config(corpus: str = "casme") -> ConfigDict:
    """The units of that corpus; 45 is the blink."""
    if corpus not in UNITS:
        raise ValueError(f"corpus_au.py:{corpus}: give one of {', '.join(UNITS)}")
    config = cd6me.get_config()
    config.data.dataset = corpus
    config.data.protocol = f"{corpus}/au"
    config.au.units = UNITS[corpus]
    return config
