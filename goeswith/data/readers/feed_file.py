"""Feed file: the rows of a shop's export as text, from CSV, TSV, XML (RSS and Atom) and JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn
from xml.etree import ElementTree

import polars as pl

from goeswith.data.readers.product_json import flat_products
from goeswith.errors import DataError
from goeswith.files import read_lines
from goeswith.sheets import ENDINGS, Sheet, read_sheet

XML, JSON = (".xml", ".rss", ".atom"), (".jsonl", ".ndjson")
FEED_ENDINGS = (*ENDINGS, *XML, *JSON)
LARGEST_XML = 1 << 30
"""Bytes of an XML feed, which is read as a whole."""
SEVERAL = "\n"
"""Between the values of an element that stands several times in one item."""


def read_feed(path: Path) -> Sheet:
    """Read an export; every column is text, null where it is empty.

    Raises:
        DataError: the file is missing, broken or of another kind.
    """
    ending = path.suffix.lower()
    if ending in XML:
        return _sheet(_xml_rows(path), path)
    if ending in JSON:
        return _sheet(_json_rows(path), path)
    return read_sheet(path, quiet=True)


def _sheet(rows: Iterable[dict[str, str]], path: Path) -> Sheet:
    listed = list(rows)
    if not listed:
        raise DataError(f"{path} lists no product; export it again")
    names = list(dict.fromkeys(name for row in listed for name in row))
    table = pl.DataFrame(
        {name: [row.get(name) for row in listed] for name in names}, schema=dict.fromkeys(names, pl.String)
    )
    return Sheet(table, pl.int_range(1, len(table) + 1, eager=True, dtype=pl.UInt32).alias("row"))


class _Builder(ElementTree.TreeBuilder):
    """Elements of a document without a DOCTYPE: with one, a small file can grow beyond all bounds."""

    def doctype(self, name: str, public: str | None, system: str | None) -> NoReturn:
        raise ValueError("it has a DOCTYPE; export the feed without one")


def _xml_rows(path: Path) -> list[dict[str, str]]:
    try:
        if path.stat().st_size > LARGEST_XML:
            raise ValueError(f"it is larger than {LARGEST_XML >> 30} GiB; split the feed")
        # A DOCTYPE is refused, and with it the entities that make XML dangerous.
        root = ElementTree.parse(path, ElementTree.XMLParser(target=_Builder())).getroot()  # noqa: S314
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; check the path") from None
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise DataError(f"cannot read {path} as XML: {error}") from None
    return [_element(node) for node in root.iter() if _bare(node.tag) in ("item", "entry", "product")]


def _element(node: ElementTree.Element) -> dict[str, str]:
    row: dict[str, list[str]] = {}
    for child in node:
        text = "".join(child.itertext()).strip() or child.get("href", "").strip()  # Atom's <link href="..."/>
        if text:
            row.setdefault(_bare(child.tag), []).append(text)
    return {name: SEVERAL.join(texts) for name, texts in row.items()}


def _bare(tag: Any) -> str:
    """A tag without its namespace; nothing for comments."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _json_rows(path: Path) -> Iterable[dict[str, str]]:
    for number, line in enumerate(read_lines(path, blank=True), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: no valid JSON ({error}); write one product a line") from None
        if not isinstance(value, dict | list):
            raise DataError(f"{path}, line {number}: no JSON object; write one product a line")
        yield from flat_products(value)
