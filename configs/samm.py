"""MER-CLIP on SAMM, leave one subject out.

python -m merclip_jax.train --config=configs/samm.py:classes=5 \
    --config.data.manual_dir=/where/SAMM/lies --workdir=runs/samm

Fine-tuning from DFME weights as the MER-CLIP release does it (samm_dfme-pre: 7e-5 is really
8.75e-6; the alignment's weight starts at 1.5; five classes go without colour jitter). `classes=3`
counts anger and contempt alone as negative, as the release's list does; `megc2019` is the
challenge's.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base

PROTOCOLS = {f"classes={n}": f"merclip/samm/{n}" for n in (3, 4, 5)} | {"megc2019": "megc2019/samm"}


def get_config(arg: str = "classes=5") -> ConfigDict:
    """SAMM with `classes=3|4|5` of the MER-CLIP lists, or `megc2019`."""
    if arg not in PROTOCOLS:
        raise ValueError(f"samm.py:{arg}: give classes=3, 4 or 5, or megc2019")
    config = base.released_loso(7e-5)
    config.data.dataset = "samm"
    config.data.protocol = PROTOCOLS[arg]
    config.recipe.alignment_start = 1.5
    config.augment.color = arg != "classes=5"
    return config
