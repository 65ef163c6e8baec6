import numpy as np
import pytest

from merclip_jax.errors import DataError
from merclip_jax.scoring import attention
from merclip_jax.scoring.attention import Attention

UNITS = ("4", "12")


def drawn(clips=5, cells=9, seed=0):
    """What the step gives: a distribution per clip and unit."""
    rng = np.random.default_rng(seed)
    regions = rng.dirichlet(np.ones(cells), (clips, 2)).astype(np.float32)
    units = rng.dirichlet(np.ones(2), (clips, 2)).astype(np.float32)
    return Attention(regions, units, np.ones((clips, 2), np.float32))


def test_only_chosen_clips_count():
    each = drawn()
    chosen = np.array([[1, 0], [0, 0], [1, 0], [0, 0], [0, 0]], bool)
    sums = attention.over(each, chosen)
    np.testing.assert_allclose(sums.regions[0], each.regions[0, 0] + each.regions[2, 0], rtol=1e-6)
    np.testing.assert_allclose(sums.units[0], each.units[0, 0] + each.units[2, 0], rtol=1e-6)
    assert sums.clips.tolist() == [2, 0] and not sums.regions[1].any()


def test_sums_over_parts_are_those_over_all():
    each, chosen = drawn(), np.random.default_rng(1).random((5, 2)) < 0.6
    parts = [
        attention.over(Attention(*(x[own] for x in each)), chosen[own])
        for own in (slice(0, 2), slice(2, 2), slice(2, 5))
    ]
    for found, expected in zip(attention.total(parts), attention.over(each, chosen), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_file_gives_back_what_was_written(tmp_path):
    sums = attention.over(drawn(), np.ones((5, 2), bool))
    path = attention.file(tmp_path / "folds" / "01", 3)
    attention.write(path, sums, UNITS)
    for found, expected in zip(attention.read(path, UNITS), sums, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_other_units_and_damage_are_named(tmp_path):
    path = attention.file(tmp_path, 0)
    attention.write(path, attention.over(drawn(), np.ones((5, 2), bool)), UNITS)
    with pytest.raises(DataError, match="attention-seed0.npz tells of the units"):
        attention.read(path, ("4", "14"))
    whole = path.read_bytes()
    for broken in (whole[:100], b"", whole.replace(b"units", b"unixs"), b"no archive"):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="damaged.*Delete it"):
            attention.read(path, UNITS)
