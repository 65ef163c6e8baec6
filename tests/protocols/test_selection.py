import hashlib
import json
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.protocols import folds as cross_validation
from merclip_jax.protocols import selection

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


@pytest.mark.parametrize("name", [n for n in selection.published() if "casme2" in n])
def test_class_maps_give_the_published_counts(name):
    file = resources.files("merclip_jax.protocols") / "protocol_fingerprints.json"
    published = json.loads(file.read_text())["protocols"][name]
    rows = selection.select(selection.get(name), _coded_2019())
    assert rows["class"].value_counts().to_dict() == published["classes"]
    assert len(rows) == published["n_clips"]


def test_labels_are_positions_of_classes_in_the_published_order():
    protocol = selection.get("merclip/casme2/4")
    assert protocol.classes == ("negative", "positive", "surprise", "others")
    rows = selection.select(protocol, _coded_2019())
    assert [protocol.classes[label] for label in rows["label"]] == list(rows["class"])


def test_megc2019_is_the_same_list_from_either_coding():
    coded_2014 = _coded_2019()
    changed = coded_2014["clip"].isin(["EP07_01", "EP07_04f", "EP10_03"])
    coded_2014.loc[changed, "emotion"] = "sadness"
    protocol = selection.get("megc2019/casme2")
    hashes = [
        selection.fingerprint(selection.select(protocol, table))
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
    assert selection.fingerprint(table) == expected
    assert selection.fingerprint(table[::-1]) == expected
    assert selection.fingerprint(table.assign(**{"class": "disgust"})) != expected


def test_a_list_with_a_published_fingerprint_is_recognised(monkeypatch):
    rows = selection.select(selection.get("merclip/casme2/5"), _coded_2019())
    own = selection.fingerprint(rows)
    assert selection.match(own) is None
    known = {"other": {"sha256": "0" * 64}, "a/list": {"sha256": own}}
    monkeypatch.setattr(selection, "published", lambda: known)
    assert selection.match(own) == "a/list"
    assert selection.match(selection.fingerprint(rows[1:])) is None


def test_rows_are_in_natural_order():
    names = [("s10", "c1"), ("s2", "c10"), ("s2", "c9"), ("s2", "a")]
    table = _table([("synthetic_me", *name, "surprise") for name in names])
    rows = selection.select(selection.get("synthetic/3"), table)
    assert list(zip(rows["subject"], rows["clip"], strict=True)) == [
        ("s2", "a"), ("s2", "c9"), ("s2", "c10"), ("s10", "c1")
    ]  # fmt: skip
    assert list(rows.index) == [0, 1, 2, 3]


@pytest.mark.parametrize(("spelling", "name"), [("Other", "others"), (" HAPPY ", "happiness")])
def test_spellings_of_one_emotion(spelling, name):
    table = _table([("casme2", "01", "a", spelling), ("casme2", "02", "b", "disgust")])
    rows = selection.select(selection.get("merclip/casme2/5"), table)
    assert rows["class"][0] == name
    assert rows["emotion"][0] == spelling


@pytest.mark.parametrize("emotion", ["tense", "", float("nan")])
def test_an_emotion_nobody_decided_on_is_an_error(emotion):
    table = _table([("casme2", "01", "EP1", emotion), ("casme2", "02", "EP2", "disgust")])
    with pytest.raises(DataError, match=rf"merclip/casme2/5[^§]*01/EP1: emotion {emotion!r}"):
        selection.select(selection.get("merclip/casme2/5"), table)


def test_a_protocol_of_another_corpus_is_an_error():
    with pytest.raises(DataError, match="config.data.dataset and config.data.protocol"):
        selection.select(selection.get("synthetic/3"), _coded_2019())


def test_an_unknown_protocol_lists_those_there_are():
    with pytest.raises(ConfigError, match="merclip/casme2/6.*merclip/casme2/3.*synthetic/5"):
        selection.get("merclip/casme2/6")


def test_synthetic_protocols():
    emotions = ["disgust", "happiness", "others", "repression", "surprise"]
    table = _table([("synthetic_me", f"{i}", "c", e) for i, e in enumerate(emotions)])
    three = selection.select(selection.get("synthetic/3"), table)
    assert list(three["class"]) == ["negative", "positive", "negative", "surprise"]
    assert list(selection.select(selection.get("synthetic/5"), table)["class"]) == emotions


def test_leave_one_subject_out_tests_every_clip_once():
    rows = selection.select(selection.get("merclip/casme2/7"), _coded_2019())
    folds = cross_validation.leave_one_subject_out(rows)
    assert [fold.name for fold in folds] == list(rows["subject"].unique())
    tested = np.concatenate([fold.test for fold in folds])
    assert sorted(tested) == list(range(len(rows)))
    for fold in folds:
        assert set(rows["subject"][fold.test]) == {fold.name}
        assert fold.name not in set(rows["subject"][fold.train])
        assert len(fold.train) + len(fold.test) == len(rows)


def test_subjects_of_two_corpora_are_two_people():
    table = _table([("casme2", "01", "a", "x"), ("samm", "01", "a", "x"), ("samm", "02", "a", "x")])
    names = [fold.name for fold in cross_validation.leave_one_subject_out(table)]
    assert names == ["casme2-01", "samm-01", "samm-02"]


def test_hold_out_tests_every_tenth_subject():
    table = _table([("synthetic_me", f"{i:02d}", "c", "x") for i in range(12)])
    fold = cross_validation.hold_out(table)
    assert list(fold.test) == [0, 10]
    assert list(fold.train) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11]


@pytest.mark.parametrize(
    "split", [cross_validation.leave_one_subject_out, cross_validation.hold_out]
)
@pytest.mark.parametrize("subjects", [[], ["01", "01"]])
def test_a_fold_without_training_clips_is_an_error(split, subjects):
    table = _table([("casme2", subject, f"c{i}", "x") for i, subject in enumerate(subjects)])
    with pytest.raises(DataError, match="empty fold"):
        split(table)


def test_every_protocol_is_sound():
    names = [protocol.name for protocol in selection.PROTOCOLS]
    assert len(set(names)) == len(names)
    for protocol in selection.PROTOCOLS:
        for part in protocol.parts:
            mapped = set((part.emotions or {}).values())
            assert mapped <= set(protocol.classes), protocol.name
            assert not set(part.emotions or {}) & part.left_out, protocol.name
        if protocol.classes:
            everything = {name for part in protocol.parts for name in part.emotions.values()}
            assert everything == set(protocol.classes), protocol.name


@pytest.mark.parametrize("name", [n for n in selection.published() if "full" not in n])
def test_each_published_list_has_its_protocol_and_its_classes(name):
    published = selection.published()[name]
    assert set(selection.get(name).classes) == set(published["classes"])


COUNTS = {  # annotated emotions of whole corpora, as published
    "casme3": {
        "anger": 64, "disgust": 250, "fear": 86, "happy": 55, "others": 161, "sad": 57,
        "surprise": 187,
    },
    "samm": {
        "Anger": 57, "Contempt": 12, "Disgust": 9, "Fear": 8, "Happiness": 26, "Other": 26,
        "Sadness": 6, "Surprise": 15,
    },
    "smic": {"negative": 70, "positive": 51, "surprise": 43},
}  # fmt: skip
IMPOSSIBLE = [("spNO.216", "d/3647"), ("spNO.40", "e/1812"), ("spNO.40", "e/2327")]


def _counted(dataset):
    rows = []
    for emotion, count in COUNTS[dataset].items():
        special = IMPOSSIBLE if dataset == "casme3" and emotion == "others" else []
        keys = special + [(f"{i % 20:03d}", f"{emotion}{i}") for i in range(count - len(special))]
        rows += [(dataset, *key, emotion) for key in keys]
    return _table(rows)


@pytest.mark.parametrize(
    "name", [n for n in selection.published() if selection.get(n).datasets[0] in COUNTS]
)
def test_class_maps_of_other_corpora_give_the_published_counts(name):
    protocol = selection.get(name)
    table = pd.concat([_counted(dataset) for dataset in protocol.datasets if dataset in COUNTS])
    if "casme2" in protocol.datasets:
        table = pd.concat([table, _coded_2019()], ignore_index=True)
    rows = selection.select(protocol, table.reset_index(drop=True))
    published = selection.published()[name]
    assert rows["class"].value_counts().to_dict() == published["classes"]
    assert len(rows) == published["n_clips"]
    assert list(rows["dataset"].unique()) == list(protocol.datasets)


def test_a_clip_coded_anew_goes_by_the_list_of_its_time():
    later = selection.select(selection.get("merclip/casme2/5"), _coded_2019())
    earlier = selection.select(selection.get("casme2/5/246"), _coded_2019())
    assert set(later["clip"]) - set(earlier["clip"]) == {"EP07_01", "EP07_04f", "EP10_03"}
    assert (len(later), len(earlier)) == (249, 246)


def test_objective_classes_are_classes_too():
    table = _table([("casme2", "01", f"c{i}", "x") for i in range(8)])
    table["objective_class"] = range(8)
    rows = selection.select(selection.get("casme2/objective"), table)
    assert list(rows["class"]) == ["1", "2", "3", "4", "5"]
    assert list(rows["label"]) == [0, 1, 2, 3, 4]


def test_a_protocol_without_classes_takes_every_clip():
    table = _table([(name, "1", "c", "anything") for name in selection.get("cd6me").datasets])
    rows = selection.select(selection.get("cd6me"), table)
    assert list(rows["dataset"]) == list(selection.get("cd6me").datasets)
    assert set(rows["class"]) == {""} and set(rows["label"]) == {-1}


def test_one_corpus_is_left_out_at_a_time():
    table = _table([("a", "1", "x", ""), ("b", "1", "y", ""), ("b", "2", "z", "")])
    found = cross_validation.leave_one_dataset_out(table)
    assert [(fold.name, list(fold.train), list(fold.test)) for fold in found] == [
        ("a", [1, 2], [0]),
        ("b", [0], [1, 2]),
    ]
    with pytest.raises(DataError, match="at least 2 are needed"):
        cross_validation.leave_one_dataset_out(table[1:])


def test_the_owners_split_is_one_fold():
    table = _table([("dfme", f"{i}", "x", "") for i in range(4)])
    table["split"] = ["train", "testA", "train", "testB"]
    [fold] = cross_validation.official(table)
    assert (fold.name, list(fold.train), list(fold.test)) == ("official", [0, 2], [1, 3])
    with pytest.raises(DataError, match="needs clips of the owner's split 'train'.*found testA"):
        cross_validation.official(table.assign(split="testA"))


def test_a_protocol_says_its_folds_and_a_config_may_say_others():
    table = _table([("dfme", f"{i}", "x", "") for i in range(3)])
    table["split"] = ["train", "testA", "testB"]
    protocol = selection.get("dfme/7")
    assert [fold.name for fold in cross_validation.of_protocol(protocol, table)] == ["official"]
    assert [fold.name for fold in cross_validation.of_protocol(protocol, table, "loso")] == [
        "0",
        "1",
        "2",
    ]


def test_the_listing_shows_every_protocol_with_its_counts():
    table = selection.listing().set_index("protocol")
    assert len(table) == len(selection.PROTOCOLS)
    assert tuple(table.loc["merclip/casme3/7", ["clips", "subjects"]]) == (857, 94)
    assert table.loc["merclip/casme3/7", "published list"].startswith("9c7ba0a627b2")
    assert table.loc["dfme/7", "folds"] == "official"
