"""Languages: a feed in several of them: its words are read in the main one, and titles in the others are kept."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import polars as pl

from goeswith.data.cells import UNKNOWN, words
from goeswith.data.cells import ids as codes
from goeswith.data.product_words import plain_text
from goeswith.data.readers.headers import LANGUAGES, OR, key, keys, language_of
from goeswith.data.variants import Merged
from goeswith.errors import ConfigError
from goeswith.sheets import Sheet

TRANSLATED = ("title", "description", "category", "colour", "material", "pattern", "link")
"""Our columns that a feed may have once for each language: ``title_de``, ``title:de``, ``title (de-AT)``."""
TITLE = "title_{}"
"""Column of the title in another language."""
TRANSLATIONS = {"type", "identification", "field", "locale", "default_content", "translated_content"}
"""Headers of Shopify's export of translations."""
TOLD = {"name": pl.String, "language": pl.String, "title": pl.String}
"""Titles in other languages: name is the id of a variant or product, or the title in the main language."""
KNOWN = {"item_id": pl.String, "name": pl.String}


@dataclass(frozen=True)
class Spoken:
    """A table in its main language.

    table: with the columns of that language under the names that they have in feeds of one language.
    titles: language → header of its titles in the table. headers: header in the table → the one in the file.
    main: the language that was chosen; "" where nothing says which it is.
    """

    table: pl.DataFrame
    titles: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    main: str = ""

    def in_the_file(self, taken: Mapping[str, str]) -> dict[str, str]:
        """Our column → header, as it is written in the file, the titles in other languages included."""
        named = {
            field: OR.join(self.headers.get(header, header) for header in taken_headers.split(OR))
            for field, taken_headers in taken.items()
        }
        return named | {TITLE.format(tongue): header for tongue, header in self.titles.items()}


class Titled(NamedTuple):
    """Items with titles in other languages, what was left out, and what is to be said."""

    items: pl.DataFrame
    skipped: dict[str, int]
    notes: list[str]


def language_of_file(path: Path) -> tuple[str, str]:
    """What a file is called without its language, and that: ``feed-de.xml`` is feed in de; "" where it has none."""
    parts = re.split(r"[^a-z0-9]+", path.name.partition(".")[0].lower())
    for number in (1, 2):  # feed-de, feed-de-at
        if len(parts) >= number and parts[-number] in LANGUAGES and all(len(part) == 2 for part in parts[-number:]):
            return " ".join(parts[:-number]), parts[-number]
    return " ".join(parts), ""


def in_main_language(
    table: pl.DataFrame, spellings: Mapping[str, str], language: str | None, keep: Collection[str] = ()
) -> Spoken:
    """Choose the main language of a table: the one that is asked for; else that of columns that name none, if there is
    a title among them; else the one with most titles.

    Args:
        spellings: see `goeswith.data.readers.headers.Spellings`. keep: headers that are mapped by hand.
    """
    field_of = {header: name for name in TRANSLATED for header in spellings.get(name, "").split()}
    tongues: dict[str, dict[str, str]] = {}
    for header in table.columns:
        key_and_language = language_of(header)
        if key_and_language and key_and_language[0] in field_of and header not in keep:
            tongues.setdefault(key_and_language[1], {}).setdefault(key_and_language[0], header)
    plain = {key(header): header for header in table.columns if key(header) in field_of}
    main = language if language in tongues else ""
    if not main and not any(field_of[name] == "title" for name in plain):
        main = max(tongues, key=lambda tongue: _titled(table, tongues[tongue], field_of), default="")
    headers = {plain.get(name, name): header for name, header in tongues.pop(main, {}).items()}
    filled = {
        name: words(table[header]).fill_null(words(table[name])) if name in table.columns else table[header]
        for name, header in headers.items()
    }
    table = table.drop(headers.values()).with_columns(column.alias(name) for name, column in filled.items())
    titles = {
        tongue: header
        for tongue, headers in tongues.items()
        for name, header in headers.items()
        if field_of[name] == "title"
    }
    return Spoken(table, titles, headers, main)


def _titled(table: pl.DataFrame, headers: Mapping[str, str], field_of: Mapping[str, str]) -> int:
    """How many titles there are in a language."""
    return sum(int(words(table[header]).count()) for name, header in headers.items() if field_of[name] == "title")


def by_language(sheets: Mapping[Path, Sheet], fitting: Sequence[Path], language: str | None) -> list[Path]:
    """Files that are one of the `fitting` in another language, as feed-fr.xml beside feed.xml, and translations.

    Of files that differ in their language alone, the one in the language that is asked for is read; else the one whose
    name has none, or the one with most rows.
    """
    families: dict[str, dict[str, Path]] = {}
    others = []
    for path, sheet in sheets.items():
        stem, tongue = language_of_file(path)
        headers = keys(sheet.table.columns)
        if path in fitting or (tongue and headers >= {"id", "title"}):
            families.setdefault(stem, {}).setdefault(tongue, path)
        elif headers >= TRANSLATIONS:
            others.append(path)
    for family in families.values():
        whole = {tongue: path for tongue, path in family.items() if path in fitting}
        if whole:
            chosen = whole.get(language or "") or whole.get("")
            first = chosen or max(whole.values(), key=lambda path: len(sheets[path].table))
            others += [path for path in family.values() if path != first]
    return others


def with_titles(
    merged: Merged,
    spoken: Spoken,
    taken: Mapping[str, str],
    others: Mapping[Path, pl.DataFrame],
    where: Path,
    language: str | None,
) -> Titled:
    """Items with a column ``title_fr`` for each further language: of the product, else of its first variant with one.

    Args:
        taken: our column → header of the spoken table. others: the same products in other languages, or translations.
        where: the file of the spoken table. language: that was asked for.

    Raises:
        ConfigError: nothing is in that language.
    """
    items = merged.items
    ids = [header for field in ("variant_id", "product_id") for header in taken.get(field, "").split(OR) if header]
    by_id, by_title = [_told(spoken.table, ids, spoken.titles)], [pl.DataFrame(schema=TOLD)]
    item_of_name = pl.concat(
        [
            items.select("item_id", name="product_id"),
            pl.DataFrame({"item_id": [*merged.item_of.values()], "name": [*merged.item_of]}, schema=KNOWN),
        ]
    )
    skipped, notes = {}, []
    for path, table in others.items():
        names = item_of_name["name"]
        if keys(table.columns) >= TRANSLATIONS:
            titles_here, names = _translations(table), items["title"]
            by_title.append(titles_here)
        else:
            titles_here = _of_another_file(path, table, [key(header) for header in ids], key(taken["title"]))
            by_id.append(titles_here)
        if not language_of_file(path)[1] and names is not items["title"]:
            notes.append(f"{path.name} repeats {where.name} in a language that its name does not say; call it NAME-fr")
        lost = ~titles_here["name"].unique().is_in(names.implode())
        skipped[f"{path.name}: titles of products that {where.name} does not have"] = int(lost.sum())
    titles = pl.concat(
        [
            pl.concat(by_id).join(item_of_name, on="name", maintain_order="right_left"),
            pl.concat(by_title).join(items.select("item_id", name="title"), on="name", maintain_order="right_left"),
        ]
    ).unique(["item_id", "language"], keep="first", maintain_order=True)
    tongues = sorted(set(titles["language"]))
    expect_language(language, {*tongues, spoken.main if spoken.headers else "", language_of_file(where)[1]})
    for tongue in tongues:
        column = titles.filter(language=tongue).select("item_id", pl.col("title").alias(TITLE.format(tongue)))
        items = items.join(column, on="item_id", how="left", maintain_order="left")
    if language in tongues:  # in another file alone
        own, before = TITLE.format(language), items["title"].alias(TITLE.format(spoken.main))
        items = items.with_columns(title=pl.coalesce(own, "title")).drop(own)
        items = items.with_columns(before) if spoken.main else items
    counts = [f"{tongue} {items[TITLE.format(tongue)].count():,}" for tongue in tongues if tongue != language]
    if counts:
        notes.append(
            f"titles in {language or spoken.main or 'the main language'}, and beside them: {', '.join(counts)}"
        )
    return Titled(items, skipped, notes)


def _told(table: pl.DataFrame, ids: Sequence[str], titles: Mapping[str, str]) -> pl.DataFrame:
    """Titles (`TOLD`) in a table. ids: headers of ids. titles: language → header."""
    parts = [
        pl.DataFrame(
            {"name": codes(table[name], UNKNOWN), "language": tongue, "title": plain_text(words(table[header]))}
        )
        for tongue, header in titles.items()
        for name in ids
    ]
    return pl.concat([pl.DataFrame(schema=TOLD), *parts]).drop_nulls()


def _of_another_file(path: Path, table: pl.DataFrame, ids: Sequence[str], title: str) -> pl.DataFrame:
    """Titles (`TOLD`) of a file that is in another language, as its name says."""
    header_of = {key(header): header for header in reversed(table.columns)}
    tongue = language_of_file(path)[1]
    there = [header_of[name] for name in ids if name in header_of]
    return _told(table, there, {tongue: header_of[title]} if tongue and title in header_of else {})


def _translations(table: pl.DataFrame) -> pl.DataFrame:
    """Titles (`TOLD`) of Shopify's export of translations, whose names are titles in the main language."""
    columns = {key(header): words(table[header]) for header in table.columns}
    lines = pl.DataFrame([columns[name].alias(name) for name in sorted(TRANSLATIONS)])
    product = pl.col("type").str.to_uppercase() == "PRODUCT"
    titles = lines.filter(product & (pl.col("field").str.to_lowercase() == "title"))
    return titles.select(
        plain_text(titles["default_content"]).alias("name"),
        pl.col("locale").str.slice(0, 2).str.to_lowercase().alias("language"),
        plain_text(titles["translated_content"]).alias("title"),
    ).drop_nulls()


def expect_language(language: str | None, have: Collection[str]) -> None:
    """Make sure that there are titles in the language that is asked for.

    Raises:
        ConfigError: there are none.
    """
    if language is not None and language not in have:
        languages = ", ".join(sorted(filter(None, have)))
        remedy = (
            f"choose one of: {languages}"
            if languages
            else "no header and no name of a file says a language; leave it out"
        )
        raise ConfigError(f"there are no titles in language {language!r}; {remedy}")
