"""Mapping: how an export is read, stored with the data set as mapping.toml, which the user may edit."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from pathlib import Path

from goeswith.data.catalogue import GROUPS
from goeswith.errors import DataError

FILE = "mapping.toml"
HEAD = """\
# How the export is read: edit this, then run goeswith import with --update.
# Lines of [columns] with # in front are what was recognised; take the # away to name another column.
"""


@dataclass(frozen=True)
class Mapping:
    """columns: our field → column of the export. groups: category → group. options: of the layout, as text."""

    layout: str
    columns: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)


def write_mapping(path: Path, mapping: Mapping, recognised: Map[str, str]) -> None:
    """Write a mapping as TOML. recognised: our field → column of the export, of those that nobody chose."""
    seen = {name: header for name, header in recognised.items() if name not in mapping.columns}
    lines = [f"{HEAD}\nlayout = {_text(mapping.layout)}", '\n[columns]  # field = "column of the export"']
    lines += _entries(mapping.columns) + [f"# {entry}" for entry in _entries(seen)]
    lines += ['\n[groups]  # "category" = "group"', *_entries(mapping.groups)]
    lines += ["\n[options]", *_entries(mapping.options)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _entries(texts: Map[str, str]) -> list[str]:
    return [
        f"{name if name.isidentifier() and name.isascii() else _text(name)} = {_text(text)}"
        for name, text in texts.items()
    ]


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def read_mapping(path: Path) -> Mapping:
    """Read what `write_mapping` wrote and a person may have edited.

    Raises:
        DataError: it is missing, is no TOML, or says something that no mapping does.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"cannot read {path} ({error}); correct it, or remove it to read the export again") from None
    tables = {name: document.get(name, {}) for name in ("columns", "groups", "options")}
    unknown = sorted(document.keys() - tables.keys() - {"layout"})
    if unknown:
        raise DataError(f"{path} has {unknown[0]!r}, which no mapping has; it has layout, {', '.join(tables)}")
    for name, table in tables.items():
        if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
            raise DataError(f'{path}: [{name}] is not made of lines like name = "text"; correct it')
    invalid = [category for category, group in tables["groups"].items() if group not in GROUPS]
    if invalid:
        raise DataError(f"{path}: {invalid[0]!r} has an unknown group; groups are {', '.join(GROUPS)}")
    return Mapping(str(document.get("layout", "")), **tables)
