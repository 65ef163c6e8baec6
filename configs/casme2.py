"""MER-CLIP on CASME II, leave one subject out.

python -m merclip_jax.train --config=configs/casme2.py:classes=5 \
    --config.data.manual_dir=/where/CASME2/lies --workdir=runs/casme2

Fine-tuning from DFME weights as the MER-CLIP release does it (casme2_dfme-pre: 3e-5 is really
3.75e-6). Give those weights with --config.model.init_from=DIR, made by configs/dfme.py or by
python -m merclip_jax.convert; or start from CLIP alone: openai/clip-vit-base-patch16 is fetched
from the Hugging Face hub (600 MB). base.released_loso says what happens without.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base

PROTOCOLS = {f"classes={n}": f"merclip/casme2/{n}" for n in (3, 4, 5, 7)} | {
    "megc2019": "megc2019/casme2",
    "classes=5/246": "casme2/5/246",
    "classes=3/147": "casme2/3/147",
}


def get_config(arg: str = "classes=5") -> ConfigDict:
    """CASME II with `classes=3|4|5|7` of the MER-CLIP lists, or another list in PROTOCOLS."""
    if arg not in PROTOCOLS:
        others = ", ".join(list(PROTOCOLS)[4:])
        raise ValueError(f"casme2.py:{arg}: give classes=3, 4, 5 or 7, or {others}")
    config = base.released_loso(3e-5)
    config.data.dataset = "casme2"
    config.data.protocol = PROTOCOLS[arg]
    return config
