"""Words: which items say a word or a phrase, in a column or, where the column is silent, in their title."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from goeswith.catalogue import Catalogue
from goeswith.errors import CatalogueError

WORD = "word"
"""The attribute that stands for the words of the title."""

_WORD = r"[\p{L}\p{N}]+(?:[-'’][\p{L}\p{N}]+)*"  # "off-white" is one word: it is not white
_NO_ATTRIBUTES = ("item_id", "image")


def words(text: pl.Expr) -> pl.Expr:
    """The lower-case words of a text column, as lists."""
    return text.str.to_lowercase().str.extract_all(_WORD)


def phrases(values: Iterable[str]) -> list[str]:
    """Each value as it is looked for: its lower-case words with one space between; empty where it has none."""
    column = pl.DataFrame({"value": list(values)}, schema={"value": pl.String})
    return column.select(words(pl.col("value")).list.join(" ")).to_series().to_list()


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
    known = attributes(catalogue)
    if attribute not in known:
        near = difflib.get_close_matches(attribute, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the attributes here are: {', '.join(known)}"
        raise CatalogueError(f"the catalogue has no attribute {attribute!r}; {hint}")
    title = pl.col("title").fill_null("")
    own = pl.when(pl.col(attribute).str.strip_chars() != "").then(attribute) if attribute != WORD else None
    return catalogue.items.select(text=title if own is None else pl.coalesce(own, title)).to_series()


def said(catalogue: Catalogue, attribute: str, values: Sequence[str]) -> np.ndarray:
    """Which items say each value: (V, U) bool.

    A value is one or more alternatives between ``/``; each is a word or phrase that must stand in the text whole.
    Texts are cut into words once and each distinct phrase is looked up once, whatever the number of values.

    Raises:
        CatalogueError: the catalogue has no such attribute.
    """
    text = texts(catalogue, attribute)
    parts = pl.Series(values, dtype=pl.String).str.split("/").to_frame("phrase").with_row_index("value")
    parts = parts.explode("phrase").with_columns(phrase=words(pl.col("phrase")).list.join(" "))
    asked = parts.select(pl.col("phrase").unique(maintain_order=True)).with_row_index("asked")
    held = np.zeros((len(asked), len(text)), dtype=bool)
    held[_found(text, asked)] = True
    parts = parts.join(asked, on="phrase", maintain_order="left")
    which, starts = parts["asked"].to_numpy(), parts["value"].rle_id().search_sorted(np.arange(len(values)))
    lengths = np.diff(starts.to_numpy(), append=len(which))
    says = np.zeros((len(values), len(text)), dtype=bool)
    for rank in range(lengths.max(initial=0)):  # as many as one value has alternatives
        more = lengths > rank
        says[more] |= held[which[starts.to_numpy()[more] + rank]]
    return says


def _found(text: pl.Series, asked: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Places in `asked` (columns asked, phrase) and rows of `text`, one for each text that says a phrase."""
    items = text.to_frame("text").with_row_index("row")
    distinct = items.select(pl.col("text").unique()).with_row_index("place")
    tokens = distinct.select("place", word=words(pl.col("text"))).explode("word").drop_nulls()
    hits = [pl.DataFrame(schema={"place": pl.UInt32, "asked": pl.UInt32})]
    for (length,), some in asked.group_by(pl.col("phrase").str.count_matches(" ") + 1):
        run = pl.concat_str([pl.col("word").shift(-ahead) for ahead in range(length)], separator=" ")
        whole = pl.when(pl.col("place").shift(1 - length) == pl.col("place")).then(run)
        hits.append(tokens.select("place", phrase=whole).join(some, on="phrase").select("place", "asked"))
    rows = items.join(distinct, on="text").join(pl.concat(hits), on="place")
    return rows["asked"].to_numpy(), rows["row"].to_numpy()
