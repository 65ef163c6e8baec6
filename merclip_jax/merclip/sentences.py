"""AU sets -> sentences -> token ids: the table that training looks texts up in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from jaxtyping import Int
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from merclip_jax import facs, facs_text, protocols
from merclip_jax.errors import ConfigError

TEMPLATES = {"ours": facs_text.TEMPLATES, "released": facs_text.TEMPLATES_RELEASED}


@dataclass(frozen=True)
class SentenceTable:
    """The distinct AU sentences of some clips, in every template.

    Attributes:
      sentences: the sentences, sorted.
      token_ids: each sentence in each template, padded with 0 behind the end-of-text token.
      of_clip: row of `sentences` for every clip, -1 for a clip without a sentence.
    """

    sentences: tuple[str, ...]
    token_ids: Int[np.ndarray, "s p l"]
    of_clip: Int[np.ndarray, " n"]


def sentence_table(
    names: Sequence[str],
    tokenizer: Tokenizer,
    context: int,
    style: str,
    content: str = "action_units",
) -> SentenceTable:
    """Compose the sentence of every AU cell and tokenize the distinct ones.

    With `content` 'emotions', `names` are those of the clips' classes and stand for themselves.

    Raises:
      ConfigError: an unknown `style`.
      DataError: an AU cell that cannot be understood.
    """
    if style not in TEMPLATES:
        raise ConfigError(f"text.style={style!r}: give one of {', '.join(sorted(TEMPLATES))}")
    wording = cast(Literal["released", "ours"], style)
    said = {
        name: name if content == "emotions" else facs.sentence(facs.parse(name), wording)
        for name in set(names)
    }
    sentences = tuple(sorted(set(said.values()) - {""}))
    place = {sentence: i for i, sentence in enumerate(sentences)} | {"": -1}
    prompts = [form.format(sentence) for sentence in sentences for form in TEMPLATES[style]]
    ids = tokenize(tokenizer, prompts, context)
    return SentenceTable(
        sentences,
        ids.reshape(len(sentences), len(TEMPLATES[style]), context),
        np.array([place[said[name]] for name in names], np.int32),
    )


def tokenize(
    tokenizer: Tokenizer, texts: Sequence[str], context: int
) -> Int[np.ndarray, "n {context}"]:
    """Token ids, cut to `context` with the end-of-text token kept, padded with 0."""
    tokenizer.enable_truncation(context)
    tokenizer.enable_padding(length=context, pad_id=0)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    return np.array(ids, np.int32).reshape(len(texts), context)


def small_tokenizer() -> Tokenizer:
    """A word-level tokenizer of our sentences and class names, for models without CLIP's own.

    As in CLIP's vocabulary the end-of-text token has the highest id, which is how the text tower
    finds it.
    """
    phrases = (*facs_text.RELEASED.values(), *facs_text.OURS.values())
    texts = [
        form.format(side="left right") for phrase in phrases for form in (phrase.both, phrase.sided)
    ]
    texts += [form.format("") for templates in TEMPLATES.values() for form in templates]
    texts += ["a combination of , and", *sorted(protocols.class_names())]
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]+", text.lower())})
    vocabulary = ["<pad>", "<unknown>", *words, "<|startoftext|>", "<|endoftext|>"]
    ids = {word: i for i, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unknown>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    start, end = "<|startoftext|>", "<|endoftext|>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, ids[start]), (end, ids[end])]
    )
    return tokenizer
