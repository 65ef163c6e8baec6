"""The folder of a model in Hugging Face's layout, written whole; and models as shapes only."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy
from flax import nnx
from tokenizers import Tokenizer

from merclip_jax import manifest, workdir
from merclip_jax.errors import ConfigError
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
        tensors, described = self.layout()
        # transformers reads files of this format alone; the bytes are the same in all.
        weights = safetensors.numpy.save(tensors, metadata={"format": "pt"})
        workdir.write(directory / "model.safetensors", weights)
        if tokenizer is not None:
            workdir.write(directory / "tokenizer.json", tokenizer.to_str(pretty=True).encode())
        if meta is not None:
            digest = {files.DIGEST: manifest.of_file(directory / "model.safetensors")}
            workdir.write(directory / "merclip.json", _json({**meta, **digest}))
            workdir.write(directory / "README.md", card.model_card(self.cfg, meta).encode())
        for name, values in described.items():
            workdir.write(directory / name, _json(values))

    def layout(self) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """The tensors by the names that they are saved by, and the JSON files beside them."""
        return leaves.arrays(self), {"config.json": self.cfg.to_json()}

    def push_to_hub(
        self,
        repository: str,
        tokenizer: Tokenizer | None = None,
        meta: Mapping[str, Any] | None = None,
        *,
        private: bool = True,
    ) -> str:
        """Save the model, its card too, into a repository of the Hugging Face hub.

        Args:
          repository: 'owner/name'; made if it does not exist.
          tokenizer, meta: as `save_pretrained`.
          private: whether a new repository is hidden from others. Weights that have seen people
            stay under the terms of their corpus.

        Raises:
          ConfigError: the hub refuses; `hf auth login` gives it a token.

        Returns:
          The address of the commit.
        """
        import huggingface_hub  # on demand: only this needs it
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        client = huggingface_hub.HfApi(library_name="merclip_jax")
        with tempfile.TemporaryDirectory() as directory:
            self.save_pretrained(directory, tokenizer, meta or {})
            try:
                client.create_repo(repository, private=private, exist_ok=True)
                commit = client.upload_folder(repo_id=repository, folder_path=directory)
            except (HfHubHTTPError, HFValidationError, OSError) as error:
                raise ConfigError(
                    f"{repository}: the Hugging Face hub does not take it ({error}); check the "
                    "name, the network and the token (hf auth login)"
                ) from error
        return str(commit.commit_url)


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
