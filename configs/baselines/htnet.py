"""HTNet (Wang et al. 2023), small: attention within quarters of the face, then among them.

python -m merclip_jax.train --config=configs/baselines/htnet.py \
    --workdir=runs/htnet
python -m merclip_jax.train --config=configs/baselines/htnet.py:macro \
    --workdir=runs/htnet_macro
python -m merclip_jax.train --config=configs/baselines/htnet.py \
    --workdir=runs/htnet_after_macro \
    --config.model.init_from=runs/htnet_macro/folds/hold_out/model-seed0

The last gives what strong movements of other people are worth before the corpus's own clips.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import baselines


def get_config(corpus: str = "demo") -> ConfigDict:
    """One of `baselines.CORPORA`."""
    config = baselines.of("htnet", corpus)
    config.recipe.update(epochs=60, warmup_epochs=5, batch_size=32, learning_rate=5e-4)
    config.recipe.clip_norm = 1.0
    if corpus in ("macro", "drawn_flow"):
        config.recipe.update(epochs=30, batch_size=64)
    if corpus == "megc2019_flow":  # four times the clips: as many steps as on the demo
        config.recipe.update(epochs=15, warmup_epochs=2)
    return config
