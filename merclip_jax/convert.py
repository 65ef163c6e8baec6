"""Foreign weights to a folder that a run can start from."""

import sys
from pathlib import Path

from absl import flags

from merclip_jax import app
from merclip_jax.contamination import EVERYONE
from merclip_jax.errors import ConfigError
from merclip_jax.models import MerClip, files, foreign, leaves, torch_keys

USAGE = """Convert weights of CLIP, ViCLIP, UniFormerV2 or the MER-CLIP release.

Examples:
  python -m merclip_jax.convert --source=clip --input=openai/clip-vit-base-patch16 \\
      --output=weights/clip
  python -m merclip_jax.convert --source=uniformerv2 --input=uniformerv2_sthv2.pth \\
      --text=ViCLIP-B.pth --tokenizer=openai/clip-vit-base-patch16 --output=weights/stage1
  python -m merclip_jax.convert --source=merclip --input=epoch_50.pth \\
      --tokenizer=openai/clip-vit-base-patch16 --output=weights/merclip

Inputs are files (.safetensors; .pth, .pt and .bin need PyTorch), folders in Hugging Face's layout
or ids of its hub. The output is what --config.model.init_from takes."""

SOURCES = {
    "clip": (torch_keys.HUGGING_FACE, torch_keys.OPENAI),
    "viclip": (torch_keys.VICLIP,),
    "uniformerv2": (torch_keys.UNIFORMERV2,),
    "merclip": (torch_keys.OFFICIAL,),
}
NOTHING = "random numbers, as no checkpoint with such a tower was named (--{})"


def main() -> None:
    """The command."""
    given = flags.FLAGS
    for name in ("source", "input", "output"):
        if not given[name].value:
            raise ConfigError(f"--{name} is missing; --help shows examples")
    found, names = _found(given)
    about = {part: _told(part, name, found.parts.get(part)) for part, name in names.items()}
    tokenizer = _tokenizer(given.tokenizer or names.get("text") or given.input, given.tokenizer)
    model = MerClip.completed(found, given.seed)
    meta = {"made_from": about, "seed": given.seed}
    if given.seen or given.source != "merclip":  # pictures and videos of the web: no corpus of ours
        meta["seen"] = {corpus: [EVERYONE] for corpus in given.seen}
    model.save_pretrained(given.output, tokenizer, meta)
    anew = {name.rsplit(".", 1)[0] for name in leaves.arrays(model) if found.starts_anew(name)}
    sys.stdout.write("".join(f"{part}: {told}\n" for part, told in about.items()))
    sys.stdout.write(f"{len(anew)} modules start anew (seed {given.seed})\n")
    sys.stdout.write(f"Written to {given.output}; start from it with model.init_from\n")


def _found(given: flags.FlagValues) -> tuple[foreign.Foreign, dict[str, str | None]]:
    """The weights, and which path each of their parts is from."""
    heads = foreign.Heads(
        given.video_heads, given.global_heads, given.emotion_heads, given.text_heads
    )
    if given.source == "merclip":
        return foreign.official(given.input, heads), {"model": given.input}
    lone_text = given.source == "viclip"
    vision = given.vision if lone_text else given.input
    text = given.input if lone_text else given.text
    found = foreign.towers(vision, text, given.classes, given.inflation, given.context, heads)
    kind = found.parts["text" if lone_text else "vision"]
    if kind not in SOURCES[given.source]:
        raise ConfigError(f"--source={given.source}, but {given.input} is {kind.name}")
    return found, {"vision": vision, "text": text or vision}


def _told(part: str, name: str | None, kind: torch_keys.Source | None) -> str:
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


if __name__ == "__main__":
    flags.DEFINE_enum("source", None, list(SOURCES), "what --input is")
    flags.DEFINE_string("input", None, "file, folder or hub id of the weights")
    flags.DEFINE_string("output", None, "folder for the converted model")
    flags.DEFINE_string("text", None, "another checkpoint's text tower (default: that of --input)")
    flags.DEFINE_string("vision", None, "with --source=viclip: the checkpoint of a vision tower")
    flags.DEFINE_string("tokenizer", None, "folder or hub id (default: that of the text tower)")
    flags.DEFINE_list("seen", [], "corpora that the weights were trained on, as 'dfme,casme2'")
    flags.DEFINE_integer("classes", 7, "of a new emotion head")
    flags.DEFINE_enum(
        "inflation", "center", ["center", "mean"], "how a picture's kernel becomes three frames'"
    )
    flags.DEFINE_integer("context", 77, "positions of the text tower; missing ones are 0")
    flags.DEFINE_integer("seed", 0, "of what the checkpoints lack")
    for tower in ("video", "global", "text"):
        flags.DEFINE_integer(f"{tower}_heads", None, "attention heads (default: width / 64)")
    flags.DEFINE_integer("emotion_heads", None, "attention heads (default: 4)")
    app.run(main, USAGE)
