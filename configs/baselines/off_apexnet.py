"""Off-ApexNet (Gan et al. 2019): two streams of convolutions on horizontal and vertical flow.

python -m merclip_jax.train --config=configs/baselines/off_apexnet.py \
    --workdir=runs/off_apexnet
python -m merclip_jax.train --config=configs/baselines/off_apexnet.py:macro \
    --workdir=runs/off_apexnet_macro
python -m merclip_jax.train --config=configs/baselines/off_apexnet.py \
    --workdir=runs/off_apexnet_after_macro \
    --config.model.init_from=runs/off_apexnet_macro/folds/hold_out/model-seed0

The last gives what strong movements of other people are worth before the corpus's own clips.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import baselines


def get_config(corpus: str = "demo") -> ConfigDict:
    """One of `baselines.CORPORA`."""
    config = baselines.of("off_apexnet", corpus)
    config.recipe.update(epochs=40, warmup_epochs=2, batch_size=32, learning_rate=3e-4)
    if corpus in ("macro", "drawn_flow"):
        config.recipe.update(epochs=15, batch_size=64)
    if corpus == "megc2019_flow":  # four times the clips: as many steps as on the demo
        config.recipe.update(epochs=10, warmup_epochs=1)
    return config
