"""Garments: which garment and group a category name means, and the nearest category."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

import polars as pl

from goeswith.data.catalogue import GROUPS

LANGUAGES = ("en", "de", "fr", "es", "it")
ENGLISH = ("en",)
"""Of the published layouts: "robes" are no French dresses there."""
HEAD_FIRST = ("fr", "es", "it")
"""Languages that put the head noun first ("robe chemise"); the others put it last ("shirt dress")."""
PLURALS = {
    "any": ("s", "es"),
    "en": ("s", "es"),
    "de": ("e", "n", "en", "er", "s"),
    "fr": ("s", "x"),
    "es": ("s", "es"),
}
"""Endings of regular plurals; Italian ones are in the word list."""
LONGEST_PHRASE = 4
SHORTEST_START = 3
"""Letters that must stand before the second half of a compound, so that "spring" is no ring."""

_LEVELS = re.compile(r"[>»›|/\\]|::|\s[-–—]\s")
_CONJUNCTIONS = re.compile(r"[,;&+]|\b(?:and|or|und|oder|et|ou|y|e)\b")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_WORDS = re.compile(r"[^\W\d_]+")


class Garment(NamedTuple):
    """A kind of garment, such as "shirt" in the group "top"."""

    name: str
    group: str


NOT_WORN = Garment("other", "other")
Meanings = dict[str, Garment]
"""Language → garment that a word names in it."""


class Hit(NamedTuple):
    """A word of a name that is a garment's: where it begins and what it means."""

    at: int
    meanings: Meanings


@dataclass
class WordList:
    """The words of garments.toml, in all their forms."""

    words: dict[str, Meanings] = field(default_factory=dict)
    endings: dict[str, Meanings] = field(default_factory=dict)
    anywhere: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ()
    neutral: frozenset[str] = frozenset()
    hints: dict[str, frozenset[str]] = field(default_factory=dict)
    after: frozenset[str] = frozenset()

    def meanings(self, word: str) -> Meanings:
        """What a word, or a phrase with ``_``, can name; nothing for most."""
        if word in self.words or "_" in word:
            return self.words.get(word, {})
        ends = (word[start:] for start in range(SHORTEST_START, len(word) - 1))
        return next((self.endings[end] for end in ends if end in self.endings), {})


@cache
def word_list() -> WordList:
    """The words of garments.toml, read once."""
    document = tomllib.loads((files(__package__) / "garments.toml").read_text(encoding="utf-8"))
    read = WordList()
    for group in GROUPS:
        for name, languages in document[group].items():
            for language, words in languages.items():
                for word in words.split():
                    _add(read, word, language, Garment(name, group))
    markers = document["anywhere"]["other"].split()
    read.anywhere = frozenset(word for word in markers if not word.endswith("*"))
    read.beginnings = tuple(word[:-1] for word in markers if word.endswith("*"))
    read.neutral = frozenset(document["never"]["neutral"].split())
    read.hints = {language: frozenset(words.split()) for language, words in document["hints"].items()}
    read.after = frozenset(document["after"]["words"].split())
    return read


def _add(read: WordList, word: str, language: str, garment: Garment) -> None:
    bare = word.removeprefix("*")
    forms = [bare, *(bare + ending for ending in PLURALS.get(language, ()))]
    if language == "en" and bare.endswith("y"):
        forms.append(f"{bare[:-1]}ies")
    if language == "fr" and bare.endswith("eau"):
        forms.append(f"{bare}x")
    for form in forms:
        for table in [read.words, read.endings] if word.startswith("*") else [read.words]:
            table.setdefault(form, {}).setdefault(language, garment)


def fold(text: str) -> str:
    """Text in small letters without accents: "Röcke" is "rocke"."""
    parted = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in parted if not unicodedata.combining(letter))


def group_of(category: pl.Expr, languages: Sequence[str] = LANGUAGES) -> pl.Expr:
    """The group (one of `goeswith.data.catalogue.GROUPS`) of a category column; "other" where no garment is named."""

    def chosen(names: pl.Series) -> pl.Series:
        groups = groups_of(names.unique().to_list(), languages)
        return names.replace_strict(groups, default="other", return_dtype=pl.String)

    return category.fill_null("").map_batches(chosen, return_dtype=pl.String)


def groups_of(names: Iterable[str], languages: Sequence[str] = LANGUAGES) -> dict[str, str]:
    """Category → group. Names stand together in one shop: the language of most decides words that two of them share."""
    names = list(names)
    votes: Counter[str] = Counter()
    for name in names:
        votes.update(_votes(name, tuple(languages)))
    garments = {name: garment_of(name, votes, tuple(languages)) for name in names}
    return {name: garment.group if garment else "other" for name, garment in garments.items()}


def garment_of(
    name: str, votes: Mapping[str, int] | None = None, languages: tuple[str, ...] = LANGUAGES
) -> Garment | None:
    """The garment that a category's name is about, its head noun; None where it names none.

    Of a path such as "Women > Shirts" the last level that names a garment counts, of a list such as "Coats & Jackets"
    the last entry; what follows "with", "for", "de" and the like only describes.

    Args:
        votes: how many of the names beside it are of each language.
        languages: those that names may be in.
    """
    for level in reversed(_levels(name)):
        tokens = _tokens(level)
        if _not_worn(tokens):
            return NOT_WORN
        for entry in reversed(_CONJUNCTIONS.split(level)):
            hits = _hits(_tokens(entry), languages)
            if hits:
                return _head(_tokens(entry), hits, votes or {}, languages)
    return None


def _levels(name: str) -> list[str]:
    folded = fold(name)
    outside = _BRACKETS.sub(" ", folded)
    return [*_LEVELS.split(folded), *_LEVELS.split(outside)]


def _tokens(text: str) -> list[str]:
    return _WORDS.findall(text)


def _not_worn(tokens: list[str]) -> bool:
    words = word_list()
    pairs = ["_".join(pair) for pair in pairwise(tokens)]
    return not words.anywhere.isdisjoint([*tokens, *pairs]) or any(
        token.startswith(words.beginnings) for token in tokens
    )


def _hits(tokens: list[str], languages: tuple[str, ...]) -> list[Hit]:
    """Words and phrases that name garments, the longest phrase first, up to the first word that only describes."""
    words = word_list()
    hits: list[Hit] = []
    at = 0
    while at < len(tokens):
        if hits and tokens[at] in words.after:
            break
        step = 1
        for length in range(min(LONGEST_PHRASE, len(tokens) - at), 0, -1):
            phrase = "_".join(tokens[at : at + length])
            meanings = _meanings(phrase, languages)
            if meanings or phrase in words.neutral:
                hits += [Hit(at, meanings)] if meanings else []
                step = length
                break
        at += step
    return hits


@lru_cache(maxsize=1 << 16)
def _meanings(phrase: str, languages: tuple[str, ...]) -> Meanings:
    """Meanings of a phrase in some languages; of its umlauts written as two letters where there are none else."""
    for spelled in (phrase, re.sub("([aou])e", r"\1", phrase)):
        meanings = word_list().meanings(spelled)
        understood = {language: garment for language, garment in meanings.items() if language in ("any", *languages)}
        if understood:
            return understood
    return {}


@lru_cache(maxsize=1 << 16)
def _votes(name: str, languages: tuple[str, ...]) -> tuple[str, ...]:
    """The languages of a name's words, once for each word."""
    tokens = _tokens(fold(name))
    hints = word_list().hints
    hinted = [language for language in languages for token in tokens if token in hints[language]]
    return tuple(hinted + [language for hit in _hits(tokens, languages) for language in hit.meanings])


def _head(tokens: list[str], hits: list[Hit], votes: Mapping[str, int], languages: tuple[str, ...]) -> Garment:
    hints = word_list().hints
    own = Counter(language for language in languages for token in tokens if token in hints[language])
    own.update(language for hit in hits for language in hit.meanings)

    def likely(language: str) -> tuple[int, int, int, int]:
        worn = sum(hit.meanings.get(language, NOT_WORN).group != "other" for hit in hits)
        return own[language], votes.get(language, 0), worn, -languages.index(language)

    ranked = sorted(languages, key=likely, reverse=True)
    head = hits[0] if ranked[0] in HEAD_FIRST else hits[-1]
    order = [ranked[0], "any", *ranked[1:]]
    return next(head.meanings[language] for language in order if language in head.meanings)


class _Described(NamedTuple):
    """A category's name as `nearest_category` compares it."""

    folded: str
    stems: frozenset[str]
    garment: Garment | None


@lru_cache(maxsize=1 << 14)
def _described(name: str) -> _Described:
    tokens = _tokens(fold(name))
    return _Described(" ".join(tokens), frozenset(map(_stem, tokens)), garment_of(name))


def _stem(token: str) -> str:
    """A word without its plural: equal for the words of one garment."""
    meanings = word_list().meanings(token)
    if meanings:
        return next(iter(meanings.values())).name
    return token.removesuffix("es") if token.endswith(("ches", "shes", "sses", "xes")) else token.removesuffix("s")


def nearest_category(name: str, categories: Iterable[str]) -> str | None:
    """The known category that a name most likely means; None where no known one is about the same garment.

    By letter case and accents, then by plural, then by head noun, in any of `LANGUAGES`: of several about the same
    garment the one that shares most words, and then the shortest.
    """
    categories = list(categories)
    if name in categories:
        return name
    wanted = _described(name)
    if not wanted.folded:
        return None
    candidates = {other: _described(other) for other in categories}
    for part in ("folded", "stems"):
        same = [
            other for other, description in candidates.items() if getattr(description, part) == getattr(wanted, part)
        ]
        if same:
            return min(same, key=lambda other: (len(other), other))
    alike = [
        other
        for other, description in candidates.items()
        if description.garment is not None and description.garment == wanted.garment
    ]
    alike = [other for other in alike if candidates[other].garment != NOT_WORN]
    return min(alike, key=lambda other: (-_shared(wanted, candidates[other]), len(other), other), default=None)


def _shared(first: _Described, second: _Described) -> float:
    """Shared part of two names' words, in [0, 1]."""
    return len(first.stems & second.stems) / len(first.stems | second.stems)
