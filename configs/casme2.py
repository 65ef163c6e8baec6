"""MER-CLIP on CASME II, leave one subject out.

python -m merclip_jax.train --config=configs/casme2.py:classes=5 \
    --config.data.manual_dir=/where/CASME2/lies --workdir=runs/casme2

Fine-tuning from DFME weights as the MER-CLIP release does it (casme2_dfme-pre at 31037e9, on two
GPUs): 3e-5 is really 3.75e-6, since the release scales by batch / 128. The sound form of each of
its known faults is the default of configs/base.py. As it stands the model is
small and starts at random, which shows that a corpus is read and every fold runs; for scores that
mean something add --config.model.init_from=DIR, whose sizes and weights then count.
"""

from ml_collections import ConfigDict

from configs import base

CLASSES = {f"classes={n}": n for n in (3, 4, 5, 7)}


def get_config(arg: str = "classes=5") -> ConfigDict:
    """CASME II with `classes=3|4|5|7` of the MER-CLIP lists, or `megc2019`."""
    config = base.get_config()
    config.data.dataset = "casme2"
    if arg == "megc2019":
        config.data.protocol = "megc2019/casme2"
    elif arg in CLASSES:
        config.data.protocol = f"merclip/casme2/{CLASSES[arg]}"
    else:
        raise ValueError(f"casme2.py:{arg}: give classes=3, 4, 5 or 7, or megc2019")
    config.model.variant = "tiny"
    config.model.patch_size = 16
    config.model.drop_path = 0.2
    config.model.global_drop_path = 0.4
    config.recipe.batch_size = 16
    config.recipe.learning_rate = 3e-5
    config.recipe.lr_reference_batch = 128
    return config
