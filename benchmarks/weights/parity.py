"""Every layout of CLIP's weights beside transformers' own model of the same numbers.

python -m benchmarks.weights.parity [--full]

Needs torch (the extra 'parity'). Random weights are written in each layout, loaded here, and both
towers are compared stage by stage in float32: the table's figure is the largest difference of any
stage over that stage's largest value. `--full` adds ViT-B/16. Then come the layouts that are
refused, each with its message.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch
import transformers

from benchmarks.weights import layouts
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.merclip.foreign import Heads
from merclip_jax.models import MerClip, weights

SMALL_TEXT = {
    "vocab_size": 99, "hidden_size": 48, "intermediate_size": 192, "num_hidden_layers": 2,
    "num_attention_heads": 3, "max_position_embeddings": 20, "eos_token_id": 98,
}  # fmt: skip
SMALL_VISION = {
    "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2,
    "num_attention_heads": 4, "image_size": 32, "patch_size": 8,
}  # fmt: skip
HEADS = Heads(video=4, text=3)  # of the small model, for files that no config describes
Write = Callable[[transformers.CLIPModel, Path], Path]


@dataclass(frozen=True)
class Case:
    """A layout.

    Attributes:
      name: in the table.
      write: writes a model, and returns what to load.
      towers: that it holds.
      config: changes of both towers; `text` those of the text tower alone.
      heads, activation: said by the user, where no config is beside the file.
      dtype: of the numbers as written.
    """

    name: str
    write: Write
    towers: str = "vision text"
    config: dict[str, Any] = field(default_factory=dict)
    text: dict[str, Any] = field(default_factory=dict)
    heads: Heads | None = None
    activation: str | None = None
    dtype: torch.dtype = torch.float32


GELU = {"hidden_act": "gelu"}
CASES = (
    Case("CLIPModel, model.safetensors", layouts.whole),
    Case("a file in its folder", layouts.by_its_file),
    Case("sharded safetensors", layouts.sharded),
    Case("pytorch_model.bin", layouts.binary),
    Case("sharded .bin", layouts.sharded_binary),
    Case("float16", layouts.whole, dtype=torch.float16),
    Case("bfloat16", layouts.whole, dtype=torch.bfloat16),
    Case("position_ids buffers", layouts.with_position_ids),
    Case("gelu", layouts.whole, config=GELU),
    Case("gelu, named by its file", layouts.by_its_file, config=GELU),
    Case("layer_norm_eps 1e-3", layouts.whole, config={"layer_norm_eps": 1e-3}),
    Case("eos_token_id 7", layouts.whole, text={"eos_token_id": 7}),
    Case("eos_token_id 2 (the highest id)", layouts.whole, text={"eos_token_id": 2}),
    Case("CLIPVisionModel", layouts.part(transformers.CLIPVisionModel), "vision", GELU),
    Case("CLIPVisionModelWithProjection", layouts.part(transformers.CLIPVisionModelWithProjection),
         "vision"),
    Case("CLIPTextModel", layouts.part(transformers.CLIPTextModel), "text", GELU),
    Case("CLIPTextModelWithProjection", layouts.part(transformers.CLIPTextModelWithProjection),
         "text"),
    Case("open_clip folder, safetensors", layouts.open_clip, config=GELU),
    Case("open_clip_pytorch_model.bin with attn_mask, quick_gelu", layouts.open_clip_binary),
    Case("open_clip, text tower under 'text.'", layouts.open_clip_custom_text, config=GELU),
    Case("OpenAI's .pt (TorchScript)", layouts.torchscript, heads=HEADS),
    Case("OpenAI's names, activation given", layouts.bare_state_dict, config=GELU, heads=HEADS,
         activation="gelu"),
    Case("DataParallel's module.", layouts.wrapped("module.", "state_dict"), config=GELU),
    Case("Lightning's model.", layouts.wrapped("model.", "state_dict", {"loss.scale": 1.0})),
    Case("model_state_dict of nn.Parameters", layouts.wrapped("", "model_state_dict")),
    Case("a stream of PyTorch before 1.6", layouts.old_stream),
)  # fmt: skip


def drawn(case: Case, vision: dict[str, Any], text: dict[str, Any], shared: int) -> Any:
    """A model of transformers with random weights, rounded as the case writes them."""
    torch.manual_seed(0)
    config = transformers.CLIPConfig(
        vision_config=vision | case.config,
        text_config=text | case.config | case.text,
        projection_dim=shared,
    )
    model = transformers.CLIPModel(config).eval()
    with torch.no_grad():
        for one in model.parameters():  # its own initial values leave biases and norms untested
            one.add_(0.05 * torch.randn_like(one))
            one.copy_(one.to(case.dtype).float())
    return model


@torch.no_grad()
def seen(ours: MerClip, theirs: Any, layers: int) -> Iterator[tuple[str, Any, Any]]:
    """Stages of the picture tower: name, ours and theirs."""
    side = theirs.config.vision_config.image_size
    picture = np.random.default_rng(0).normal(size=(1, side, side, 3)).astype(np.float32)
    pixels = torch.from_numpy(picture.transpose(0, 3, 1, 2).copy())
    reference = theirs.vision_model(pixels, output_hidden_states=True)
    stages: dict[str, Any] = {}
    ours.vision(jnp.asarray(picture)[:, None], intermediates=stages)
    for i, hidden in enumerate(reference.hidden_states):
        name = f"block{i - 1}" if i else "ln_pre"
        yield name, stages[name][:, 0], hidden
    pooled = ours.vision.norm(stages[f"block{layers - 1}"][:, 0, 0])
    yield "post_layernorm", pooled, reference.pooler_output
    if ours.cfg.vision.output_dim == theirs.config.projection_dim:
        features = theirs.visual_projection(reference.pooler_output)
        yield "image features", pooled @ ours.vision.proj[...], features


@torch.no_grad()
def read(ours: MerClip, theirs: Any) -> Iterator[tuple[str, Any, Any]]:
    """Stages of the text tower."""
    config, rng = theirs.config.text_config, np.random.default_rng(0)
    length, end = config.max_position_embeddings, config.eos_token_id
    ids = rng.integers(8, config.vocab_size - 2, (3, length))
    ids[[0, 1, 2], [4, length - 1, 10]] = config.vocab_size - 1 if end == 2 else end
    reference = theirs.text_model(torch.from_numpy(ids))
    project = ours.text.text_projection[...]
    given = jnp.asarray(ids, jnp.int32)
    states = jnp.asarray(reference.last_hidden_state.numpy()) @ project
    yield "all positions", ours.text.all_positions(given), states
    at_end = jnp.asarray(reference.pooler_output.numpy()) @ project
    yield "text features", ours.encode_text(given), at_end


def loaded(case: Case, path: Path, context: int) -> MerClip:
    """The model that we make of what was written."""
    vision, text = (path, None) if "vision" in case.towers else (None, path)
    more = {"heads": case.heads, "activation": case.activation, "context": context}
    return weights.load(vision, text, **more)


def compare(case: Case, full: bool = False) -> tuple[float, str, int]:
    """The largest relative difference, the stage that has it, and the number of stages."""
    sizes = ({"patch_size": 16}, {}, 512) if full else (SMALL_VISION, SMALL_TEXT, 40)
    theirs = drawn(case, *sizes)
    with tempfile.TemporaryDirectory() as folder:
        path = case.write(theirs.to(case.dtype), Path(folder))
        theirs = theirs.float()
        ours = loaded(case, path, theirs.config.text_config.max_position_embeddings)
    stages = list(seen(ours, theirs, ours.cfg.vision.layers)) if "vision" in case.towers else []
    stages += list(read(ours, theirs)) if "text" in case.towers else []
    found = [(_relative(mine, other), name) for name, mine, other in stages]
    return *max(found), len(found)


def _relative(ours: Any, theirs: Any) -> float:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def refused() -> Iterator[tuple[str, str]]:
    """Layouts that are refused, and their messages."""
    for name, write in layouts.REFUSED.items():
        theirs = drawn(CASES[0], SMALL_VISION, SMALL_TEXT, 40)
        with tempfile.TemporaryDirectory() as folder:
            try:
                weights.load(write(theirs, Path(folder)))
                yield name, "TAKEN"
            except (ConfigError, DataError) as error:
                yield name, " ".join(str(error).replace(f"{folder}/", "").split())


def main() -> None:
    """Print the tables."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    print("| layout | towers | stages | largest difference | at |\n|---|---|---|---|---|")
    cases = [(case, False) for case in CASES]
    cases += [(Case("CLIPModel, ViT-B/16", layouts.whole), True)] if "--full" in sys.argv else []
    for case, full in cases:
        worst, stage, count = compare(case, full)
        print(f"| {case.name} | {case.towers} | {count} | {worst:.1e} | {stage} |", flush=True)
    print("\n| refused | message |\n|---|---|")
    for name, message in refused():
        print(f"| {name} | {message} |")


if __name__ == "__main__":
    main()
