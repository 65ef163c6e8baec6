import numpy as np
from au_workdirs import make_au_workdir

from merclip_jax.reports import au_examples, results


def told(tmp_path, labels, said):
    labels, said = np.array(labels), np.array(said)
    given = {"subjects": 1, "clips": len(labels), "strips": False}
    return results.read(make_au_workdir(tmp_path / "w", labels, 0.1 + 0.8 * said, **given))


def test_missed_and_added_units_by_hand(tmp_path):
    labels = [[1, 1, 0], [1, 0, -1], [0, 0, 0], [0, 1, 0], [1, 0, 0]]
    said = [[1, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 1], [1, 0, 0]]
    found = au_examples.best_and_worst(told(tmp_path, labels, said))
    best, worst = found["best"], found["worst"]
    assert [clip["clip_id"][-4:] for clip in best] == ["EP00", "EP04"]
    assert [clip["clip_id"][-4:] for clip in worst] == ["EP03", "EP01"]
    assert best[0]["found"] == ["4", "L12"] and not best[0]["missed"] and best[0]["f1"] == 1
    assert worst[0]["missed"] == ["L12"] and worst[0]["added"] == ["4", "R12"]
    # Nobody knows of R12 in EP01, so that saying it is no mistake: 2 * 1 / (2 * 1 + 1).
    assert worst[1]["added"] == ["L12"] and worst[1]["f1"] == 2 / 3


def test_no_more_than_five_each_and_none_in_both(tmp_path):
    rng = np.random.default_rng(0)
    labels, said = rng.integers(0, 2, (2, 30, 3))
    found = au_examples.best_and_worst(told(tmp_path, labels, said))
    names = [[clip["clip_id"] for clip in found[kind]] for kind in ("best", "worst")]
    assert len(names[0]) == len(names[1]) == 5 and not set(names[0]) & set(names[1])
    f1 = [[clip["f1"] for clip in found[kind]] for kind in ("best", "worst")]
    assert f1[0] == sorted(f1[0], reverse=True) and f1[1] == sorted(f1[1])
    assert min(f1[0]) >= max(f1[1])


def test_nothing_to_tell_leaves_no_clips(tmp_path):
    assert au_examples.best_and_worst(told(tmp_path, [[0, 0, 0]] * 2, [[0, 0, 0]] * 2)) == {
        "best": [],
        "worst": [],
    }
