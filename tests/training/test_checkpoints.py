import json
import random
import shutil

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


def empty_folder(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def a_file_of_its_name(folder):
    shutil.rmtree(folder)
    folder.write_text("")


def every_file(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"")


def noise(step) -> dict:
    return {"w": jax.random.normal(jax.random.key(step), (300, 7)), "count": jnp.int32(step)}


@pytest.mark.parametrize("damage", [empty_folder, a_file_of_its_name, every_file])
@pytest.mark.parametrize("damaged", [(2,), (1, 2)])
def test_what_is_damaged_is_set_aside_and_its_step_saved_again(tmp_path, damage, damaged):
    checkpoints = FoldCheckpoints(tmp_path / "c", keep=2)
    for step in (1, 2):
        checkpoints.save(step, noise(step), {"at": step})
    checkpoints.close()
    for step in damaged:
        damage(tmp_path / "c" / str(step))
    again = FoldCheckpoints(tmp_path / "c", keep=2)
    saved, notices = again.restore(noise(0))
    assert (saved.step if saved else 0) == min(damaged) - 1
    assert all(any(f"checkpoint {step} " in said for said in notices) for step in damaged)
    for step in range(saved.step + 1 if saved else 1, 4):
        again.save(step, noise(step), {"at": step})
    again.close()
    saved, notices = FoldCheckpoints(tmp_path / "c", keep=2).restore(noise(0))
    assert (saved.step, saved.position, notices) == (3, {"at": 3}, [])
    jax.tree.map(np.testing.assert_array_equal, saved.state, noise(3))
    assert (tmp_path / "c-set-aside" / "2").exists()


def cut(content, rng):
    return content[: rng.randrange(len(content))] if content else b"x"


def flip(content, rng):
    at = rng.randrange(len(content)) if content else 0
    return (
        content[:at]
        + bytes([(content[at] if content else 0) ^ 1 << rng.randrange(8)])
        + (content[at + 1 :])
    )


@pytest.mark.parametrize("change", [cut, flip, None])
def test_whichever_file_is_damaged_the_state_is_right_and_saving_goes_on(tmp_path, change):
    """Also what Orbax keeps beside the numbers, and the position that rides along."""
    checkpoints = FoldCheckpoints(tmp_path / "c", keep=2)
    for step in (1, 2):
        checkpoints.save(step, noise(step), {"at": [step] * 50})
    checkpoints.close()
    rng = random.Random(20261126)
    files = sorted(path for path in (tmp_path / "c").rglob("*") if path.is_file())
    for number, file in enumerate(files):
        copy = shutil.copytree(tmp_path / "c", tmp_path / str(number))
        damaged = copy / file.relative_to(tmp_path / "c")
        if change:
            damaged.write_bytes(change(damaged.read_bytes(), rng))
        else:
            damaged.unlink()
        again = FoldCheckpoints(copy, keep=2)
        saved, _ = again.restore(noise(0))
        assert saved is not None and saved.step in (1, 2), file
        assert saved.position == {"at": [saved.step] * 50}
        jax.tree.map(np.testing.assert_array_equal, saved.state, noise(saved.step))
        for step in range(saved.step + 1, 4):
            again.save(step, noise(step), {})
        again.close()
        assert FoldCheckpoints(copy, keep=2).restore(noise(0))[0].step == 3
