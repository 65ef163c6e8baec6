"""The golden model and what the release made of it; see tests/goldens/README.md."""

import json
from pathlib import Path

import numpy as np
import pytest
from golden_tiny import GOLDENS, load

from merclip_jax.models import MerClip, weights


@pytest.fixture(scope="session")
def checkpoint() -> Path:
    """Random weights in the official layout; every count of heads differs on purpose."""
    return GOLDENS / "tiny" / "state_dict.safetensors"


@pytest.fixture(scope="session")
def official(checkpoint) -> MerClip:
    return weights.load_official(
        checkpoint, video_heads=4, global_heads=5, emotion_heads=2, text_heads=3
    )


@pytest.fixture(scope="session")
def inputs() -> dict[str, np.ndarray]:
    return load("inputs")


@pytest.fixture(scope="session")
def golden() -> dict[str, np.ndarray]:
    """Float64 values of stages and outputs, completed by float32 ones of some stages."""
    return load("f32") | load("f64")


@pytest.fixture(scope="session")
def training() -> dict:
    return json.loads((GOLDENS / "tiny" / "training.json").read_text())
