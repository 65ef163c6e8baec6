"""MER-CLIP on MEGC2019's published flow: 442 clips of 68 subjects, one subject left out.

python -m merclip_jax.train --config=configs/megc2019_flow.py:drawn --workdir=runs/drawn_flow
python -m merclip_jax.train --config=configs/megc2019_flow.py --workdir=runs/megc2019_flow \
    --config.model.init_from=runs/drawn_flow/folds/hold_out/model-seed0 \
    --config.data.manual_dir=/where/HTNet/lies

The first learns from drawn people how emotions move a face, in the same form of flow; nothing of a
real person is in it. The second goes on with real ones. Both see faces larger, smaller and beside
their place, and motion measured with errors; half of the real clips take the upper, lower, left or
right half of another clip of their class. The published flow has no action units:
there are no sentences to align with, so that neither does, and Micro-AU CLIP does not apply.
"""

from ml_collections import ConfigDict

from merclip_jax.configs import base


def get_config(step: str = "real") -> ConfigDict:
    """`real`, the 442 clips; `drawn`, the weights that it starts from."""
    if step not in ("real", "drawn"):
        raise ValueError(f"megc2019_flow.py:{step}: give real or drawn")
    config = base.get_config()
    config.data.update(input="motion", frames=1, temporal="apex", image_size=28)
    config.augment.update(augmix=False, color=False, face_mix=0.0, flip=True)
    config.recipe.update(clip_norm=1.0, focal_gamma=0.0, alignment_start=0.0, alignment_end=0.0)
    config.eval.batch_size = 64
    config.checkpoint.every_epochs = 1000  # a fold takes seconds
    config.folds.parallel = 8  # so small that eight at once take half the time, on a CPU too
    if step == "drawn":
        config.data.builder_config = "flow"
        config.model.update(variant="tiny", patch_size=7)
        config.augment.update(zoom=0.1, shift=0.05, disturb=1.0)
        config.recipe.update(epochs=12, batch_size=64, learning_rate=2e-3, balanced=False)
        config.recipe.warmup_epochs = 1
        config.folds.scheme = "hold_out"
        config.checkpoint.export = True
        return config
    config.data.update(dataset="megc2019_flow", protocol="megc2019/flow")
    config.model.init_head = True
    config.augment.update(disturb=0.7, half_mix=0.5)
    config.recipe.update(epochs=30, warmup_epochs=3, batch_size=32, learning_rate=1e-3)
    config.checkpoint.keep_finished = False
    return config
