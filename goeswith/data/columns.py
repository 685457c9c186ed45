"""Columns: which of a person's own columns is most likely which of ours, and what to say of those that are missing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

SYNONYMS = {
    "item_id": "id sku item article article_id article_number artikelnummer ean gtin asin code product_code ref",
    "category": "kind type product_type item_type kategorie categorie categoria class subcategory articletype",
    "outfit_id": "outfit look look_id set set_id basket order order_id id",
    "title": "name product_name titel titre titolo titulo",
    "price": "preis prix precio prezzo amount sale_price",
    "question_id": "question id",
    "score": "value prediction probability",
}
"""Names that others give to our columns."""


def missing_columns(path: Path, missing: Sequence[str], have: Sequence[str], remedy: str) -> str:
    """One sentence about all columns that a table lacks, with the names of its own that come nearest.

    Args:
        remedy: what to do about each, with ``{column}`` for our name and, where it is asked for, ``{theirs}``.
    """
    names = ", ".join(have) or "none"
    what = f"has no column{'s' * (len(missing) > 1)} {_listed([repr(name) for name in missing])}"
    near = {name: nearest_header(name, have) for name in missing}
    hints = [f"is {theirs!r} its {ours}?" for ours, theirs in near.items() if theirs]
    todo = " ".join(remedy.format(column=name, theirs=near[name] or "THEIR_NAME") for name in missing)
    return f"{path} {what} (it has {names}){'; ' + ' '.join(hints) if hints else ''}; {todo}"


def nearest_header(name: str, have: Sequence[str]) -> str | None:
    """The column of a table that most likely is ours of that name; None where none comes near."""
    plain = {re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_"): column for column in reversed(have)}
    for known in (name, *SYNONYMS.get(name, "").split()):
        if known in plain:
            return plain[known]
    close = difflib.get_close_matches(name, plain, n=1, cutoff=0.7)
    return plain[close[0]] if close else None


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
