"""Columns: guesses which of the user's columns matches which of ours, and explains which are missing."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

SYNONYMS = {
    "item_id": "id sku item article article_id article_number artikelnummer ean gtin asin code product_code ref",
    "category": "kind type product_type item_type kategorie categorie categoria class subcategory articletype",
    "outfit_id": "outfit look look_id set set_id basket order order_id id",
    "title": "name product_name titel titre titolo titulo",
    "price": "preis prix precio prezzo amount sale_price",
    "image": "image_url image_link picture photo photo_url img bild foto",
    "colour": "color farbe couleur colore",
    "material": "fabric stoff composition",
    "brand": "vendor manufacturer label marke marque marca",
    "season": "saison temporada stagione",
    "gender": "sex geschlecht genre department",
    "stock": "inventory quantity qty bestand",
    "link": "url product_url permalink",
    "question_id": "question id",
    "score": "value prediction probability",
}
"""Names that others give to our columns."""


def missing_columns(path: Path, missing: Sequence[str], have: Sequence[str], remedy: str) -> str:
    """One sentence about all columns that a table lacks, with the names of its own that come nearest.

    Args:
        remedy: what to do, a verb and then what is said of each column, with ``{column}`` for our name and ``{header}``
            for the nearest of the table: ``rename {header} to {column}``.
    """
    near = {name: shlex.quote(nearest_header(name, have) or "THEIR_NAME") for name in missing}
    verb, each = remedy.split(" ", 1)
    todo = f"{verb} " + " and ".join(each.format(column=column, header=header) for column, header in near.items())
    names = " and ".join(repr(name) for name in missing)
    columns = "columns" if len(missing) > 1 else "column"
    return f"{path} has no {columns} {names} (it has {', '.join(have) or 'none'}); {todo}"


def likely_columns(columns: Sequence[str], have: Sequence[str]) -> dict[str, str]:
    """Our columns, of those that a table does not have → its own that are called what others call them."""
    plain = {_plain(column): column for column in reversed(have)}
    likely = {}
    for name in columns:
        header = next((plain[word] for word in (name, *SYNONYMS.get(name, "").split()) if word in plain), None)
        if header is not None and name not in have:
            likely[name] = header
    return likely


def nearest_header(name: str, have: Sequence[str]) -> str | None:
    """The column of a table that most likely is ours of that name; None where none comes near."""
    plain = {_plain(column): column for column in reversed(have)}
    for candidate in (_plain(name), *SYNONYMS.get(name, "").split()):
        if candidate in plain:
            return plain[candidate]
    close = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.7)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
