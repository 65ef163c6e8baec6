"""The PyTorch form that benchmarks time against computes what the golden model does."""

import numpy as np
import pytest
from golden_tiny import clips, relative


def test_it_is_the_same_mathematics(official, inputs):
    torch = pytest.importorskip("torch")
    from benchmarks.speed.torch_merclip import TorchMerClip

    ours = clips(inputs, np.float32)
    theirs = torch.from_numpy(np.asarray(ours).transpose(0, 4, 1, 2, 3).copy())
    with torch.no_grad():
        embedding, logits = TorchMerClip(official).eval()(theirs)
    out = official(ours)
    assert relative(embedding.numpy(), out.clip_embedding) < 4e-6
    assert relative(logits.numpy(), out.logits) < 4e-6
