"""The records of a prepared dataset, read without TensorFlow; text comes as `str`."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import tensorflow_datasets as tfds


class LeftEncoded(tfds.decode.SkipDecoding):
    """Leave images as stored: for the facts alone, or to name one that is damaged.

    TFDS's own SkipDecoding lacks this method, by which it reads without TensorFlow.
    """

    def decode_batch_example_np(self, images: np.ndarray) -> np.ndarray:
        """The encoded images of one record."""
        return images


class Records(Sequence[dict[str, Any]]):
    """The clip records of a prepared dataset, each read when it is asked for.

    TFDS gives text as bytes; here it is `str`. Frames are uint8 pictures, or, with `encoded`, the
    bytes of their files.
    """

    def __init__(self, builder: tfds.core.DatasetBuilder, encoded: bool = False):
        decoders = {"frames": LeftEncoded()} if encoded else None
        self._source = builder.as_data_source("train", decoders=decoders)
        self._name = builder.info.full_name

    def __len__(self) -> int:
        return len(self._source)

    def __repr__(self) -> str:
        return f"<{len(self)} records of {self._name}>"

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return _decoded(self._source[index])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(_decoded, self._source)


def _decoded(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in record.items()
    }
