"""Text search: finds items by words, despite plurals, typing errors and synonyms of garments.

Words are matched against the vocabulary of the catalogue, never against its items one by one; what matches is looked up
in lists of rows. A word is taken as it is written, in another number ("blazers"), or as a garment that others call
differently ("trainers"); else as the beginning of a word ("blaz"); else as the nearest word ("blazr").
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from rapidfuzz import process
from rapidfuzz.distance import OSA

from goeswith.data.garments import LANGUAGES, Garment, fold, garment_of, word_list

WEIGHTS = {
    "title": 2.0, "category": 3.0, "group": 1.0, "colour": 2.0, "brand": 2.0, "material": 1.0, "pattern": 1.0,
    "season": 1.0, "gender": 1.0, "item_id": 1.0,
}  # fmt: skip
"""Columns that are searched, and how much a word of each counts."""
PLURAL, SYNONYM, BEGINNING, TYPO = 0.95, 0.8, 0.6, 0.5
"""How much a word counts that matches in another number, as another name, by its beginning or by its likeness."""
GROUP_NAMES = {"shoe": "shoes", "bag": "bag", "accessory": "accessory", "outerwear": "outer", "dress": "dress"}
"""Garments whose names stand for a whole group: all boots are shoes."""
JEWELLERY = ("necklace", "earring", "ring", "bracelet", "brooch")
"""Garments that "jewellery" stands for."""
BROAD = (*GROUP_NAMES, "top", "jewellery")
"""Garments whose name says so little that a word of the title may say more."""
PHRASE = 3
"""Words of the longest name of a garment that is looked up, such as "flip flops"."""
WRONG_LETTERS = ((8, 2), (4, 1))
"""Letters that a word must have at least, and how many of them may be wrong."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class TextResult:
    """Relevance (U,) float32 of every item, 0 where it does not match; words that were read as others."""

    relevance: np.ndarray
    corrected: dict[str, str] = field(default_factory=dict)


class TextSearch:
    """A search over a table of items, made once. Safe to call from several threads."""

    def __init__(self, items: pl.DataFrame) -> None:
        self.count = len(items)
        table = _postings(items)
        starts = table["token"].rle_id() if len(table) else pl.Series([], dtype=pl.UInt32)
        self.tokens: list[str] = table["token"].unique(maintain_order=True).to_list()
        self._code = {token: code for code, token in enumerate(self.tokens)}
        self._ends = np.searchsorted(starts.to_numpy(), np.arange(len(self.tokens) + 1))
        self._rows, self._weights = table["row"].to_numpy(), table["weight"].to_numpy()
        self._categories: list[str] = items["category"].unique().sort().to_list()
        self._kinds = items["category"].rank("dense").to_numpy().astype(np.int64) - 1
        self._groups = items["group"]
        self._named: dict[str, np.ndarray] = {}

    def search(self, words: str) -> TextResult:
        """The items that match all the words; without any word all of them, alike.

        Where a word matches nothing, no item is found, whatever the others match.
        """
        relevance, corrected = np.zeros(self.count, np.float32), {}
        terms = self.terms(words)
        every = np.ones(self.count, bool)
        for term in terms:
            matching, read_as = self._term(term)
            every &= matching > 0
            relevance += matching
            if read_as:
                corrected[" ".join(term)] = read_as
        return TextResult(np.where(every, relevance if terms else np.float32(1), np.float32(0)), corrected)

    def some(self, words: str) -> np.ndarray:
        """Relevance (U,) of the items that match as many of the words as any item does."""
        matching = np.stack([self._term(term)[0] for term in self.terms(words)] or [np.zeros(self.count, np.float32)])
        hits = (matching > 0).sum(axis=0)
        return np.where((hits > 0) & (hits == hits.max(initial=0)), matching.sum(axis=0), np.float32(0))

    def terms(self, words: str) -> list[tuple[str, ...]]:
        """What is looked up: single words, and words that name a garment together."""
        left, terms = _WORD.findall(fold(words)), []
        while left:
            sizes = range(min(PHRASE, len(left)), 1, -1)
            size = next((size for size in sizes if "_".join(left[:size]) in word_list().words), 1)
            terms.append(tuple(left[:size]))
            left = left[size:]
        return list(dict.fromkeys(terms))

    def _term(self, term: tuple[str, ...]) -> tuple[np.ndarray, str]:
        """Relevance (U,) of one term, and the word that it is read as where no item has it."""
        literal = np.minimum.reduce([self._literal(word) for word in term])
        matching = np.maximum(literal, SYNONYM * self._called("_".join(term), bool(literal.any())))
        if matching.any() or len(term) > 1:
            return matching, ""
        [word] = term
        if begun := self._beginning(word):
            return BEGINNING * self._gather(begun), ""
        nearest = self._nearest(word)
        if not nearest:
            return matching, ""
        return TYPO * np.maximum(self._literal(nearest), SYNONYM * self._called(nearest, False)), nearest

    def _literal(self, word: str) -> np.ndarray:
        """Relevance (U,) of a word as it is written, in the singular or in the plural."""
        exact = [self._code[word]] if word in self._code else []
        others = [self._code[form] for form in _other_numbers(word) if form in self._code]
        return np.maximum(self._gather(exact), PLURAL * self._gather(others))

    def _called(self, word: str, literal: bool) -> np.ndarray:
        """Relevance (U,) of the garments that a word or phrase names, whatever the items call them.

        literal: whether items have the word itself; a foreign language has no say then.
        """
        meanings = word_list().meanings(word)
        own = {meanings[language] for language in meanings if language in self.languages}
        named = own or (set() if literal else set(meanings.values()))
        return np.maximum.reduce([np.zeros(self.count, np.float32), *(self._garment(garment) for garment in named)])

    def _garment(self, garment: Garment) -> np.ndarray:
        """Relevance (U,) of the items that are a garment by their category, or by a word where that says little."""
        if garment.name not in self._named:
            named = {garment.name, *(JEWELLERY if garment.name == "jewellery" else ())}
            kinds = [described.name if (described := self._garments[category]) else "" for category in self._categories]
            in_category = np.array([kind in named for kind in kinds], bool)[self._kinds]
            if garment.name in GROUP_NAMES:
                in_category |= (self._groups == GROUP_NAMES[garment.name]).fill_null(False).to_numpy()
            open_ = np.array([not kind or kind in BROAD for kind in kinds], bool)[self._kinds]
            words = [self._code[token] for name in named for token in self._names.get(name, ())]
            by_category = np.float32(WEIGHTS["category"]) * in_category
            self._named[garment.name] = np.maximum(open_ * self._gather(words), by_category)
        return self._named[garment.name]

    @cached_property
    def languages(self) -> frozenset[str]:
        """Languages whose words for garments are taken: English, and the one that names most of the categories."""
        words = [word_list().meanings(word) for name in self._categories for word in _WORD.findall(fold(name))]
        most = max(LANGUAGES, key=lambda language: sum(language in meanings for meanings in words))
        return frozenset({"any", "en", most})

    @cached_property
    def _garments(self) -> dict[str, Garment | None]:
        """Category → the garment that it names."""
        order = tuple(sorted(LANGUAGES, key=lambda language: language not in self.languages))
        return {name: garment_of(name, {}, order) for name in self._categories}

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        """Garment → words of the catalogue that name it."""
        named: dict[str, list[str]] = {}
        for token in self.tokens:
            meanings = word_list().words.get(token, {})
            for name in {meanings[language].name for language in self.languages if language in meanings}:
                named.setdefault(name, []).append(token)
        return named

    def _beginning(self, word: str) -> list[int]:
        """Codes of the words that begin so."""
        first = bisect.bisect_left(self.tokens, word)
        return list(range(first, bisect.bisect_left(self.tokens, word + "\U0010ffff")))

    @cached_property
    def _spellings(self) -> list[str]:
        """Words that a misspelt one may be meant for: those of the catalogue, and others for its garments."""
        garments = {garment for garment in self._garments.values() if garment and garment.group != "other"}
        others = [
            word for word, meanings in word_list().words.items()
            if "_" not in word and any(meanings.get(language) in garments for language in self.languages)
        ]  # fmt: skip
        return list(dict.fromkeys(word for word in (*self.tokens, *others) if word.isalpha() and len(word) > 2))

    def _nearest(self, word: str) -> str:
        """The word that a misspelt one is meant for: fewest wrong letters, then the most frequent; "" if none is near.

        The first letter is rarely wrong: "wedding" is not meant for "bedding".
        """
        allowed = next((wrong for letters, wrong in WRONG_LETTERS if len(word) >= letters), 0)
        if not allowed or not word.isalpha():
            return ""
        near = process.extract(word, self._spellings, scorer=OSA.distance, score_cutoff=allowed, limit=20)
        likely = (
            (wrong, -self._frequency(spelling), spelling) for spelling, wrong, _ in near if spelling[0] in word[:2]
        )
        return min(likely, default=(0, 0, ""))[-1]

    def _frequency(self, token: str) -> int:
        code = self._code.get(token)
        return 0 if code is None else int(self._ends[code + 1] - self._ends[code])

    def _gather(self, codes: Sequence[int]) -> np.ndarray:
        """(U,) float32: the highest weight that an item has one of the words with."""
        gathered = np.zeros(self.count, np.float32)
        for code in codes:
            part = slice(self._ends[code], self._ends[code + 1])
            rows = self._rows[part]
            gathered[rows] = np.maximum(gathered[rows], self._weights[part])  # each row once a word
        return gathered


def _postings(items: pl.DataFrame) -> pl.DataFrame:
    """token, row, weight: each word of each item once, with the highest weight of its columns; sorted by token."""
    parts = [
        items.select(
            row=pl.int_range(pl.len(), dtype=pl.Int64),
            token=pl.col(column).cast(pl.String).str.to_lowercase().str.normalize("NFKD").str.replace_all(r"\p{M}", "")
            .str.extract_all(r"\w+"),
        ).explode("token").drop_nulls().with_columns(weight=pl.lit(weight, pl.Float32))
        for column, weight in WEIGHTS.items()
    ]  # fmt: skip
    return pl.concat(parts).group_by("token", "row").agg(pl.col("weight").max()).sort("token", "row")


def _other_numbers(word: str) -> list[str]:
    """English plurals of a word and the singulars that it may be the plural of."""
    forms = [word + "s", word + "es"]
    if word.endswith("y"):
        forms.append(word[:-1] + "ies")
    if word.endswith("ies"):
        forms.append(word[:-3] + "y")
    if word.endswith("es"):
        forms.append(word[:-2])
    if word.endswith("s") and len(word) > 3:
        forms.append(word[:-1])
    return forms
