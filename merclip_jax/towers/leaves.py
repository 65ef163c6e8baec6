"""A model's variables as a flat dict of arrays by dotted path, and the strict way back."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array

from merclip_jax.errors import DataError

Model = TypeVar("Model", bound=nnx.Module)


def dotted(path: tuple) -> str:
    """The name of a leaf, such as 'vision.blocks.0.attn.qkv.bias'."""
    return ".".join(map(str, path))


def arrays(model: nnx.Module) -> dict[str, np.ndarray]:
    """Every parameter and running statistic of `model`, by dotted path."""
    flat = nnx.to_flat_state(nnx.state(model))
    return {dotted(path): np.asarray(leaf[...]) for path, leaf in flat}


def fill(
    model: Model,
    values: Mapping[str, np.ndarray | Array],
    source: str,
    known_faults: Sequence[str] = (),
) -> Model:
    """A model of `model`'s structure, which may be shapes only, that holds `values`.

    Raises:
      DataError: names that `model` does not have, leaves that nothing fills and shapes that differ,
        all in one message that names `source` and begins with `known_faults`.
    """
    graphdef, state = nnx.split(model)
    flat = {dotted(path): (path, leaf) for path, leaf in nnx.to_flat_state(state)}
    faults = list(known_faults)
    faults += [f"{name}: not a part of this model" for name in sorted(values.keys() - flat.keys())]
    faults += [f"{name}: missing" for name in sorted(flat.keys() - values.keys())]
    faults += [
        f"{name}: shape {values[name].shape}, but the model has {leaf.shape}"
        for name, (_, leaf) in flat.items()
        if name in values and values[name].shape != leaf.shape
    ]
    if faults:
        raise DataError(f"{source}: weights do not fit the model", faults)
    filled = [
        (path, leaf.replace(jnp.asarray(values[name], leaf.dtype)))
        for name, (path, leaf) in flat.items()
    ]
    return nnx.merge(graphdef, nnx.from_flat_state(filled))
