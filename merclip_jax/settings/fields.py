"""Every field of a run: its default, its meaning and what values it takes. There is no other list.

`configs/base.py` makes its config of these; `checks` refuses what they do not allow; `train --help`
prints them.
"""

from dataclasses import dataclass
from typing import Any

from ml_collections import ConfigDict

BASELINES = ("off_apexnet", "ststnet", "htnet", "flow_regression", "flow_regression_au")


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes:
      name: with its part, such as 'recipe.epochs'; on the command line --config.recipe.epochs.
      default: its type is the field's.
      meaning: a line for people.
      choices: the values allowed; none: any.
      low, high: the least and the greatest value allowed, themselves included.
      above: a bound that is not allowed itself.
      free: where and how fast a run goes, not what it computes: a resumed run may change it.
    """

    name: str
    default: Any
    meaning: str
    choices: tuple[str, ...] = ()
    low: int | float | None = None
    high: int | float | None = None
    above: int | float | None = None
    free: bool = False

    @property
    def limits(self) -> str:
        """What values it takes, in words; '' if any of its type."""
        bounds = [("at least", self.low), ("above", self.above), ("at most", self.high)]
        parts = [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
        return " and ".join(parts) or " | ".join(repr(choice) for choice in self.choices)

    def allows(self, value: Any) -> bool:
        """Whether a value is of the field's type and within its limits."""
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            return False
        if self.choices:
            return value in self.choices
        if kind not in (int, float):
            return True
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
        )


# fmt: off
FIELDS = (
    Field("seeds", (0,), "one complete run over all folds per seed"),
    Field("data.dataset", "synthetic_me", "a corpus, or several: 'casme2+samm+smic'"),
    Field("data.builder_config", "",
          "the builder's variant; '' its first; of several 'smic=hs_raw'"),
    Field("data.protocol", "synthetic/3", "clips and classes: merclip-jax protocols --list"),
    Field("data.manual_dir", "",
          "the corpus as its owner distributes it; of several their parent", free=True),
    Field("data.data_dir", "data", "where prepared datasets and packed clips are kept", free=True),
    Field("data.input", "rgb",
          "frames, pictures of their motion (changes of the look leave it alone), or both",
          ("rgb", "motion", "rgb+motion")),
    Field("data.frames", 16, "frames that the model sees of each clip", low=1),
    Field("data.image_size", 224, "pixels: side of the square that the model sees", low=8),
    Field("data.crop", "owner",
          "short side resized and centre cut; the face upright, one transform per clip; or "
          "the whole frame with black borders",
          ("owner", "aligned", "none")),
    Field("data.temporal", "uniform",
          "frames spread over the clip, the same but predicted from each segment's last, its "
          "first ones, or the apex alone (data.frames=1)",
          ("uniform", "ends", "first", "apex")),
    Field("data.motion", "full",
          "'none' shows the onset frame all the time: a sanity check", ("full", "none")),
    Field("data.placement", "auto",
          "where packed clips lie", ("auto", "device", "host", "memmap"), free=True),
    Field("model.system", "merclip",
          "'merclip' names emotions, 'micro_au' finds action units first; baselines: "
          f"{', '.join(BASELINES)}"),
    Field("model.init_from", "", "folder or hub id of the weights to start from"),
    Field("model.variant", "",
          "'tiny' starts a small model at random where init_from is ''", ("", "tiny")),
    Field("model.patch_size", 0, "pixels, of the tiny model; 0: its own", low=0),
    Field("model.motion_start", False,
          "tiny model: the first layer sees differences of frames only"),
    Field("model.init_head", False, "take the emotion head too; the release starts a new one"),
    Field("model.head", "inference",
          "Emotion Inference Module, or a linear classifier", ("inference", "linear")),
    Field("model.adapters", True,
          "local and global video blocks; False: CLIP's tower on single time steps"),
    Field("model.freeze_image", False,
          "train adapters and head only, not what CLIP's tower brought"),
    Field("model.drop_path", 0.0,
          "stochastic depth of the last block; released LOSO runs: 0.2", low=0, high=0.99),
    Field("model.global_drop_path", 0.0,
          "of the last global block; released LOSO runs: 0.4", low=0, high=0.99),
    Field("model.drop_axis", "clip",
          "what stochastic depth drops; released: token positions, in global blocks the batch",
          ("clip", "released")),
    Field("model.norm_clips", 0,
          "clips that BatchNorm's statistics are of in training; 0: the batch; released: 8", low=0),
    Field("model.remat", False,
          "recompute activations in the backward pass: a third more time, less memory"),
    Field("model.dtype", "auto",
          "of computation; auto: float32 on CPU, else bfloat16", ("auto", "float32", "bfloat16")),
    Field("au.units", (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17),
          "Micro-AU CLIP: action units to find"),
    Field("au.sides", "merged", "'kept': left and right are two units", ("merged", "kept")),
    Field("au.emotion", "rules",
          "how it is read off the units: rules, or the nearest name", ("rules", "text")),
    Field("au.rules", "", "a file of emotion rules; '': merclip_jax/facs/emotion_rules.yaml"),
    Field("au.threshold", "zero",
          "'inner': thresholds and calibration from inner subjects", ("zero", "inner")),
    Field("au.heads", 4, "attention heads of both attentions", low=1),
    Field("au.regions", True, "a unit sees its own region (PTA); False: the whole face"),
    Field("au.dependency", True, "units attend to each other (GDA)"),
    Field("au.text", True, "units are told by sentences; False: by learnt vectors"),
    Field("au.visual_weight", 0.5, "MiAUCL: clips in the same state attract", low=0),
    Field("au.visual_form", "clips",
          "every clip weighs the same, or a unit's two states do", ("clips", "balanced")),
    Field("au.naming_weight", 0.1, "MiAUCL: a moving unit is nearest to its own name", low=0),
    Field("au.naming_form", "sentence",
          "its name: the moving sentence, or from the still to the moving sentence",
          ("sentence", "direction")),
    Field("au.dependency_weight", 0.1, "GDLoss", low=0),
    Field("au.dependency_form", "correlation",
          "mean cosine with the labels' correlation; what is told, centred, with it; by clip",
          ("correlation", "centred", "instance")),
    Field("au.eye_distance", 0.0,
          "between the pupils, over the picture's side; 0: 0.31, aligned 0.27", low=0, high=1),
    Field("au.eye_height", 0.39,
          "of the eyes, from the top, over the picture's side", above=0, high=1),
    Field("text.style", "ours", "wording of the sentences", ("ours", "released")),
    Field("text.content", "action_units",
          "what clips are aligned with; 'emotions': their class's name",
          ("action_units", "emotions")),
    Field("text.trainable", False, "MER-CLIP: train the text tower too (it then joins every step)"),
    Field("recipe.epochs", 55, "passes over the training side", low=1),
    Field("recipe.batch_size", 8, "clips per fold and step, over all devices", low=1),
    Field("recipe.accumulate", 1, "steps whose mean gradient makes one update", low=1),
    Field("recipe.learning_rate", 5e-05, "peak, after warm-up", above=0, high=1),
    Field("recipe.lr_reference_batch", 0,
          "the release scales the rate by batch / 128; 0: as given", low=0),
    Field("recipe.warmup_epochs", 5, "of rising rate; less than recipe.epochs", low=0),
    Field("recipe.weight_decay", 0.05, "of AdamW", low=0, high=1),
    Field("recipe.decay_form", "sound",
          "what is decayed: matrices, or what the release does", ("sound", "released")),
    Field("recipe.clip_norm", 20.0, "greatest global L2 norm of the gradient", above=0),
    Field("recipe.balanced", True, "class-balanced batches; False: plain shuffle"),
    Field("recipe.curriculum", 0,
          "steps in which a growing training side doubles; 0: all at once", low=0),
    Field("recipe.alignment_start", 2.0, "weight of the alignment loss in the first epoch", low=0),
    Field("recipe.alignment_end", 1.0, "where it tends to; the emotion loss gets the rest", low=0),
    Field("recipe.alignment_total", 2.0, "what the two weights sum to", above=0),
    Field("recipe.alignment_positives", "same_sentence",
          "or only the clip itself, as released", ("same_sentence", "released")),
    Field("recipe.focal_gamma", 2.0, "of the focal loss; 0: cross-entropy", low=0),
    Field("augment.augmix", True, "AugMix, one chain for all frames of a clip"),
    Field("augment.flip", False,
          "mirrors half of the clips; their sentences then name the other side"),
    Field("augment.cut", 0.0,
          "probability that a clip ends early, anywhere from its apex on", low=0, high=1),
    Field("augment.zoom", 0.0, "how much larger or smaller a face may be; 0.25: 0.8 to 1.25 times",
          low=0, high=1),
    Field("augment.shift", 0.0, "how far a face may lie from its place, over the side",
          low=0, high=0.5),
    Field("augment.half_mix", 0.0, "motion: probability that half of it is another clip's that "
          "has the same label and sentence", low=0, high=1),
    Field("augment.disturb", 0.0, "motion: greatest size of smooth errors, over the motion's",
          low=0),
    Field("augment.color", True, "colour jitter"),
    Field("augment.hue", "sound",
          "jitter of up to a tenth of the circle; released: 50 degrees", ("sound", "released")),
    Field("augment.face_mix", 0.5, "probability of LocalStaticFaceMix", low=0, high=1),
    Field("augment.face_mix_alpha", 0.5, "weight of the other person's still face", low=0, high=1),
    Field("augment.face_mix_self", False, "a clip may be mixed with itself, as released"),
    Field("folds.scheme", "protocol",
          "its own, or: a subject out, a corpus out, the owner's split, every tenth subject",
          ("protocol", "loso", "lodo", "official", "hold_out")),
    Field("folds.parallel", 0, "folds trained at once; 0: 1 on CPU, 4 elsewhere", low=0, free=True),
    Field("parallel.form", "jit",
          "a ('fold', 'data') mesh, or pmap over one fold's batch", ("jit", "pmap"), free=True),
    Field("parallel.devices", 0, "devices to use; 0: all", low=0, free=True),
    Field("parallel.share_folds", False,
          "other processes with this command and workdir train folds of it, too", free=True),
    Field("parallel.coordinator", "",
          "several processes: 'host:port' of the first; 'auto' on a cluster", free=True),
    Field("parallel.processes", 1, "how many there are, unless 'auto'", low=1, free=True),
    Field("parallel.process", 0, "which one this is, from 0", low=0, free=True),
    Field("eval.selection", "last",
          "which epoch predicts: the last; the best on inner subjects, set aside; 'paper' "
          "also shows the best on the test subject",
          ("last", "inner", "paper")),
    Field("eval.allow_seen", False, "start from weights that were trained on tested subjects"),
    Field("eval.baseline", "",
          "workdir of a run on the same clips: the report shows the difference", free=True),
    Field("eval.batch_size", 16, "clips predicted at once", low=1),
    Field("checkpoint.every_epochs", 1, "how often a fold in training is saved", low=1, free=True),
    Field("checkpoint.keep", 2,
          "newest checkpoints kept per fold while it trains", low=1, free=True),
    Field("checkpoint.keep_finished", True, "keep the last one of a finished fold", free=True),
    Field("checkpoint.export", False,
          "also save the model of each fold, to predict with or start from", free=True),
)
# fmt: on


def defaults() -> ConfigDict:
    """A config of all fields, locked: no other field can be set."""
    config = ConfigDict()
    for field in FIELDS:
        *parts, leaf = field.name.split(".")
        for part in parts:
            if part not in config:
                config[part] = ConfigDict()
        (config[parts[0]] if parts else config)[leaf] = field.default
    return config.lock()


def value(config: ConfigDict, name: str) -> Any:
    """The value of a field by its full name."""
    for part in name.split("."):
        config = config[part]
    return config


def choices(name: str) -> tuple[str, ...]:
    """The values that a field takes."""
    return next(field.choices for field in FIELDS if field.name == name)


def described() -> str:
    """All fields as text for a terminal: flag, default, meaning and limits."""
    lines = []
    for field in FIELDS:
        limits = f" ({field.limits})" if field.limits else ""
        lines.append(f"  --config.{field.name}={field.default!r}\n      {field.meaning}{limits}")
    return "\n".join(lines)
