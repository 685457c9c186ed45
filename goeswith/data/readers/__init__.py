"""Readers: one per published layout; each turns a folder as it was published into an `Imported`.

A reader is a function ``read(source, *, option=...)`` in a module of this package; of many options,
``read(source, options)`` with a dataclass of them. To add one, write the module and name it in `READERS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import polars as pl

from goeswith.errors import ConfigError, DataError

if TYPE_CHECKING:
    from goeswith.data.dataset import Imported

FEEDS = {"shopify": "shopify", "woo": "woo", "meta": "meta", "google": "google", "schema-org": "schema_org"}
"""Layout of a shop system → module that knows its columns, for `goeswith.data.readers.export`; in the order in which a
header is tried on them."""
OWN_PICTURES = ("table", *FEEDS)
"""Layouts that have a picture folder of their own."""
READERS: dict[str, str] = {
    "ccp": "ccp",
    "expfashion": "expfashion",
    "fashion-products": "fashion_products",
    "fashionstylist": "fashionstylist",
    "fashionvc": "fashionvc",
    "mango": "mango",
    "polyvore-maryland": "polyvore_maryland",
    "polyvore-outfits": "polyvore_outfits",
    "sample": "sample",
    "table": "table",
    **dict.fromkeys(FEEDS, "export"),
}
"""Layout → module of this package."""

FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read(layout: str, source: Path | None, *, workdir: Path, **options: Any) -> Imported:
    """Read a data set in one of the layouts of `READERS`.

    Args:
        layout: name of the layout.
        source: folder (or file) as published; the generated sample has none.
        workdir: empty folder for files that a reader makes itself; must live until the data set is created.
        options: the reader's own, as values or as text.

    Raises:
        ConfigError: unknown layout or option, a value of the wrong kind, or no source where one is needed.
        DataError: the source is not of that layout.
    """
    if layout not in READERS:
        raise ConfigError(f"there is no layout {layout!r}; choose one of {', '.join(READERS)}")
    if source is None and layout != "sample":
        raise ConfigError(f"layout {layout!r} needs a source folder: goeswith import {layout} SOURCE DEST")
    from goeswith.data.group_map import others
    from goeswith.data.readers.photos import inside

    reader = import_module(f"goeswith.data.readers.{READERS[layout]}").read
    kinds, options_class = _kinds(reader)
    own_arguments = {"workdir": workdir, "layout": layout}
    accepted = [name for name in kinds if name not in own_arguments]
    chosen: dict[str, Any] = {}
    for option, value in options.items():
        name = option.replace("-", "_")
        if name not in accepted:
            have = ", ".join(accepted) or "none"
            raise ConfigError(f"layout {layout!r} has no option {option!r}; its options are: {have}")
        if name in chosen:
            raise ConfigError(f"option {name!r} of layout {layout!r} is given twice; give it once")
        chosen[name] = _value(value, kinds[name], f"option {option!r} of layout {layout!r}")
    if options_class is not None:
        chosen = {"options": options_class(**chosen)}
    try:
        imported: Imported = reader(source, **{n: own for n, own in own_arguments.items() if n in kinds}, **chosen)
    except pl.exceptions.PolarsError as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"a file in {source} does not match layout {layout!r}: {reason}") from None
    if source is not None and layout not in OWN_PICTURES:
        imported.images, left_out = inside(imported.images, source)
        imported.skipped |= left_out
    imported.notes += others(imported.items)
    return imported


def _kinds(reader: Callable[..., Imported]) -> tuple[dict[str, Any], type | None]:
    """The keyword arguments of a reader and the fields of its dataclass of options, each with its type; that class."""
    kinds = get_type_hints(reader)
    keywords = [name for name, each in inspect.signature(reader).parameters.items() if each.kind is each.KEYWORD_ONLY]
    options_class = kinds.get("options")
    fields = get_type_hints(options_class) if options_class else {}
    return fields | {name: kinds[name] for name in keywords}, options_class


def _value(value: Any, kind: Any, where: str) -> Any:
    """An option that came as text, as the type its reader asks for."""
    kind = next((part for part in get_args(kind) if part is not type(None)), kind)  # the X of X | None
    if not isinstance(value, str) or kind is str:
        return value
    if kind is bool:
        if value.lower() not in FLAGS:
            raise ConfigError(f"{where} must be yes or no, not {value!r}")
        return FLAGS[value.lower()]
    if kind not in (int, float, Path):
        raise ConfigError(f"{where} cannot be given as text")
    try:
        return kind(value)
    except ValueError:
        raise ConfigError(f"{where} must be a number, not {value!r}") from None
