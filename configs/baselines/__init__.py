"""Baselines: what every model must beat on the same clips and folds. The corpora of all of them."""

from ml_collections import ConfigDict

from merclip_jax.configs import base

CORPORA = ("demo", "macro", "drawn_flow", "megc2019_flow")


def of(system: str, corpus: str) -> ConfigDict:
    """A baseline on a corpus, reading the motion of the apex alone; the recipe is its own.

    `demo`: twelve drawn people, 108 clips, leave one subject out. `macro`: strong expressions of
    other drawn people, exported to start from. `megc2019_flow`: the published flow of 442 clips;
    give its folder with --config.data.manual_dir. `drawn_flow`: the same form of flow of drawn
    people, exported to start from.
    """
    if corpus not in CORPORA:
        raise ValueError(f"{system}.py:{corpus}: give one of {', '.join(CORPORA)}")
    config = base.get_config().unlock()
    config.model.system = system
    config.data.update(input="motion", frames=1, temporal="apex", image_size=112)
    config.data.builder_config = corpus
    if corpus == "megc2019_flow":
        config.data.update(dataset=corpus, protocol="megc2019/flow", builder_config="")
    if corpus == "drawn_flow":
        config.data.builder_config = "flow"
    if corpus.endswith("flow"):
        config.data.image_size = 28
    if corpus in ("macro", "drawn_flow"):
        config.folds.scheme = "hold_out"
        config.checkpoint.export = True
    config.augment.face_mix = 0.0
    config.eval.batch_size = 64
    config.checkpoint.every_epochs = 1000  # a fold takes seconds
    config.checkpoint.keep_finished = False
    return config.lock()
