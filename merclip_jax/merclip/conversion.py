"""Foreign weights to a folder that a run can start from."""

import sys
from pathlib import Path
from typing import Any

from merclip_jax.errors import ConfigError
from merclip_jax.merclip import foreign, torch_keys
from merclip_jax.merclip.model import MerClip
from merclip_jax.protocols.contamination import EVERYONE
from merclip_jax.towers import files, leaves

SOURCES = {
    "clip": (torch_keys.HUGGING_FACE, torch_keys.OPENAI),
    "viclip": (torch_keys.VICLIP,),
    "uniformerv2": (torch_keys.UNIFORMERV2,),
    "merclip": (torch_keys.OFFICIAL,),
}
NOTHING = "random numbers, as no checkpoint with such a tower was named (--{})"


def convert(given: Any) -> str:
    """Convert weights as the command's flags say, and say in words what was done.

    Raises:
      ConfigError: an input that cannot be used, or that is not what --source says.
      DataError: a damaged checkpoint, or tensors that do not fit.
    """
    weights, names = _found(given)
    parts = {part: _origin(part, name, weights.parts.get(part)) for part, name in names.items()}
    tokenizer = _tokenizer(given.tokenizer or names.get("text") or given.input, given.tokenizer)
    model = MerClip.completed(weights, given.seed)
    meta: dict[str, Any] = {"made_from": parts, "seed": given.seed}
    if given.seen or given.source != "merclip":  # pictures and videos of the web: no corpus of ours
        meta["seen"] = {corpus: [EVERYONE] for corpus in given.seen}
    model.save_pretrained(given.output, tokenizer, meta)
    anew = {name.rsplit(".", 1)[0] for name in leaves.arrays(model) if weights.starts_anew(name)}
    lines = [f"{part}: {origin}" for part, origin in parts.items()]
    lines.append(f"{len(anew)} modules start anew (seed {given.seed})")
    lines.append(f"Written to {given.output}; start from it with --config.model.init_from")
    return "\n".join(lines)


def _found(given: Any) -> tuple[foreign.Foreign, dict[str, str | None]]:
    """The weights, and which path each of their parts is from."""
    heads = foreign.Heads(
        given.video_heads, given.global_heads, given.emotion_heads, given.text_heads
    )
    if given.source == "merclip":
        return foreign.official(given.input, heads), {"model": given.input}
    lone_text = given.source == "viclip"
    vision = given.vision if lone_text else given.input
    text = given.input if lone_text else given.text
    weights = foreign.towers(vision, text, given.classes, given.inflation, given.context, heads)
    kind = weights.parts["text" if lone_text else "vision"]
    if kind not in SOURCES[given.source]:
        raise ConfigError(f"--source={given.source}, but {given.input} is {kind.name}")
    return weights, {"vision": vision, "text": text or vision}


def _origin(part: str, name: str | None, kind: torch_keys.Source | None) -> str:
    """Where a part is from: a hub id whole, a path without the folders of this machine."""
    if name is None or kind is None:
        return NOTHING.format(part)
    place = Path(name).name if Path(name).exists() else name
    return f"{place}: {kind.name}, trained on {kind.seen}"


def _tokenizer(name: str, is_asked_for: str | None) -> files.Tokenizer | None:
    """The tokenizer there; none, and a word about it, where the weights come without one."""
    try:
        return files.tokenizer(name)
    except ConfigError as error:
        if is_asked_for:
            raise
        sys.stderr.write(f"no tokenizer: {error}; name it with --tokenizer to train with texts\n")
        return None
