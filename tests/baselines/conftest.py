import pytest


@pytest.fixture
def baseline_config(tiny_config):
    """The `tiny` corpus as a baseline sees it: the motion of the apex, from nothing, two epochs."""
    with tiny_config.unlocked():
        tiny_config.data.update(input="motion", frames=1, temporal="apex", image_size=112)
        tiny_config.model.init_from = ""
        tiny_config.augment.face_mix = 0.0
        tiny_config.folds.scheme = "hold_out"
    return tiny_config
