"""Baskets: outfits derived from what shops have: orders, wish lists, and "worn with" lists of product pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from goeswith.data.cells import ids
from goeswith.data.columns import missing_columns
from goeswith.data.readers.headers import key
from goeswith.errors import DataError
from goeswith.sheets import ENDINGS, Sheet, read_sheet, sheets_named

BASKET = (
    "outfit_id set_id look_id order_id order order_number order_name basket_id basket cart_id transaction_id "
    "wishlist_id wish_list_id list_id customer_id user_id name id"
)
ITEM = (
    "item_id sku lineitem_sku line_item_sku product_sku variant_sku item variant_id product_id product handle "
    "article id"
)
WORN_WITH = "worn_with goes_with wear_with complete_the_look item_ids items skus related_products cross_sells related"
"""Headers as `goeswith.data.readers.headers.key` writes them, the first that is there counts."""
SEPARATORS = r"[;,|\s]+"
LARGEST = 30
"""Distinct items of a basket; more are a reseller's, and the pairs of one grow with their square."""
CONFIDENCE = 1.0
"""Times that a pair counts as bought together by chance alone, see `excess`: rare pairs weigh little."""
BESIDE = ("orders", "wishes", "sets")
"""Tables of a folder, as CSV, that outfits are taken from."""
BOUGHT = ("orders", "wishes")
"""Those of things that were bought together, which is not to say that they are all of an outfit."""
EXPORTED = {"orders": "orders?", "wishes": "wish(?:es|_?lists?)"}
"""How shop systems begin the names of such files: ``orders_export_1.csv``, ``order-export-2026-11-27.csv``."""
GO_ON = "or continue without with --option skip_bad=yes"
REPEATED = ("accessory",)
"""Groups of which an outfit may have several pieces."""
EMPTY: dict[str, Any] = {
    "outfit_id": pl.String, "item_ids": pl.List(pl.String), "source": pl.String, "weight": pl.Float64,
}  # fmt: skip


@dataclass
class Made:
    """outfits: outfit_id, item_ids, source, weight. skipped: reason → count. notes: sentences.

    files: those that were read.
    """

    outfits: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EMPTY))
    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def gather(
    paths: Mapping[str, Path | None], source: Path, items: pl.DataFrame, item_of: Mapping[str, str], skip_bad: bool
) -> Made:
    """Outfits from all tables there are.

    Args:
        paths: name of `BESIDE` → a table, or None for those of that purpose in the folder `source`, if any.
        items: item_id, group, and product_id if known. item_of: id of a variant → item id.
        skip_bad: continue if a table gives no outfit.

    Raises:
        DataError: a table is missing or of another form, or no outfit can be made from it.
    """
    ids_known = ids_of(items, item_of)
    groups = dict(items.select("item_id", "group").iter_rows())
    made = Made()
    for name, path in paths.items():
        tables = [path] if path is not None else _tables(source, name) if source.is_dir() else []
        if not tables:
            continue
        more = read_sets(tables[0], ids_known) if name == "sets" else read_baskets(tables, ids_known, groups, name)
        if more.outfits.is_empty() and not skip_bad:
            why = "; ".join(f"{count:,} {reason}" for reason, count in more.skipped.items() if count)
            raise DataError(f"{tables[0]}: no outfit can be made from it ({why or 'it is empty'}); correct it, {GO_ON}")
        made = Made(
            pl.concat([made.outfits, more.outfits]),
            made.skipped | more.skipped,
            made.notes + more.notes,
            [*made.files, *tables],
        )
    return made


def _tables(folder: Path, name: str) -> list[Path]:
    """The tables of a folder with one purpose: orders.csv, else all that are called as shop systems do.

    Raises:
        DataError: the name is there with several endings.
    """
    exact = sheets_named(folder, name)
    if len(exact) > 1:
        raise DataError(
            f"{folder} has both {exact[0].name} and {exact[1].name}; choose with --option {name}={exact[0]}"
        )
    if exact or name not in EXPORTED:
        return exact
    tables = [path for path in sorted(folder.iterdir()) if path.name.lower().endswith(ENDINGS) and path.is_file()]
    called = re.compile(rf"{EXPORTED[name]}(?:[^a-z].*)?")
    named = [path for path in tables if called.fullmatch(path.name.partition(".")[0].lower())]
    return [path for path in named if None not in _line_columns(read_sheet(path, quiet=True)).values()]


def ids_of(items: pl.DataFrame, item_of: Mapping[str, str]) -> dict[str, str]:
    """What lists may call an item → item id: its own, a variant's, or its product's where that has no other item."""
    products: dict[str, str] = {}
    if "product_id" in items.columns:
        alone = items.filter(~pl.col("product_id").is_duplicated() & pl.col("product_id").is_not_null())
        products = dict(alone.select(pl.col("product_id").cast(pl.String), "item_id").iter_rows())
    return products | dict(item_of) | {item_id: item_id for item_id in items["item_id"]}


def read_baskets(paths: Sequence[Path], item_of: Mapping[str, str], group_of: Mapping[str, str], source: str) -> Made:
    """Outfits from orders or wish lists: of each, the pieces that are bought together more often than by chance.

    Args:
        paths: one table or its parts, a row a line: the basket's id and the item's (or the variant's, see `item_of`).
        item_of: id that lines may name → item id. group_of: item id → group. source: of the outfits, such as "orders".

    Raises:
        DataError: a file is no such table.
    """
    sheets = {path: read_sheet(path, quiet=True) for path in paths}
    parts = {path: _lines(path, sheet) for path, sheet in sheets.items()}
    lines = pl.concat(parts.values())
    matched = lines.with_columns(pl.col("item_id").replace_strict(item_of, default=None, return_dtype=pl.String))
    matched = matched.drop_nulls().unique(maintain_order=True)
    sizes = pl.len().over("basket")
    fit = matched.filter(sizes <= LARGEST)
    made = outfits_of(fit, group_of, source)
    unknown = {path: int((~part["item_id"].is_in([*item_of])).sum()) for path, part in parts.items()}
    large = matched["basket"].n_unique() - fit["basket"].n_unique()
    files = ", ".join(path.name for path in paths)
    made.skipped = (
        {f"{path.name}: lines whose item the catalogue does not have": count for path, count in unknown.items()}
        | {f"{files}: baskets of more than {LARGEST} items": large}
        | made.skipped
    )
    made.notes = [*(note for sheet in sheets.values() for note in sheet.notes), *made.notes]
    return made


def outfits_of(lines: pl.DataFrame, group_of: Mapping[str, str], source: str) -> Made:
    """At most one outfit a basket: its best pair, and whatever more goes with all that is in it.

    Its weight in training is 1 − exp(−mean excess of its pairs), in (0, 1): the share of their meetings that is beyond
    chance. What somebody put together on purpose has weight 1.

    Args:
        lines: basket, item_id; each once. group_of: item id → group; of "other" nothing is taken.
    """
    pairs = excess(lines, group_of)
    good = pairs.filter(pl.col("excess") > 0)
    pairs_good = _pairs(lines).join(good.select("one", "other", "excess"), on=["one", "other"], maintain_order="left")
    outfits = _grown(pairs_good)
    outfits = outfits.select(
        pl.concat_str(pl.lit(f"{source}-"), pl.col("basket").cast(pl.String)).alias("outfit_id"), "item_ids", "excess"
    )
    outfits = outfits.sort("excess", descending=True, maintain_order=True)
    outfits = outfits.with_columns(source=pl.lit(source), weight=1 - (-pl.col("excess")).exp())
    baskets = lines["basket"].n_unique()
    notes = [
        f"{source}: {len(outfits):,} outfits from {baskets:,} baskets; two items go together if they are bought "
        f"together more often than by chance, as {len(good):,} of {len(pairs):,} pairs are"
    ]
    skipped = {f"{source}: baskets in which no two items go together": baskets - len(outfits)}
    return Made(outfits.select(*EMPTY), skipped, notes)


def excess(lines: pl.DataFrame, group_of: Mapping[str, str]) -> pl.DataFrame:
    """Pairs of items that can be worn together (one, other, together, expected) and by how far they exceed chance.

    Excess is ln((together + 1) / (expected + 1)): 0 where two items stand together as often as their popularity alone
    has it, and near 0 for what was bought together once. The 1 is `CONFIDENCE`.
    """
    counts = lines.group_by("item_id").len("count")
    together = _pairs(lines).group_by("one", "other", maintain_order=True).len("together")
    for name in ("one", "other"):
        together = together.join(counts.rename({"item_id": name, "count": f"n_{name}"}), on=name, maintain_order="left")
        kinds = pl.col(name).replace_strict(group_of, default="other", return_dtype=pl.String)
        together = together.with_columns(kinds.alias(f"group_{name}"))
    same = (pl.col("group_one") == pl.col("group_other")) & ~pl.col("group_one").is_in(REPEATED)
    worn = (pl.col("group_one") != "other") & (pl.col("group_other") != "other")
    expected = pl.col("n_one") * pl.col("n_other") / lines["basket"].n_unique()
    ratio = (pl.col("together") + CONFIDENCE) / (pl.col("expected") + CONFIDENCE)
    pairs = together.filter(worn & ~same).with_columns(expected=expected).with_columns(excess=ratio.log())
    return pairs.select("one", "other", "together", "expected", "excess")


def _pairs(lines: pl.DataFrame) -> pl.DataFrame:
    both = lines.rename({"item_id": "one"}).join(lines.rename({"item_id": "other"}), on="basket", maintain_order="left")
    return both.filter(pl.col("one") < pl.col("other"))


def _grown(pairs: pl.DataFrame) -> pl.DataFrame:
    """Of each basket its best pair, and item after item that exceeds chance with each that is in.

    All baskets take a step at once. Of equal means the item that is last by name is taken.

    Args:
        pairs: basket, one, other, excess > 0.

    Returns:
        basket, item_ids in the order in which they came, excess: the mean of their pairs.
    """
    ranked = pairs.sort("excess", "one", "other", descending=[True, False, False])
    best = pairs.select("basket").unique(maintain_order=True)
    best = best.join(ranked.unique("basket", keep="first"), on="basket", maintain_order="left")
    first = best.select("basket", pl.concat_list("one", "other").alias("item_id")).explode("item_id")
    worn, total = [first], best.select("basket", "excess")
    both = pl.concat([pairs, pairs.select("basket", one="other", other="one", excess="excess")])
    both = _open(both, first)
    with_worn, newest = pl.DataFrame(schema=both.schema), first
    while True:  # each pair of a worn item and one that is not, the worn one as `other`
        newly = both.join(newest, left_on=["basket", "other"], right_on=["basket", "item_id"], maintain_order="left")
        with_worn = pl.concat([with_worn, newly])
        candidates = with_worn.group_by("basket", "one", maintain_order=True)
        fitting = candidates.agg(pl.len().alias("fits"), pl.col("excess").sum())
        size = len(worn) + 1
        fitting = fitting.filter(pl.col("fits") == size).sort(pl.col("excess").round(12), "one")
        chosen = fitting.unique("basket", keep="last", maintain_order=True)
        if chosen.is_empty():
            break
        newest = chosen.select("basket", item_id="one")
        worn.append(newest)
        total = pl.concat([total, chosen.select("basket", "excess")])
        both, with_worn = _open(both, newest), _open(with_worn, newest)
    items = pl.concat(worn).group_by("basket", maintain_order=True).agg(item_ids="item_id")
    count = pl.col("item_ids").list.len()
    sums = total.group_by("basket", maintain_order=True).agg(pl.col("excess").sum())
    grown = items.join(sums, on="basket", maintain_order="left")
    return grown.with_columns(excess=pl.col("excess") / (count * (count - 1) / 2))


def _open(pairs: pl.DataFrame, worn: pl.DataFrame) -> pl.DataFrame:
    """Pairs of the baskets that `worn` was just added to, but not those with it as `one`; other baskets are whole."""
    still = pairs.join(worn, on="basket", how="semi")
    return still.join(worn, left_on=["basket", "one"], right_on=["basket", "item_id"], how="anti")


def read_sets(path: Path, item_of: Mapping[str, str]) -> Made:
    """Outfits from lists that somebody wrote: an item and what is worn with it, or a set's id and its items.

    Args:
        path: ``sku,worn_with`` (ids between ``;``, commas or blanks), or ``set_id`` and ``sku`` (one row per item).
        item_of: id that lists may name → item id; ids it does not have are dropped and counted.

    Raises:
        DataError: the file is no such table.
    """
    sheet = read_sheet(path, quiet=True)
    headers = {key(column): column for column in reversed(sheet.table.columns)}
    listed = _header(headers, WORN_WITH)
    if listed is None:
        lines = _lines(path, sheet)
    else:
        first = _header({name: column for name, column in headers.items() if column != listed}, f"{ITEM} {BASKET}")
        if first is None:
            raise DataError(missing_columns(path, ["item_id"], sheet.table.columns, "rename {header} to {column}"))
        table = sheet.table.select(basket=ids(sheet.table[first]), more=pl.col(listed).cast(pl.String))
        together = pl.concat_str(pl.col("basket"), pl.lit(";"), pl.col("more")).str.replace_all(SEPARATORS, ";")
        if first in {headers.get(name) for name in BASKET.split()} - {headers.get(name) for name in ITEM.split()}:
            together = pl.col("more").str.replace_all(SEPARATORS, ";")
        lines = table.drop_nulls().select("basket", item_id=together.str.split(";")).explode("item_id")
        lines = lines.with_columns(ids(lines["item_id"])).drop_nulls()
    matched = lines.with_columns(pl.col("item_id").replace_strict(item_of, default=None, return_dtype=pl.String))
    matched = matched.drop_nulls().unique(maintain_order=True)
    sets = matched.group_by("basket", maintain_order=True).agg(item_ids="item_id")
    whole = sets.filter(pl.col("item_ids").list.len() >= 2)
    whole = whole.filter(pl.col("item_ids").list.sort().list.join("\x1f").is_first_distinct())
    outfits = whole.select(
        pl.concat_str(pl.lit("sets-"), "basket").alias("outfit_id"),
        "item_ids",
        source=pl.lit("sets"),
        weight=pl.lit(1.0),
    )
    unknown = int((~lines["item_id"].is_in([*item_of])).sum())
    skipped = {
        f"{path.name}: items that the catalogue does not have": unknown,
        f"{path.name}: sets with fewer than two known items, and repeats": lines["basket"].n_unique() - len(whole),
    }
    return Made(outfits, skipped, [*sheet.notes, f"sets: {len(outfits):,} outfits"])


def _lines(path: Path, sheet: Sheet) -> pl.DataFrame:
    """basket, item_id of a table with a row a line."""
    columns = _line_columns(sheet)
    missing = [name for name, header in zip(("order_id", "sku"), columns.values(), strict=True) if header is None]
    if missing:
        raise DataError(missing_columns(path, missing, sheet.table.columns, "rename {header} to {column}"))
    read = [ids(sheet.table[header]).alias(name) for name, header in columns.items() if header is not None]
    return pl.DataFrame(read).drop_nulls()


def _line_columns(sheet: Sheet) -> dict[str, str | None]:
    """basket, item_id → the column of a table with a row a line; None where it has none."""
    headers = {key(column): column for column in reversed(sheet.table.columns)}
    item = _header(headers, ITEM)
    others = {name: column for name, column in headers.items() if column != item}
    return {"basket": _header(others, BASKET), "item_id": item}


def _header(headers: Mapping[str, str], names: str) -> str | None:
    return next((headers[name] for name in names.split() if name in headers), None)
