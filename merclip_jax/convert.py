"""Foreign weights to a folder that a run can start from: the command."""

import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from merclip_jax import app
from merclip_jax.errors import ConfigError

USAGE = """Convert weights of CLIP, ViCLIP, UniFormerV2 or the MER-CLIP release.

Examples:
  merclip-jax convert --source=clip --input=openai/clip-vit-base-patch16 \\
      --output=weights/clip
  merclip-jax convert --source=uniformerv2 --input=uniformerv2_sthv2.pth \\
      --text=ViCLIP-B.pth --tokenizer=openai/clip-vit-base-patch16 --output=weights/stage1
  merclip-jax convert --source=merclip --input=epoch_50.pth \\
      --tokenizer=openai/clip-vit-base-patch16 --output=weights/merclip

Inputs are files (.safetensors, .pth, .pyth, .pt, .ckpt, .bin), folders of transformers or
open_clip, or ids of the Hugging Face hub, with a revision after an @. PyTorch is not needed, and
nothing that a file names is run. The output is what --config.model.init_from takes."""


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    def define(kind: Any, *values: Any) -> None:
        kind(*values, flag_values=given)

    text, number, choice = flags.DEFINE_string, flags.DEFINE_integer, flags.DEFINE_enum
    sources = ["clip", "viclip", "uniformerv2", "merclip"]
    define(choice, "source", None, sources, "what --input is")
    define(text, "input", None, "file, folder or hub id of the weights")
    define(text, "output", None, "folder for the converted model")
    define(text, "text", None, "another checkpoint's text tower (default: that of --input)")
    define(text, "vision", None, "with --source=viclip: the checkpoint of a vision tower")
    define(text, "tokenizer", None, "folder or hub id (default: that of the text tower)")
    define(flags.DEFINE_list, "seen", [], "corpora that the weights were trained on: 'dfme,casme2'")
    define(number, "classes", 7, "of a new emotion head")
    inflations = ["center", "mean"]
    define(
        choice, "inflation", "center", inflations, "how a picture's kernel becomes three frames'"
    )
    define(number, "context", 77, "positions of the text tower; missing ones are 0")
    define(number, "seed", 0, "of what the checkpoints lack")
    for tower in ("video", "global", "text"):
        define(
            number, f"{tower}_heads", None, "attention heads (default: its config's, or width / 64)"
        )
    layers = "blocks that a global block follows: '4,5,6' (default: the last ones)"
    define(flags.DEFINE_list, "global_layers", [], layers)
    activations = ["gelu", "quick_gelu"]
    define(choice, "activation", None, activations, "of a CLIP that has no config beside it")
    define(number, "emotion_heads", None, "attention heads (default: 4)")


def _convert(given: flags.FlagValues) -> None:
    for name in ("source", "input", "output"):
        if not given[name].value:
            raise ConfigError(f"--{name} is missing; --help shows examples")
    from merclip_jax.merclip import conversion

    sys.stdout.write(f"{conversion.convert(given)}\n")


COMMAND = app.Command(USAGE, _define, _convert)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return app.run(COMMAND, argv)


if __name__ == "__main__":
    sys.exit(main())
