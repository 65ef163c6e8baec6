import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from merclip_jax.training.checkpoints import FoldCheckpoints


def state(value: float) -> dict:
    return {"w": jnp.full((300, 7), value), "count": jnp.int32(value)}


def test_state_and_position_come_back_together(tmp_path):
    checkpoints = FoldCheckpoints(tmp_path / "c", keep=2)
    assert checkpoints.restore(state(0)) == (None, [])
    for step in (1, 2, 3):
        checkpoints.save(step, state(step), {"sampler": {"next_index": step}})
    checkpoints.close()
    (step, found, position), notices = FoldCheckpoints(tmp_path / "c", keep=2).restore(state(0))
    assert not notices
    assert (step, position) == (3, {"sampler": {"next_index": 3}})
    jax.tree.map(np.testing.assert_array_equal, found, state(3))
    assert not (tmp_path / "c" / "1").exists()


def test_a_long_position_comes_back_exactly_and_as_one_entry(tmp_path, caplog):
    """Predictions ride along: thousands of numbers, which must not become as many leaves."""
    numbers = np.random.default_rng(0).standard_normal(2000).tolist()
    position = {"choice": {"p_negative": numbers, "clip_id": ["a/b"] * 3}, "best": float("-inf")}
    checkpoints = FoldCheckpoints(tmp_path / "c", keep=1)
    checkpoints.save(1, state(0), position)
    checkpoints.close()
    saved, _ = FoldCheckpoints(tmp_path / "c", keep=1).restore(state(0))
    assert saved.position == position
    (metadata,) = (tmp_path / "c" / "1" / "about").rglob("_METADATA")
    assert len(json.loads(metadata.read_text())["tree_metadata"]) == 1
    assert not [told for told in caplog.records if told.levelname == "WARNING"]


def flip_a_byte(folder):
    data = max(folder.rglob("d/*"), key=lambda path: path.stat().st_size)
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 0x10
    data.write_bytes(content)


def truncate(folder):
    data = max(folder.rglob("d/*"), key=lambda path: path.stat().st_size)
    data.write_bytes(data.read_bytes()[:20])


@pytest.mark.parametrize("damage", [flip_a_byte, truncate])
def test_a_damaged_newest_checkpoint_falls_back_with_a_notice(tmp_path, damage):
    checkpoints = FoldCheckpoints(tmp_path / "c", keep=2)
    noise = {"w": jax.random.normal(jax.random.key(0), (300, 7)), "count": jnp.int32(0)}
    for step in (1, 2):
        checkpoints.save(step, noise, {})
    checkpoints.close()
    damage(tmp_path / "c" / "2" / "state")
    (step, found, _), notices = FoldCheckpoints(tmp_path / "c", keep=2).restore(noise)
    assert step == 1
    assert len(notices) == 1 and "checkpoint 2" in notices[0]
    np.testing.assert_array_equal(found["w"], noise["w"])
