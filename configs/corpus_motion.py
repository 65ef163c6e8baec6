"""MER-CLIP on the motion of a real corpus, three classes, leave one subject out; small and quick.

python -m merclip_jax.train --config=configs/corpus_motion.py:casme2 \
    --config.data.manual_dir=/where/CASME2/lies --workdir=runs/casme2_motion
python -m merclip_jax.train --config=configs/baselines/flow_regression.py:demo \
    --config.data.dataset=casme2 --config.data.builder_config= \
    --config.data.protocol=merclip/casme2/3 --config.data.crop=aligned \
    --config.data.manual_dir=/where/CASME2/lies --workdir=runs/casme2_regression
python -m merclip_jax.evaluate --workdir=runs/casme2_motion --against=runs/casme2_regression

It begins with what drawn faces have taught the demo's model and needs no other weights. The recipe
is the one that did best on the published flow of real people (configs/megc2019_flow.py); on real
frames it has not been run by us. The second command is the strongest simple method on the same
clips: whatever you report, report it beside that.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base

CORPORA = {  # datasets, protocol, builder's variants
    "casme2": ("casme2", "merclip/casme2/3", ""),
    "samm": ("samm", "merclip/samm/3", ""),
    "casme3": ("casme3", "merclip/casme3/3", ""),
    "megc2019": ("smic+casme2+samm", "megc2019/full", "samm=cropped"),
}


def get_config(corpus: str = "casme2") -> ConfigDict:
    """One of CORPORA; megc2019 needs a folder that holds smic, casme2 and samm."""
    if corpus not in CORPORA:
        raise ValueError(f"corpus_motion.py:{corpus}: give one of {', '.join(CORPORA)}")
    config = base.on_motion()
    dataset, protocol, variants = CORPORA[corpus]
    config.data.update(dataset=dataset, protocol=protocol, builder_config=variants)
    config.data.crop = "aligned"
    config.model.update(init_from="assets/demo_model", init_head=True)
    config.recipe.update(epochs=30, warmup_epochs=3, batch_size=32, learning_rate=1e-3)
    config.recipe.update(clip_norm=1.0, focal_gamma=0.0, alignment_start=1.0)
    config.augment.update(flip=True, zoom=0.1, shift=0.05, disturb=0.7, half_mix=0.5)
    return config
