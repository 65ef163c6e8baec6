"""The optimiser: learning-rate schedule, what is trained, what is decayed, and the AdamW chain.

Figures are those of the MER-CLIP release @31037e9 (mmengine 0.10.4, torch AdamW). Parameters are
known by their path in the model, such as ('vision', 'blocks', 0, 'attn', 'qkv', 'bias').
"""

from typing import Any, Literal

import jax
import optax
from jax.tree_util import DictKey

from merclip_jax.errors import ConfigError

START_FACTOR = 0.1  # warm-up starts, and the cosine ends, at this share of the peak


def scaled_lr(base_lr: float, batch_size: int, reference: int = 128) -> float:
    """Scale a learning rate linearly with the batch (Goyal et al., arXiv 1706.02677).

    The release does so silently: its 5e-5 is in fact 6.25e-6 at a global batch of 16.
    """
    return base_lr * batch_size / reference


def schedule(
    peak_lr: float, steps_per_epoch: int, epochs: int = 55, warmup_epochs: int = 5
) -> optax.Schedule:
    """Linear warm-up from a tenth of `peak_lr`, then a cosine back to a tenth.

    The peak is reached in the last step of the warm-up and held in the first of the cosine. After
    the last epoch the rate stays at a tenth.

    Raises:
      ConfigError: there is no step, or no epoch left after the warm-up.
    """
    if steps_per_epoch < 1:
        raise ConfigError(f"steps_per_epoch is {steps_per_epoch}: an epoch needs a step or more")
    if not 0 <= warmup_epochs < epochs:
        raise ConfigError(
            f"warmup_epochs is {warmup_epochs} and epochs is {epochs}: "
            "set warmup_epochs to 0 or more and to less than epochs"
        )
    warmup_steps = warmup_epochs * steps_per_epoch
    # A ramp of no or one step has no slope to compute; one step of warm-up stays at a tenth.
    warmup = optax.linear_schedule(START_FACTOR * peak_lr, peak_lr, max(warmup_steps - 1, 1))
    cosine = optax.cosine_decay_schedule(
        peak_lr, (epochs - warmup_epochs) * steps_per_epoch, alpha=START_FACTOR
    )
    return optax.join_schedules([warmup, cosine], [warmup_steps])


def trainable(path: tuple, text_tower: bool = False, image_tower: bool = True) -> bool:
    """Whether the parameter at `path` is trained.

    All are, but for the text tower's, unless told; without `image_tower` what CLIP's image tower
    brought stays as it is too, and the adapters, the projections and the head learn around it.
    """
    if path[0] == "text":
        return text_tower
    return image_tower or not _of_image_tower(path)


def _of_image_tower(path: tuple) -> bool:
    if path[0] != "vision":
        return False
    if path[1] == "blocks":
        return not str(path[3]).startswith("lmhra")
    return path[1] in ("patch_embedding", "class_embedding", "positional_embedding", "ln_pre")


def decayed(path: tuple, leaf: Any, form: Literal["sound", "released"] = "sound") -> bool:
    """Whether weight decay applies to the parameter at `path`; `leaf` needs only `ndim`.

    sound: kernels and projections (two axes or more) alone. Biases, norms, embeddings, learnt
    tokens, gates and the temperature are free, since pulling them to zero has no use.
    released: everything but norms and what torch calls exactly `bias`. So embeddings, tokens, the
    gate, logit_scale and the towers' packed attention bias (`in_proj_bias`) are decayed, while the
    emotion head's packed bias (`to_qkv.bias`) is not.
    """
    name = str(path[-1])
    if form == "sound":
        return leaf.ndim >= 2 and not name.endswith("embedding")
    if name == "bias":
        return path[-2] == "qkv" and path[0] in ("vision", "text")
    return name != "scale"


def decay_mask(params: Any, form: Literal["sound", "released"] = "sound") -> Any:
    """Apply `decayed` to every leaf of one fold's `params` (nnx.State or nested dicts)."""

    def names(path: tuple) -> tuple:
        # An nnx.State's leaves are Variables, which add an entry of their own behind the names.
        return tuple(entry.key for entry in path if isinstance(entry, DictKey))

    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: decayed(names(path), leaf, form), params
    )


def adamw(
    schedule: optax.ScalarOrSchedule,
    mask: Any,
    weight_decay: float = 0.05,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    clip_norm: float = 20.0,
) -> optax.GradientTransformation:
    """AdamW (Loshchilov & Hutter, arXiv 1711.05101) behind clipping by the global L2 norm.

    Same update as torch's: the decay is multiplied by the learning rate, `eps` stands outside the
    root. torch divides by the norm + 1e-6 when it clips, a relative difference of 5e-8 at norm 20.
    """
    return optax.chain(
        optax.clip_by_global_norm(clip_norm),
        optax.adamw(schedule, *betas, eps=eps, weight_decay=weight_decay, mask=mask),
    )
