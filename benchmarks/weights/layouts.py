"""The layouts in which people hold a CLIP, each written from a model of transformers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

Write = Callable[[Any, Path], Path]


def whole(model: Any, to: Path) -> Path:
    """As transformers saves it."""
    model.save_pretrained(to)
    return to


def by_its_file(model: Any, to: Path) -> Path:
    """The same, named by its file: the config beside it counts."""
    return whole(model, to) / "model.safetensors"


def sharded(model: Any, to: Path) -> Path:
    """In several files with an index."""
    model.save_pretrained(to, max_shard_size="200KB")
    return to


def _config(model: Any, to: Path) -> Path:
    model.config.save_pretrained(to)
    return to


def binary(model: Any, to: Path) -> Path:
    """PyTorch's format."""
    torch.save(model.state_dict(), to / "pytorch_model.bin")
    return _config(model, to)


def sharded_binary(model: Any, to: Path) -> Path:
    """PyTorch's format in two files."""
    state, place = model.state_dict(), {}
    for i in range(2):
        name = f"pytorch_model-0000{i + 1}-of-00002.bin"
        some = {key: state[key] for j, key in enumerate(state) if j % 2 == i}
        torch.save(some, to / name)
        place |= dict.fromkeys(some, name)
    (to / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": place}))
    return _config(model, to)


def with_position_ids(model: Any, to: Path) -> Path:
    """With the buffers that transformers kept until 4.31."""
    ids = {
        f"{tower}_model.embeddings.position_ids": torch.arange(9)[None]
        for tower in ("vision", "text")
    }
    torch.save(model.state_dict() | ids, to / "pytorch_model.bin")
    return _config(model, to)


def part(kind: Any) -> Write:
    """One tower alone, as its own class of transformers saves it."""

    def write(model: Any, to: Path) -> Path:
        name = "vision" if "Vision" in kind.__name__ else "text"
        config = getattr(model.config, f"{name}_config")
        config.projection_dim = model.config.projection_dim
        lone = kind(config).eval()
        own = model.state_dict()
        state = {
            key: own[key] if key in own else own[f"{name}_model.{key}"] for key in lone.state_dict()
        }
        lone.load_state_dict(state)
        lone.save_pretrained(to)
        return to

    return write


def openai_state(model: Any) -> dict[str, torch.Tensor]:
    """The tensors under the names of OpenAI and open_clip."""
    theirs = model.state_dict()
    state = {
        "positional_embedding": theirs["text_model.embeddings.position_embedding.weight"],
        "token_embedding.weight": theirs["text_model.embeddings.token_embedding.weight"],
        "text_projection": theirs["text_projection.weight"].T.contiguous(),
        "visual.class_embedding": theirs["vision_model.embeddings.class_embedding"],
        "visual.positional_embedding": theirs["vision_model.embeddings.position_embedding.weight"],
        "visual.conv1.weight": theirs["vision_model.embeddings.patch_embedding.weight"],
        "visual.proj": theirs["visual_projection.weight"].T.contiguous(),
        "logit_scale": theirs["logit_scale"],
    }
    norms = {
        "visual.ln_pre": "vision_model.pre_layrnorm",
        "ln_final": "text_model.final_layer_norm",
    }
    norms |= {"visual.ln_post": "vision_model.post_layernorm"}
    for name, other in norms.items():
        state |= {f"{name}.{end}": theirs[f"{other}.{end}"] for end in ("weight", "bias")}
    for prefix, tower in (("visual.", "vision"), ("", "text")):
        for i in range(getattr(model.config, f"{tower}_config").num_hidden_layers):
            source = f"{tower}_model.encoder.layers.{i}"
            state |= _openai_block(theirs, source, f"{prefix}transformer.resblocks.{i}")
    return state


def _openai_block(theirs: Any, source: str, target: str) -> dict[str, torch.Tensor]:
    pairs = {"attn.out_proj": "self_attn.out_proj", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
    pairs |= {"ln_1": "layer_norm1", "ln_2": "layer_norm2"}
    block = {}
    for end in ("weight", "bias"):
        thirds = [theirs[f"{source}.self_attn.{letter}_proj.{end}"] for letter in "qkv"]
        block[f"{target}.attn.in_proj_{end}"] = torch.cat(thirds)
        block |= {
            f"{target}.{name}.{end}": theirs[f"{source}.{o}.{end}"] for name, o in pairs.items()
        }
    return block


def _open_clip_config(model: Any, to: Path) -> Path:
    text, vision = model.config.text_config, model.config.vision_config
    towers = {
        "embed_dim": model.config.projection_dim,
        "quick_gelu": vision.hidden_act == "quick_gelu",
        "vision_cfg": {
            "image_size": vision.image_size, "layers": vision.num_hidden_layers,
            "width": vision.hidden_size, "patch_size": vision.patch_size,
            "head_width": vision.hidden_size // vision.num_attention_heads,
        },
        "text_cfg": {
            "context_length": text.max_position_embeddings, "vocab_size": text.vocab_size,
            "width": text.hidden_size, "heads": text.num_attention_heads,
            "layers": text.num_hidden_layers,
        },
    }  # fmt: skip
    (to / "open_clip_config.json").write_text(json.dumps({"model_cfg": towers}))
    return to


def open_clip(model: Any, to: Path) -> Path:
    """As open_clip keeps it on the hub."""
    save_file(openai_state(model), to / "open_clip_model.safetensors")
    return _open_clip_config(model, to)


def open_clip_binary(model: Any, to: Path) -> Path:
    """PyTorch's format, with the buffer of the causal mask."""
    length = model.config.text_config.max_position_embeddings
    mask = torch.full((length, length), -10000.0).triu_(1)
    torch.save(openai_state(model) | {"attn_mask": mask}, to / "open_clip_pytorch_model.bin")
    return _open_clip_config(model, to)


def open_clip_custom_text(model: Any, to: Path) -> Path:
    """With the text tower as a module of its own."""
    state = {
        name if name.startswith("visual.") or name == "logit_scale" else f"text.{name}": tensor
        for name, tensor in openai_state(model).items()
    }
    save_file(state, to / "open_clip_model.safetensors")
    return _open_clip_config(model, to)


def torchscript(model: Any, to: Path) -> Path:
    """An archive of torch.jit, as OpenAI publishes its own."""
    root = torch.nn.Module()
    for name, tensor in openai_state(model).items():
        *parents, leaf = name.split(".")
        at = root
        for parent in parents:
            if not hasattr(at, parent):
                at.add_module(parent, torch.nn.Module())
            at = getattr(at, parent)
        at.register_buffer(leaf, tensor)
    torch.jit.script(root).save(to / "clip.pt")
    return to / "clip.pt"


def bare_state_dict(model: Any, to: Path) -> Path:
    """OpenAI's names, and nothing beside them."""
    torch.save(openai_state(model), to / "clip.pth")
    return to / "clip.pth"


def wrapped(prefix: str, key: str, beside: dict[str, float] | None = None) -> Write:
    """As a training program saves it, with its own things beside the model."""

    def write(model: Any, to: Path) -> Path:
        parameter = torch.nn.Parameter
        state = {f"{prefix}{name}": parameter(one) for name, one in model.state_dict().items()}
        state |= {name: torch.tensor(value) for name, value in (beside or {}).items()}
        torch.save({key: state, "epoch": 3, "optimizer": {"state": {}}}, to / "last.ckpt")
        return _config(model, to) / "last.ckpt"

    return write


def old_stream(model: Any, to: Path) -> Path:
    """One stream, as PyTorch wrote until 1.5."""
    state = model.state_dict()
    torch.save(state, to / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    return _config(model, to)


def _with(name: str, tensor: torch.Tensor) -> Write:
    def write(model: Any, to: Path) -> Path:
        torch.save(model.state_dict() | {name: tensor}, to / "pytorch_model.bin")
        return _config(model, to)

    return write


def _of_type(kind: str) -> Write:
    def write(model: Any, to: Path) -> Path:
        values = json.loads((whole(model, to) / "config.json").read_text())
        (to / "config.json").write_text(json.dumps(values | {"model_type": kind}))
        return to

    return write


def _quantised(model: Any, to: Path) -> Path:
    state = model.state_dict()
    name = "visual_projection.weight"
    state[name] = torch.quantize_per_tensor(state[name], 0.01, 0, torch.qint8)
    torch.save(state, to / "pytorch_model.bin")
    return _config(model, to)


def _whole_object(model: Any, to: Path) -> Path:
    torch.save(model, to / "pytorch_model.bin")
    return _config(model, to)


def _no_config(model: Any, to: Path) -> Path:
    whole(model, to)
    (to / "config.json").unlink()
    return to


QUERY = "vision_model.encoder.layers.0.self_attn.q_proj"
REFUSED: dict[str, Write] = {
    "LoRA adapters": _with(f"{QUERY}.lora_A.default.weight", torch.ones(2, 64)),
    "SigLIP, by its tensors": _with("logit_bias", torch.ones(1)),
    "SigLIP, by its config": _of_type("siglip"),
    "EVA-CLIP": _with("visual.blocks.0.attn.q_bias", torch.ones(64)),
    "a ResNet": _with("visual.layer1.0.conv1.weight", torch.ones(2, 2)),
    "NaN": _with("visual_projection.weight", torch.full((40, 64), torch.nan)),
    "infinity": _with(f"{QUERY}.bias", torch.full((64,), torch.inf)),
    "int8": _with(f"{QUERY}.weight", torch.ones(64, 64, dtype=torch.int8)),
    "quantised by PyTorch": _quantised,
    "a whole object in place of its tensors": _whole_object,
    "no config": _no_config,
}
