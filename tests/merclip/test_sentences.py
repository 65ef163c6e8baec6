from dataclasses import replace

import numpy as np
import pytest

from merclip_jax.errors import ConfigError
from merclip_jax.facs import notation, wording
from merclip_jax.facs import phrases as facs_text
from merclip_jax.merclip import sentences
from merclip_jax.towers.config import TextConfig


def test_every_sentence_we_compose_is_in_the_small_vocabulary():
    tokenizer = sentences.small_tokenizer()
    phrases = [*facs_text.OURS.values(), *facs_text.RELEASED.values()]
    for phrase in phrases:
        for side in ("left", "right"):
            for template in (*facs_text.TEMPLATES, *facs_text.TEMPLATES_RELEASED):
                sided = phrase.sided.format(side=side)
                prompt = template.format(
                    f"a combination of {phrase.both}, {sided} and {phrase.both}"
                )
                assert "<unknown>" not in tokenizer.encode(prompt).tokens


def test_the_end_of_text_token_has_the_highest_id_even_when_cut():
    ids = sentences.tokenize(sentences.small_tokenizer(), ["raising the chin", "raising " * 50], 8)
    assert ids.shape == (2, 8)
    assert ids[0].tolist().index(ids.max()) == 4
    assert ids[1, -1] == ids.max()
    assert (ids[0, 5:] == 0).all()


def test_equal_au_sets_share_a_sentence_and_unknown_ones_have_none():
    cells = ["4", "12", "?", "4", ""]
    texts = [wording.sentence(units, "ours") for units in notation.parse_column(cells)]
    table = sentences.sentence_table(texts, texts, sentences.small_tokenizer(), 64, "ours")
    assert len(table.sentences) == 2
    assert table.token_ids.shape == (2, 7, 64)
    assert table.of_clip[0] == table.of_clip[3] >= 0
    assert (table.of_clip[[2, 4]] == -1).all()
    assert table.of_clip.dtype == np.int32


def test_a_mirrored_clip_has_the_sentence_of_the_other_side():
    cells = notation.parse_column(["L12", "4", "R12", "4+L10", "?"])
    texts, mirrored = (
        [wording.sentence(units, "ours") for units in of]
        for of in (cells, map(notation.mirrored, cells))
    )
    table = sentences.sentence_table(texts, mirrored, sentences.small_tokenizer(), 64, "ours")
    assert table.of_mirrored[0] == table.of_clip[2] != table.of_clip[0]
    assert table.of_mirrored[1] == table.of_clip[1]
    assert "right" in table.sentences[table.of_mirrored[3]]  # no clip has it as it is
    assert table.of_mirrored[4] == -1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": 100}, r"ids up to \d+, the text tower a table of 100"),
        ({"end_token": 7}, "reads texts off at eos_token_id 7"),
    ],
)
def test_a_tokenizer_of_another_tower_is_refused(changes, message):
    tokenizer = sentences.small_tokenizer()
    tower = TextConfig.tiny(vocab_size=tokenizer.get_vocab_size())
    sentences.check(tokenizer, tower, "here")
    sentences.check(tokenizer, replace(tower, end_token=tower.vocab_size - 1), "here")
    with pytest.raises(ConfigError, match=message):
        sentences.check(tokenizer, replace(tower, **changes), "here")
