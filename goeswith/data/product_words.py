"""Product words: how shops describe products: category paths, availability, descriptions in HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import polars as pl

from goeswith.data.garments import fold, garment_of

OPTIONS = {
    "colour": "color colour colors colours farbe farben couleur couleurs coloris colore colori kleur cor",
    "size": "size sizes grosse grossen groesse taille tailles pointure talla tallas taglia taglie maat tamanho",
    "material": "material materials fabric stoff matiere tissu tejido tessuto materiale",
    "pattern": "pattern print muster motif estampado fantasia",
}
"""Our column → names that shops give to the option or attribute, as `fold` writes them."""
AVAILABLE = (
    "instock instoreonly onlineonly limitedavailability availablefororder preorder presale backorder backordered "
    "available madetoorder "
    "auflager lieferbar sofortlieferbar verfugbar vorratig vorbestellbar ja "
    "enstock disponible disponibles enreapprovisionnement precommande oui "
    "disponibile disponibili inmagazzino ordinabile "
    "enexistencias hayexistencias preventa si"
)
NOT_AVAILABLE = (
    "outofstock soldout discontinued pending markassold unavailable "
    "ausverkauft nichtauflager nichtlieferbar nichtverfugbar vergriffen nichtvorratig nein "
    "enrupturedestock rupturedestock rupture epuise indisponible nondisponible non "
    "esaurito esaurita nondisponibile terminato "
    "agotado agotada sinstock sinexistencias nodisponible"
)
"""Words of availability without accents and signs between their letters: ``https://schema.org/InStock`` is ``instock``,
``Nicht verfügbar`` is ``nichtverfugbar``."""
CURRENCIES = {"€": "EUR", "£": "GBP", "¥": "JPY", "zł": "PLN", "kč": "CZK"}

_LEVELS = re.compile(r"\s*(?:[>»›|]|::|\s/\s)\s*")
_NUMBER = re.compile(r"^\d+\s*(?:-\s+|$)")
_HIDDEN = r"(?is)<(script|style)\b.*?</(script|style)\s*>|<!--.*?-->"


class Category(NamedTuple):
    """The category of a product; `by_title` where only its title names a garment."""

    name: str | None
    by_title: bool = False


def category_of(paths: Iterable[str | None], title: str | None) -> Category:
    """The level of a path that names a garment, the deepest of the first path that has one.

    Where none does it is the garment that the title is about, or else the last level of the first path.

    Args:
        paths: like ``Apparel & Accessories > Clothing > Dresses`` or ``2271 - Apparel ...``, in order of preference;
            several may be in one text, one per line. A number alone says nothing.
    """
    leaf = None
    for path in "\n".join(filter(None, paths)).split("\n"):
        levels = [level for level in _LEVELS.split(_NUMBER.sub("", path.strip())) if level]
        for level in reversed(levels):
            if _names_garment(level):
                return Category(level)
        leaf = leaf or (levels[-1] if levels else None)
    garment = garment_of(title) if title else None
    return Category(garment.name, True) if garment is not None and garment.group != "other" else Category(leaf)


@lru_cache(maxsize=1 << 14)
def _names_garment(level: str) -> bool:
    return garment_of(level) is not None


def option_of(name: str | None) -> str | None:
    """Our column of an option that a shop calls so; None where we have none."""
    words = re.findall(r"[^\W\d_]+", fold(name or ""))
    return next(
        (option for option, words_of_it in OPTIONS.items() if not set(words_of_it.split()).isdisjoint(words)), None
    )


def options(table: pl.DataFrame, pairs: Iterable[tuple[str, str]]) -> dict[str, pl.Series]:
    """Our column → its values (n,), from pairs of columns that hold an option's name and its value."""
    columns: dict[str, pl.Series] = {}
    for name, value in pairs:
        named = table[name].replace_strict(
            {label: option_of(label) for label in table[name].unique()}, default=None, return_dtype=pl.String
        )
        for column in OPTIONS:
            here = table.select(pl.when(named == column).then(pl.col(value)).alias(column))[column]
            columns[column] = columns[column].fill_null(here) if column in columns else here
    return columns


def availability(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """(n,) Boolean: whether one can buy it, null where nothing is said; and the words that were not understood."""
    folded = {text: re.sub(r"[^a-z0-9]", "", fold(text.rpartition("/")[2])) for text in column.drop_nulls().unique()}
    word = column.replace_strict(folded, default=None, return_dtype=pl.String)
    available = pl.DataFrame({"word": word}).select(
        pl.when(pl.col("word").is_in([*AVAILABLE.split(), "1", "yes", "true"])).then(True)
        .when(pl.col("word").is_in([*NOT_AVAILABLE.split(), "0", "no", "false"])).then(False).alias("available")
    )["available"]  # fmt: skip
    return available, column.filter(available.is_null() & (word != "").fill_null(False))


def not_understood(column: str, words: pl.Series) -> list[str]:
    """What to say of words that `availability` did not understand."""
    if words.is_empty():
        return []
    return [f"{len(words):,} words of {column} are not understood and count as unknown, the first is {words[0]!r}"]


def plain_text(column: pl.Series) -> pl.Series:
    """(n,) String: text without HTML: tags are blanks, entities are letters; null where nothing is left."""
    bare = column.str.replace_all(_HIDDEN, " ").str.replace_all(r"<[/!a-zA-Z][^<>]*>", " ")
    marked = bare.str.contains("&", literal=True).fill_null(False)
    if marked.any():
        bare = bare.map_elements(html.unescape, return_dtype=pl.String, skip_nulls=True)
    text = bare.str.replace_all(r"[\p{Z}\s]+", " ").str.strip_chars()
    return text.set((text == "").fill_null(False), None)


def currency_of(column: pl.Series) -> pl.Series:
    """(n,) String: the currency written with a price, as ISO writes it where that is clear; else null."""
    code = column.str.extract(r"(?i)(?:^|[^a-z])([a-z]{3})(?:[^a-z]|$)").str.to_uppercase()
    sign = column.str.to_lowercase().str.extract(f"({'|'.join(CURRENCIES)})")
    return code.fill_null(sign.replace_strict(CURRENCIES, default=None, return_dtype=pl.String))
