"""AU sets -> sentences -> token ids: the table that training looks texts up in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from merclip_jax.errors import ConfigError
from merclip_jax.facs import phrases
from merclip_jax.protocols import selection
from merclip_jax.towers import similarity
from merclip_jax.towers.config import TextConfig

TEMPLATES = {"ours": phrases.TEMPLATES, "released": phrases.TEMPLATES_RELEASED}


@dataclass(frozen=True)
class SentenceTable:
    """The distinct AU sentences of some clips, in every template.

    Attributes:
      sentences: the sentences, sorted.
      token_ids: each sentence in each template, padded with 0 behind the end-of-text token.
      of_clip: row of `sentences` for every clip, -1 for a clip without a sentence.
      of_mirrored: the same for the mirrored clip.
    """

    sentences: tuple[str, ...]
    token_ids: Int[np.ndarray, "s p l"]
    of_clip: Int[np.ndarray, " n"]
    of_mirrored: Int[np.ndarray, " n"]


def sentence_table(
    texts: Sequence[str], mirrored: Sequence[str], tokenizer: Tokenizer, context: int, style: str
) -> SentenceTable:
    """Tokenize the distinct sentences of some clips and their mirror images; '' is none."""
    sentences = tuple(sorted({*texts, *mirrored} - {""}))
    place = {sentence: i for i, sentence in enumerate(sentences)} | {"": -1}
    prompts = [form.format(sentence) for sentence in sentences for form in TEMPLATES[style]]
    ids = tokenize(tokenizer, prompts, context)
    return SentenceTable(
        sentences,
        ids.reshape(len(sentences), len(TEMPLATES[style]), context),
        *(np.array([place[text] for text in of], np.int32) for of in (texts, mirrored)),
    )


def mean_of_templates(features: Float[Array, "*s p e"]) -> Float[Array, "*s e"]:
    """Where a sentence stands: the mean of its templates' unit features.

    As in CLIP's ensembles of prompts (Radford et al. 2021, Section 3.1.4).
    """
    return similarity.unit(features).mean(axis=-2)


def embedded(
    model: Any, tokenizer: Tokenizer, sentences: Sequence[str], style: str
) -> Float[Array, "n e"]:
    """Where sentences stand in the space of a model's text tower, one template set at a time.

    Args:
      model: any with `encode_text` and the sizes of its text tower in `cfg.text`.
      tokenizer: of its text tower.
      sentences: without templates.
      style: of the templates.
    """
    forms, context = TEMPLATES[style], model.cfg.text.context
    prompts = [form.format(words) for words in sentences for form in forms]
    ids = tokenize(tokenizer, prompts, context).reshape(len(sentences), len(forms), context)
    encode = nnx.jit(lambda tower, one: tower.encode_text(one))
    return jnp.stack([mean_of_templates(encode(model, jnp.asarray(one))) for one in ids])


def tokenize(
    tokenizer: Tokenizer, texts: Sequence[str], context: int
) -> Int[np.ndarray, "n {context}"]:
    """Token ids, cut to `context` with the end-of-text token kept, padded with 0."""
    tokenizer.enable_truncation(context)
    tokenizer.enable_padding(length=context, pad_id=0)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    return np.array(ids, np.int32).reshape(len(texts), context)


def check(tokenizer: Tokenizer, tower: TextConfig, source: Any) -> None:
    """Refuse a tokenizer whose texts the tower would read off elsewhere than at their end.

    Raises:
      ConfigError: its texts end in a token that the tower does not look for, or it has more tokens
        than the tower.
    """
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = tokenizer.encode("a").ids
    highest = max(tokenizer.get_vocab().values())
    if highest >= tower.vocab_size:
        raise ConfigError(
            f"{source}: its tokenizer has ids up to {highest}, the text tower a table of "
            f"{tower.vocab_size}; name the tower's own with --tokenizer"
        )
    end = max(ids) if tower.end_token is None else tower.end_token
    if not ids or end not in ids or ids.index(end) != len(ids) - 1:
        looked_for = "the highest id" if tower.end_token is None else f"eos_token_id {end}"
        raise ConfigError(
            f"{source}: its tokenizer makes {ids} of 'a', but the text tower reads texts off at "
            f"{looked_for}; name the tower's own with --tokenizer, or mend its config.json"
        )


def small_tokenizer() -> Tokenizer:
    """A word-level tokenizer of our sentences and class names, for models without CLIP's own.

    As in CLIP's vocabulary the end-of-text token has the highest id, which is how the text tower
    finds it.
    """
    wordings = (*phrases.RELEASED.values(), *phrases.OURS.values())
    texts = [
        form.format(side="left right")
        for phrase in wordings
        for form in (phrase.both, phrase.sided)
    ]
    texts += [form.format("") for templates in TEMPLATES.values() for form in templates]
    texts += ["a combination of , and", *sorted(selection.class_names())]
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
