"""Words: which items have a word or phrase in a column or, where the column is empty, in their title."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from itertools import chain, zip_longest

import numpy as np
import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.errors import CatalogueError

WORD = "word"
"""The attribute that stands for the words of the title."""

_WORD = r"[^\W_]+(?:[-'’][^\W_]+)*"  # "off-white" is one word: it is not white
_NO_ATTRIBUTES = ("item_id", "image")


def words(text: pl.Expr) -> pl.Expr:
    """The lower-case words of a text column, as lists."""
    return text.str.to_lowercase().str.extract_all(_WORD)


def phrase(value: str) -> str:
    """A value as it is looked for: its lower-case words with one space between; empty where it has none."""
    return " ".join(re.findall(_WORD, value.lower()))


def attributes(catalogue: Catalogue) -> list[str]:
    """The attributes that a rule over this catalogue can name: its text columns, and ``word``."""
    text = [name for name, kind in catalogue.items.schema.items() if kind == pl.String and name not in _NO_ATTRIBUTES]
    return [*text, WORD]


def texts(catalogue: Catalogue, attribute: str) -> pl.Series:
    """What each item says of an attribute (U,): its column, or its title where the column says nothing.

    An item without a material may well have one: its title is the next best that is known of it.

    Raises:
        CatalogueError: the catalogue has no such text column; the nearest name is given.
    """
    names = attributes(catalogue)
    if attribute not in names:
        near = difflib.get_close_matches(attribute, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the attributes here are: {', '.join(names)}"
        raise CatalogueError(f"the catalogue has no attribute {attribute!r}; {hint}")
    title = pl.col("title").fill_null("")
    own = pl.when(pl.col(attribute).str.strip_chars() != "").then(attribute) if attribute != WORD else None
    return catalogue.items.select(text=title if own is None else pl.coalesce(own, title)).to_series()


def mentions(catalogue: Catalogue, attribute: str, values: Sequence[str]) -> np.ndarray:
    """Which items say each value: (V, U) bool.

    A value is one or more alternatives between ``/``; each is a word or phrase that the text must contain whole.
    Texts are cut into words once and each distinct phrase is looked up once, whatever the number of values.

    Raises:
        CatalogueError: the catalogue has no such attribute.
    """
    text = texts(catalogue, attribute)
    parts = [[phrase(other) for other in value.split("/")] for value in values]
    row_of = {targets: row for row, targets in enumerate(dict.fromkeys(chain.from_iterable(parts)))}
    held = np.zeros((len(row_of), len(text)), dtype=bool)
    held[_occurrences(text, list(row_of))] = True
    packed = np.packbits(held, axis=1)  # an eighth to move
    says = np.zeros((len(values), packed.shape[1]), dtype=np.uint8)
    for others in zip_longest(*parts):  # the first alternative of each value, the second of those that have one, ...
        more = [row for row, other in enumerate(others) if other is not None]
        says[more] |= packed[[row_of[others[row]] for row in more]]
    return np.unpackbits(says, axis=1, count=len(text)).view(bool)


def _occurrences(text: pl.Series, phrases: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Places in `phrases` and rows of `text`, one for each text that says a phrase."""
    queries = pl.DataFrame({"phrase": phrases}, schema={"phrase": pl.String}).with_row_index("asked")
    items = text.to_frame("text").with_row_index("row")
    distinct = items.select(pl.col("text").unique()).with_row_index("place")
    tokens = distinct.select("place", word=words(pl.col("text"))).explode("word").drop_nulls()
    hits = [pl.DataFrame(schema={"place": pl.UInt32, "asked": pl.UInt32})]
    for (length,), some in queries.group_by(pl.col("phrase").str.count_matches(" ") + 1):
        run = pl.concat_str([pl.col("word").shift(-ahead) for ahead in range(length)], separator=" ")
        whole = pl.when(pl.col("place").shift(1 - length) == pl.col("place")).then(run)
        hits.append(tokens.select("place", phrase=whole).join(some, on="phrase").select("place", "asked"))
    rows = items.join(distinct, on="text").join(pl.concat(hits), on="place")
    return rows["asked"].to_numpy(), rows["row"].to_numpy()
