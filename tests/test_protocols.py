import hashlib
import json
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from merclip_jax import protocols
from merclip_jax.errors import ConfigError, DataError

# Counts of the CASME II codings, and of what each published list keeps of them.
CODED_2019 = {
    "disgust": 63, "happiness": 32, "others": 99, "repression": 27, "surprise": 28, "sadness": 4,
    "fear": 2,
}  # fmt: skip
MEGC_OUT = [
    ("04", "EP12_01f", "disgust"),
    ("05", "EP09_05f", "disgust"),
    ("24", "EP07_01", "surprise"),
    ("24", "EP07_04f", "surprise"),
    ("24", "EP10_03", "surprise"),
]


def _table(rows):
    return pd.DataFrame(rows, columns=["dataset", "subject", "clip", "emotion"])


def _coded_2019():
    """255 made-up clips with the emotion counts of the 2019 coding, the five above among them."""
    left = dict(CODED_2019)
    rows = []
    for subject, clip, emotion in MEGC_OUT:
        rows.append(("casme2", subject, clip, emotion))
        left[emotion] -= 1
    for emotion, count in left.items():
        rows += [
            ("casme2", f"{i % 26 + 1:02d}", f"EP90_{emotion}{i}", emotion) for i in range(count)
        ]
    return _table(rows)


@pytest.mark.parametrize("name", [n for n in protocols.published() if "casme2" in n])
def test_class_maps_give_the_published_counts(name):
    file = resources.files("merclip_jax") / "protocol_fingerprints.json"
    published = json.loads(file.read_text())["protocols"][name]
    rows = protocols.select(protocols.get(name), _coded_2019())
    assert rows["class"].value_counts().to_dict() == published["classes"]
    assert len(rows) == published["n_clips"]


def test_labels_are_positions_of_classes_in_the_published_order():
    protocol = protocols.get("merclip/casme2/4")
    assert protocol.classes == ("negative", "positive", "surprise", "others")
    rows = protocols.select(protocol, _coded_2019())
    assert [protocol.classes[label] for label in rows["label"]] == list(rows["class"])


def test_megc2019_is_the_same_list_from_either_coding():
    coded_2014 = _coded_2019()
    changed = coded_2014["clip"].isin(["EP07_01", "EP07_04f", "EP10_03"])
    coded_2014.loc[changed, "emotion"] = "sadness"
    protocol = protocols.get("megc2019/casme2")
    hashes = [
        protocols.fingerprint(protocols.select(protocol, table))
        for table in (_coded_2019(), coded_2014)
    ]
    assert hashes[0] == hashes[1]


def test_fingerprint_of_three_rows_by_hand():
    table = pd.DataFrame(
        {
            "dataset": ["casme2"] * 3,
            "subject": ["02", "01", "01"],
            "clip": ["EP02_04f", "EP19_05f", "EP02_01f"],
            "class": ["repression", "disgust", "happiness"],
        }
    )
    by_hand = (
        "casme2\t01\tEP02_01f\thappiness\n"
        "casme2\t01\tEP19_05f\tdisgust\n"
        "casme2\t02\tEP02_04f\trepression\n"
    )
    expected = hashlib.sha256(by_hand.encode()).hexdigest()
    assert expected == "939975c4e6eb6cc81ab8db820a884109479a8c2ce89b19590e8036da7ee4ff58"
    assert protocols.fingerprint(table) == expected
    assert protocols.fingerprint(table[::-1]) == expected
    assert protocols.fingerprint(table.assign(**{"class": "disgust"})) != expected


def test_a_list_with_a_published_fingerprint_is_recognised(monkeypatch):
    rows = protocols.select(protocols.get("merclip/casme2/5"), _coded_2019())
    own = protocols.fingerprint(rows)
    assert protocols.match(own) is None
    known = {"other": {"sha256": "0" * 64}, "a/list": {"sha256": own}}
    monkeypatch.setattr(protocols, "published", lambda: known)
    assert protocols.match(own) == "a/list"
    assert protocols.match(protocols.fingerprint(rows[1:])) is None


def test_rows_are_in_natural_order():
    names = [("s10", "c1"), ("s2", "c10"), ("s2", "c9"), ("s2", "a")]
    table = _table([("synthetic_me", *name, "surprise") for name in names])
    rows = protocols.select(protocols.get("synthetic/3"), table)
    assert list(zip(rows["subject"], rows["clip"], strict=True)) == [
        ("s2", "a"), ("s2", "c9"), ("s2", "c10"), ("s10", "c1")
    ]  # fmt: skip
    assert list(rows.index) == [0, 1, 2, 3]


@pytest.mark.parametrize(("spelling", "name"), [("Other", "others"), (" HAPPY ", "happiness")])
def test_spellings_of_one_emotion(spelling, name):
    table = _table([("casme2", "01", "a", spelling), ("casme2", "02", "b", "disgust")])
    rows = protocols.select(protocols.get("merclip/casme2/5"), table)
    assert rows["class"][0] == name
    assert rows["emotion"][0] == spelling


@pytest.mark.parametrize("emotion", ["tense", "", float("nan")])
def test_an_emotion_nobody_decided_on_is_an_error(emotion):
    table = _table([("casme2", "01", "EP1", emotion), ("casme2", "02", "EP2", "disgust")])
    with pytest.raises(DataError, match=rf"merclip/casme2/5[^§]*01/EP1: emotion {emotion!r}"):
        protocols.select(protocols.get("merclip/casme2/5"), table)


def test_a_protocol_of_another_corpus_is_an_error():
    with pytest.raises(DataError, match="config.data.dataset and config.data.protocol"):
        protocols.select(protocols.get("synthetic/3"), _coded_2019())


def test_an_unknown_protocol_lists_those_there_are():
    with pytest.raises(ConfigError, match="merclip/casme2/6.*merclip/casme2/3.*synthetic/5"):
        protocols.get("merclip/casme2/6")


def test_synthetic_protocols():
    emotions = ["disgust", "happiness", "others", "repression", "surprise"]
    table = _table([("synthetic_me", f"{i}", "c", e) for i, e in enumerate(emotions)])
    three = protocols.select(protocols.get("synthetic/3"), table)
    assert list(three["class"]) == ["negative", "positive", "negative", "surprise"]
    assert list(protocols.select(protocols.get("synthetic/5"), table)["class"]) == emotions


def test_leave_one_subject_out_tests_every_clip_once():
    rows = protocols.select(protocols.get("merclip/casme2/7"), _coded_2019())
    folds = protocols.leave_one_subject_out(rows)
    assert [fold.name for fold in folds] == list(rows["subject"].unique())
    tested = np.concatenate([fold.test for fold in folds])
    assert sorted(tested) == list(range(len(rows)))
    for fold in folds:
        assert set(rows["subject"][fold.test]) == {fold.name}
        assert fold.name not in set(rows["subject"][fold.train])
        assert len(fold.train) + len(fold.test) == len(rows)


def test_subjects_of_two_corpora_are_two_people():
    table = _table([("casme2", "01", "a", "x"), ("samm", "01", "a", "x"), ("samm", "02", "a", "x")])
    names = [fold.name for fold in protocols.leave_one_subject_out(table)]
    assert names == ["casme2-01", "samm-01", "samm-02"]


def test_hold_out_tests_every_tenth_subject():
    table = _table([("synthetic_me", f"{i:02d}", "c", "x") for i in range(12)])
    fold = protocols.hold_out(table)
    assert list(fold.test) == [0, 10]
    assert list(fold.train) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11]


@pytest.mark.parametrize("split", [protocols.leave_one_subject_out, protocols.hold_out])
@pytest.mark.parametrize("subjects", [[], ["01", "01"]])
def test_a_fold_without_training_clips_is_an_error(split, subjects):
    table = _table([("casme2", subject, f"c{i}", "x") for i, subject in enumerate(subjects)])
    with pytest.raises(DataError, match="empty fold"):
        split(table)
