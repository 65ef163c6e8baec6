"""MER-CLIP on CAS(ME)^3 part A, leave one subject out.

python -m merclip_jax.train --config=configs/casme3.py:classes=4 \
    --config.data.manual_dir=/where/CASME3/lies --config.model.init_from=DIR --workdir=runs/casme3

Fine-tuning from DFME weights as the MER-CLIP release does it (casme3: 5e-5 is really 6.25e-6). Give
those weights with --config.model.init_from=DIR, as for configs/casme2.py. Three classes leave out
'others'; four and seven are all 857 clips of possible interval.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base

PROTOCOLS = {f"classes={n}": f"merclip/casme3/{n}" for n in (3, 4, 7)}


def get_config(arg: str = "classes=4") -> ConfigDict:
    """CAS(ME)^3 with `classes=3|4|7` of the MER-CLIP lists."""
    if arg not in PROTOCOLS:
        raise ValueError(f"casme3.py:{arg}: give classes=3, 4 or 7")
    config = base.released_loso(5e-5)
    config.data.dataset = "casme3"
    config.data.protocol = PROTOCOLS[arg]
    return config
