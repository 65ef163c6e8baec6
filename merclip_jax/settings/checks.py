"""Refuse a config that cannot run, or that says two things at once, before any data is read."""

from collections.abc import Iterator

from ml_collections import ConfigDict

from merclip_jax.errors import ConfigError
from merclip_jax.settings import fields

SMALLEST_GAMMA = 1  # of the focal loss, if not 0: below it the gradient is unbounded at p = 1


def check(config: ConfigDict) -> list[str]:
    """Check every field, and the fields against each other.

    Returns:
      Words about fields that other fields make idle.

    Raises:
      ConfigError: a value that a field does not take, or fields that contradict each other; the
        flag is named in full.
    """
    for field in fields.FIELDS:
        value = fields.value(config, field.name)
        if not field.allows(value):
            kind = type(field.default).__name__
            raise ConfigError(
                f"--config.{field.name}={value!r}: give {field.limits or f'a {kind}'} "
                f"({field.meaning})"
            )
    for fault in _contradictions(config):
        raise ConfigError(fault)
    return list(_idle(config))


def _contradictions(config: ConfigDict) -> Iterator[str]:
    yield from _of_recipe(config.recipe)
    yield from _of_parallel(config)
    yield from _of_model(config)
    seeds = config.seeds
    if not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        yield f"--config.seeds={seeds!r}: give whole numbers from 0 on, such as (0,)"
    if len(set(seeds)) < len(seeds):
        yield f"--config.seeds={seeds!r}: a seed stands twice; the same run would count twice"
    if config.au.threshold == "inner" and config.eval.selection != "inner":
        yield (
            "--config.au.threshold='inner' needs inner subjects: set "
            "--config.eval.selection=inner, too"
        )
    if config.data.temporal == "apex" and config.data.frames != 1:
        yield (
            f"--config.data.frames={config.data.frames}: --config.data.temporal=apex shows one "
            "frame, the apex; set --config.data.frames=1 with it"
        )
    if config.folds.scheme == "lodo" and "+" not in config.data.dataset:
        yield (
            "--config.folds.scheme='lodo' leaves one corpus out, and --config.data.dataset="
            f"{config.data.dataset!r} is a single one"
        )


def _of_recipe(recipe: ConfigDict) -> Iterator[str]:
    if recipe.warmup_epochs >= recipe.epochs:
        yield (
            f"--config.recipe.warmup_epochs={recipe.warmup_epochs}: must be less than "
            f"--config.recipe.epochs={recipe.epochs}"
        )
    if recipe.curriculum and recipe.balanced:
        yield (
            f"--config.recipe.curriculum={recipe.curriculum} draws from a growing training side "
            "without regard to classes: set --config.recipe.balanced=False with it"
        )
    for name in ("alignment_start", "alignment_end"):
        if recipe[name] > recipe.alignment_total:
            yield (
                f"--config.recipe.{name}={recipe[name]:g}: the emotion loss gets the rest of "
                f"--config.recipe.alignment_total={recipe.alignment_total:g}, which would be "
                "negative"
            )
    if 0 < recipe.focal_gamma < SMALLEST_GAMMA:
        yield (
            f"--config.recipe.focal_gamma={recipe.focal_gamma:g}: give 0 or at least "
            f"{SMALLEST_GAMMA}; in between its gradient has no bound"
        )


def _of_parallel(config: ConfigDict) -> Iterator[str]:
    settings = config.parallel
    if settings.form == "pmap" and config.folds.parallel > 1:
        yield (
            f"--config.folds.parallel={config.folds.parallel}: with --config.parallel.form=pmap "
            "one fold trains at a time; set it to 1"
        )
    if settings.form == "pmap" and settings.coordinator:
        yield "--config.parallel.form='pmap' runs in one process; take 'jit' for several"
    if settings.share_folds and settings.coordinator:
        yield (
            "--config.parallel.share_folds=True lets runs of one process each take folds; with "
            "--config.parallel.coordinator the processes train the same ones: set one of the two"
        )
    if settings.process >= settings.processes:
        yield (
            f"--config.parallel.process={settings.process} of --config.parallel.processes="
            f"{settings.processes}: number the processes from 0"
        )


def _of_model(config: ConfigDict) -> Iterator[str]:
    if config.model.norm_clips and config.recipe.batch_size % config.model.norm_clips:
        yield (
            f"--config.model.norm_clips={config.model.norm_clips} does not divide "
            f"--config.recipe.batch_size={config.recipe.batch_size}; BatchNorm takes whole groups"
        )
    if config.augment.half_mix and config.data.input == "rgb+motion":
        yield (
            f"--config.augment.half_mix={config.augment.half_mix} mixes the motion of two people, "
            "and --config.data.input=rgb+motion shows the frames of one: set one to its default"
        )
    model, saved = config.model, config.model.init_from
    if not saved and model.variant != "tiny" and model.system not in fields.BASELINES:
        yield (
            "--config.model.init_from='': name the folder or hub id of weights to start from, or "
            "give --config.model.variant=tiny to try a run from random weights"
        )
    if not saved and model.init_head:
        yield "--config.model.init_head=True takes a head from --config.model.init_from: name it"
    if model.patch_size and config.data.image_size % model.patch_size:
        yield (
            f"--config.model.patch_size={model.patch_size} does not divide "
            f"--config.data.image_size={config.data.image_size}"
        )
    if model.system == "micro_au":
        if config.text.trainable:
            yield (
                "--config.text.trainable=True: Micro-AU CLIP embeds its sentences once, so a text "
                "tower in training would only decay; set it to False"
            )
        if config.augment.flip and config.au.sides == "kept":
            yield (
                "--config.augment.flip=True mirrors clips, and --config.au.sides='kept' tells left "
                "from right: set one of them to its default"
            )
        if config.au.emotion == "text" and not saved:
            yield (
                "--config.au.emotion='text' compares sentences in the space of a text tower that "
                "knows what they mean, and random weights know nothing: set "
                "--config.model.init_from to weights with a trained text tower, such as CLIP's, "
                "or --config.au.emotion=rules"
            )


def _idle(config: ConfigDict) -> Iterator[str]:
    """What is set and yet has no effect."""
    of_units = [f.name for f in fields.FIELDS if f.name.startswith("au.")]
    of_classes = ["text.content", "model.head", "model.init_head"]
    started = ["model.patch_size", "model.motion_start"]
    mixing = ["augment.face_mix_alpha", "augment.face_mix_self"]
    moving = ["augment.half_mix", "augment.disturb"]
    for applies, names, reason in (
        (config.model.init_from, started, "the weights at --config.model.init_from have their own"),
        (config.model.system == "merclip", of_units, "they are Micro-AU CLIP's"),
        (config.model.system == "micro_au", of_classes, "they are MER-CLIP's"),
        (not config.augment.face_mix, mixing, "--config.augment.face_mix is 0"),
        (config.data.input == "rgb", moving, "--config.data.input=rgb shows no motion"),
    ):
        idle = _changed(config, *names) if applies else []
        if idle:
            yield f"Not used: {', '.join(idle)}; {reason}."


def _changed(config: ConfigDict, *names: str) -> list[str]:
    default = {field.name: field.default for field in fields.FIELDS}
    return [
        f"--config.{name}={fields.value(config, name)!r}"
        for name in names
        if fields.value(config, name) != default[name]
    ]
