"""The folder of a model in Hugging Face's layout, written whole; and models as shapes only."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import safetensors
import safetensors.numpy
from flax import nnx
from tokenizers import Tokenizer

from merclip_jax import manifest, workdir
from merclip_jax.towers import card, files, leaves


class Saveable(nnx.Module):
    """A model that is written as a folder in Hugging Face's layout, by its config.

    Attributes:
      cfg: its sizes; `to_json` gives what config.json says.
    """

    cfg: Any

    def save_pretrained(
        self,
        directory: str | os.PathLike,
        tokenizer: Tokenizer | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Write config.json and model.safetensors; with a tokenizer its tokenizer.json too.

        Args:
          directory: made if it does not exist; files of the same names are replaced, each at once.
          tokenizer: the text tower's; baselines have none.
          meta: what is to be known of these weights (labels, action units, protocol fingerprint,
            what they have seen); written to merclip.json with a digest of the tensors, which
            reading checks, and, for people, to README.md.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        arrays = safetensors.numpy.save(leaves.arrays(self), metadata={"format": "np"})
        workdir.write(directory / "model.safetensors", arrays)
        if tokenizer is not None:
            workdir.write(directory / "tokenizer.json", tokenizer.to_str(pretty=True).encode())
        if meta is not None:
            digest = {files.DIGEST: manifest.of_file(directory / "model.safetensors")}
            workdir.write(directory / "merclip.json", _json({**meta, **digest}))
            workdir.write(directory / "README.md", card.model_card(self.cfg, meta).encode())
        workdir.write(directory / "config.json", _json(self.cfg.to_json()))


class _OneKey(nnx.Rngs):
    """The same key for every parameter, for a model of which only the shapes are wanted.

    Flax counts its keys in a traced variable, at a cost that grows with the square of their number:
    5 s for B/16.
    """

    def params(self) -> jax.Array:
        return jax.random.key(0)


def abstract(kind: type, cfg: Any) -> Any:
    """A model of this kind as shapes only, at no cost in memory."""
    return nnx.eval_shape(lambda: kind(cfg, rngs=_OneKey()))


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()
