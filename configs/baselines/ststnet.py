"""STSTNet (Liong et al. 2019): three shallow streams on flow and strain, 1,683 parameters.

python -m merclip_jax.train --config=configs/baselines/ststnet.py \
    --workdir=runs/ststnet
python -m merclip_jax.train --config=configs/baselines/ststnet.py:macro \
    --workdir=runs/ststnet_macro
python -m merclip_jax.train --config=configs/baselines/ststnet.py \
    --workdir=runs/ststnet_after_macro \
    --config.model.init_from=runs/ststnet_macro/folds/hold_out/model-seed0

The last gives what strong movements of other people are worth before the corpus's own clips.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import baselines


def get_config(corpus: str = "demo") -> ConfigDict:
    """One of `baselines.CORPORA`."""
    config = baselines.of("ststnet", corpus)
    config.recipe.update(epochs=100, warmup_epochs=2, batch_size=32, learning_rate=3e-3)
    if corpus in ("macro", "drawn_flow"):
        config.recipe.update(epochs=30, batch_size=64)
    if corpus == "megc2019_flow":  # four times the clips: as many steps as on the demo
        config.recipe.update(epochs=25, warmup_epochs=2)
    return config
