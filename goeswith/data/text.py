"""Text: the text of an item, for a network or as counts of hashed words.

The texts here are "" for an item of which nothing is said.
"""

from __future__ import annotations

import logging
import zlib

import numpy as np
import polars as pl

from goeswith.data.catalogue import Catalogue

log = logging.getLogger(__name__)

LABELS = ("category", "colour", "material", "pattern", "brand")
"""Columns whose values become words of their own, such as ``colour=black``."""

SIZE = 2048
"""Dimensions of hashed words: a power of two, so that no dimension is favoured."""

_IDS = 2**24 - 1
LENGTH = 32
"""Word pieces kept of an item by ``minilm-tokens``, and words by ``word-ids``."""


def title_or_labels(catalogue: Catalogue) -> list[str]:
    """The title or, without one, colour and category; one text an item."""
    title = _clean("title").fill_null("")
    labels = pl.concat_str("colour", "category", separator=" ", ignore_nulls=True).str.strip_chars()
    if untitled := catalogue.items.select((title == "").sum()).item():
        log.info("%d of %d items have no title; their colour and category are encoded", untitled, len(catalogue))
    return _texts(catalogue, pl.when(title == "").then(labels).otherwise(title))


def category_and_title(catalogue: Catalogue) -> list[str]:
    """The category and then the title, so that no title is too long for the category to be kept; one text an item."""
    return _texts(catalogue, pl.concat_str("category", "title", separator=" ", ignore_nulls=True).str.strip_chars())


def title_words(catalogue: Catalogue) -> list[str]:
    """The words of `title_or_labels` in lower case."""
    texts = pl.DataFrame({"text": title_or_labels(catalogue)}, schema={"text": pl.String})
    return texts.select(_lower_words(pl.col("text")))["text"].to_list()


def title_and_labels(catalogue: Catalogue) -> list[str]:
    """What `hashed` reads: the words of the title in lower case, then a line ``column=value`` a label."""
    labels = [_labelled(column) for column in LABELS]
    return _texts(catalogue, pl.concat_str(_lower_words(pl.col("title")), *labels, separator="\n", ignore_nulls=True))


def hashed(texts: list[str]) -> np.ndarray:
    """Texts of `title_and_labels` to (n, SIZE) float32: which words are there, each text of length 1, all ≥ 0.

    Hashing needs no vocabulary, so the same word is the same dimension in every catalogue. A word counts once, for
    shops repeat words; vectors have length 1, for some are wordy; and no word has a sign, for then words
    that share a dimension could cancel out, and models that want f ≥ 0 (a CNN's features) take these as well.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(n_features=SIZE, analyzer=_words, binary=True, alternate_sign=False, dtype=np.float32)
    return hashing.transform(texts).toarray()


def numbered(texts: list[str]) -> np.ndarray:
    """Texts of `title_and_labels` to (n, `LENGTH`) float32: numbers of their labels and words, 0 after them.

    A word has the same number in every catalogue, one of 16.8 million, so that hardly any two share one; float32 holds
    them exactly. The first `LENGTH` different ones are kept, the labels before the words of the title.
    """
    ids = np.zeros((len(texts), LENGTH), np.float32)
    for row, text in zip(ids, texts, strict=True):
        title, *labels = text.split("\n")
        words = list(dict.fromkeys([*labels, *title.split()]))[:LENGTH]
        row[: len(words)] = [zlib.crc32(word.encode()) % _IDS + 1 for word in words]
    return ids


def _words(text: str) -> list[str]:
    title, *labels = text.split("\n")
    return [*title.split(), *labels]


def _lower_words(text: pl.Expr) -> pl.Expr:
    # "" is no word: a title of signs alone says as little as none.
    return text.fill_null("").str.to_lowercase().str.extract_all(r"\w+").list.join(" ")


def _labelled(column: str) -> pl.Expr:
    value = _clean(column).str.to_lowercase().str.replace_all(r"\s+", " ")
    return pl.when(value != "").then(pl.lit(f"{column}=") + value)


def _clean(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars()


def _texts(catalogue: Catalogue, text: pl.Expr) -> list[str]:
    return catalogue.items.select(text.alias("text"))["text"].to_list()
