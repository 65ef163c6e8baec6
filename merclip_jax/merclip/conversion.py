"""Foreign weights to a folder that a run can start from."""

import re
import sys
from pathlib import Path
from typing import Any

from merclip_jax.errors import ConfigError
from merclip_jax.merclip import foreign, sentences, torch_keys
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
    words = given.tokenizer or names.get("text") or given.input
    tokenizer = _tokenizer(words, given.tokenizer)
    if tokenizer is not None:
        _warn_of(tokenizer, weights, words)
    model = MerClip.completed(weights, given.seed)
    meta: dict[str, Any] = {"made_from": parts, "seed": given.seed}
    if given.seen or given.source != "merclip":  # pictures and videos of the web: no corpus of ours
        meta["seen"] = {corpus: [EVERYONE] for corpus in given.seen}
    model.save_pretrained(given.output, tokenizer, meta)
    anew = [name for name in leaves.arrays(model) if weights.starts_anew(name)]
    lines = [f"{part}: {origin}" for part, origin in parts.items()]
    opened = {one.path.name: one.unwrapped for one in weights.parts.values() if one.unwrapped}
    lines += [f"opened in {name}: {found}" for name, found in opened.items()]
    modules = {name.rpartition(".")[0] for name in anew}
    lines.append(f"{len(modules)} modules start anew (seed {given.seed}){_summary(anew)}")
    lines.append(f"Written to {given.output}; start from it with --config.model.init_from")
    return "\n".join(lines)


def _summary(names: list[str]) -> str:
    """What starts anew without numbers and insides: ': emotion, vision.global_blocks'."""
    plain = (re.sub(r"\.\d+", "", name) for name in names)
    short = {re.sub(r"^(vision\.blocks\.\w+|vision\.\w+|\w+).*", r"\1", name) for name in plain}
    return f": {', '.join(sorted(short))}" if short else ""


def _found(given: Any) -> tuple[foreign.Foreign, dict[str, str | None]]:
    """The weights, and which path each of their parts is from."""
    heads = foreign.Heads(
        given.video_heads, given.global_heads, given.emotion_heads, given.text_heads
    )
    sizes = foreign.Given(heads, given.classes, _layers(given.global_layers))
    if given.source == "merclip":
        return foreign.official(given.input, sizes), {"model": given.input}
    lone_text = given.source == "viclip"
    vision = given.vision if lone_text else given.input
    text = given.input if lone_text else given.text
    weights = foreign.towers(vision, text, given.inflation, given.context, sizes, given.activation)
    main = weights.parts.get("text" if lone_text else "vision") or next(
        iter(weights.parts.values())
    )
    if main.kind not in SOURCES[given.source]:
        raise ConfigError(f"--source={given.source}, but {given.input} is {main.kind.name}")
    return weights, {"vision": vision, "text": text or vision}


def _layers(given: list[str]) -> tuple[int, ...] | None:
    try:
        return tuple(map(int, given)) or None
    except ValueError as error:
        raise ConfigError(f"--global_layers={','.join(given)}: give numbers, as 4,5,6") from error


def _origin(part: str, name: str | None, source: foreign.Part | None) -> str:
    """Where a part is from: a hub id and its commit, a path without the folders of this machine."""
    if name is None or source is None:
        return NOTHING.format(part)
    if Path(name).exists():
        return f"{Path(name).name}: {source.about}"
    commit = source.path.parent.name  # the hub's cache keeps each commit in a folder of its name
    at = f" at commit {commit}" if re.fullmatch("[0-9a-f]{40}", commit) else ""
    return f"{name}{at}: {source.about}"


def _warn_of(tokenizer: files.Tokenizer, weights: foreign.Foreign, source: str) -> None:
    """Say that a tokenizer is another tower's; a run from such a folder stops."""
    try:
        sentences.check(tokenizer, weights.cfg.text, source)
    except ConfigError as error:
        sys.stderr.write(f"no run can start from this yet: {error}\n")


def _tokenizer(name: str, is_asked_for: str | None) -> files.Tokenizer | None:
    """The tokenizer there; none, and a word about it, where the weights come without one."""
    try:
        return files.tokenizer(name)
    except ConfigError as error:
        if is_asked_for:
            raise
        sys.stderr.write(f"no tokenizer: {error}; name it with --tokenizer to train with texts\n")
        return None
