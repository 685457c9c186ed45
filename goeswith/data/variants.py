"""Variants: merges the rows of an export, one per variant, into items, one per product and colour."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field

import polars as pl

from goeswith.data.cells import about_prices, numbers, prices
from goeswith.data.garments import fold
from goeswith.data.product_words import Category, category_of, currency_of, plain_text

TEXTS = (
    "title", "description", "brand", "colour", "material", "pattern", "season", "gender", "age_group", "link",
    "image", "further_images", "gtin",
)  # fmt: skip
"""Columns that are taken over from the first variant that has them: of the colour, else of the product."""
OWN = ("colour", "gtin")
"""Of these, those that another colour cannot lend."""
FIELDS = (
    "product_id", "variant_id", *TEXTS, "category", "taxonomy", "size", "price", "sale_price", "sale_starts",
    "sale_ends", "regular_price", "currency", "quantity",
)  # fmt: skip
"""Text columns of a table of variants; `available` and `by_colour` are Boolean."""
JOINED = "; "
_BEFORE_SIZE = r"(?i)[\s/,|·–—:(\[-]+(?:(?:size|größe|gr|taille|talla|taglia|maat)[\s.:]+)?$"


@dataclass
class Variants:
    """What a layout's module makes of an export.

    table: `FIELDS` as text, null where nothing is said; `available`, Boolean; `by_colour`, Boolean: whether the product
    comes in several colours, so that its items are distinguished by colour.
    taken: field → column of the export, or words for how it was derived.
    """

    table: pl.DataFrame
    taken: dict[str, str]
    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Merged:
    """items: one row each, in the order of their first variants. item_of: id of a variant → item id."""

    items: pl.DataFrame
    item_of: dict[str, str]
    notes: list[str]


def merge(table: pl.DataFrame, *, currency: str | None = None, today: str | None = None) -> Merged:
    """Merge variants into items: text down from the product, price the lowest, stock the sum, sizes in a list.

    An item is called after its product, and after its colour too where the product is made in colours
    (``linen-dress:navy``), so that it keeps its id when another colour or size comes or goes.

    Args:
        table: see `Variants`. currency: of prices beside which none stands. today: ISO date by which sales are judged.
    """
    today = today or datetime.date.today().isoformat()
    table, notes = _priced(table, currency, today)
    table = _sold(table)
    slug = table["colour"].map_elements(_slug, return_dtype=pl.String)
    called = pl.when(pl.col("by_colour") & (slug != "")).then(pl.concat_str("product_id", pl.lit(":"), slug))
    table = table.with_columns(item_id=pl.coalesce(called, "product_id"), description=plain_text(table["description"]))
    table = table.with_columns(title=plain_text(table["title"])).with_columns(title=_without_size())
    shared = [name for name in ("category", "taxonomy", *TEXTS) if name not in OWN]
    table = table.with_columns(
        pl.coalesce(_first(name).over("item_id"), _first(name).over("product_id")).alias(name) for name in shared
    )
    cheapest = pl.col("now") == pl.col("now").min()
    items = table.group_by("item_id", maintain_order=True).agg(
        *(_first(name) for name in ("product_id", "category", "taxonomy", *TEXTS)),
        _listed("size").alias("sizes"),
        _listed("variant_id").alias("skus"),
        price=pl.col("now").min(),
        regular_price=pl.col("before").filter(cheapest.fill_null(False)).max(),
        currency=_first("currency"),
        stock=_stock(),
        variants=pl.len(),
    )
    items, more = _categorised(items)
    of = table.select("variant_id", "item_id").drop_nulls().unique(maintain_order=True)
    several = of.filter(pl.col("variant_id").is_duplicated())["variant_id"].unique(maintain_order=True)
    if len(several):
        more.append(
            f"{len(several):,} SKUs are of several items, the first is {several[0]!r}; orders mean the first item by it"
        )
    of = of.unique("variant_id", keep="first", maintain_order=True)
    columns = [name for name in items.columns if name in ("item_id", "category") or items[name].count()]
    return Merged(items.select(columns), dict(of.iter_rows()), notes + more)


def _without_size() -> pl.Expr:
    """The title without the size at its end, such as ``Linen Dress – Navy / S``, of an item in several sizes."""
    title = pl.col("title")
    bare = title.str.strip_chars_end(" )]").str.strip_suffix(pl.col("size"))
    cut = bare.str.replace(_BEFORE_SIZE, "")
    ends = (bare != title) & bare.str.contains(_BEFORE_SIZE) & (cut != "")
    several = pl.col("size").n_unique().over("item_id") > 1
    return pl.when((ends & several).fill_null(False)).then(cut).otherwise(title)


def _first(name: str) -> pl.Expr:
    return pl.col(name).drop_nulls().first()


def _listed(name: str) -> pl.Expr:
    joined = pl.col(name).drop_nulls().unique(maintain_order=True).str.join(JOINED)
    return pl.when(pl.col(name).count() > 0).then(joined)


def listed(text: str | None) -> list[str]:
    """The values that `merge` joined in one cell, such as SKUs."""
    return [part.strip() for part in (text or "").split(JOINED.strip()) if part.strip()]


def _slug(colour: str) -> str:
    return re.sub(r"[\W_]+", "-", fold(colour)).strip("-")


def _priced(table: pl.DataFrame, currency: str | None, today: str) -> tuple[pl.DataFrame, list[str]]:
    """With the price ``now`` and, where that is a sale, the one ``before``; as numbers."""
    read = {name: prices(table[name]) for name in ("price", "sale_price", "regular_price")}
    read["regular_price"] = read["regular_price"]._replace(zeros=0)  # where there is no sale, some exports write 0
    stands = currency_of(table["price"]).fill_null(currency_of(table["sale_price"]))
    signed = table["price"].str.contains("$", literal=True)
    table = table.with_columns(**{name: column.values for name, column in read.items()})
    starts, ends = _day("sale_starts"), _day("sale_ends")
    strange = (pl.col("sale_starts").is_not_null() & starts.is_null()) | (
        pl.col("sale_ends").is_not_null() & ends.is_null()
    )
    undated = int(table.select((strange & pl.col("sale_price").is_not_null()).sum()).item())
    on = (starts.is_null() | (starts <= today)) & (ends.is_null() | (ends >= today)) & ~strange
    on &= pl.col("sale_price") < pl.col("price").fill_null(float("inf"))
    table = table.with_columns(now=pl.when(on).then("sale_price").otherwise("price"))
    before = pl.max_horizontal("price", "regular_price")
    table = table.with_columns(
        before=pl.when(before > pl.col("now")).then(before),
        currency=table["currency"].fill_null(stands).fill_null(currency or "")
        if currency
        else table["currency"].fill_null(stands),
    )
    notes = about_prices(read.values())
    dollars = (table["currency"].is_null() & signed).sum()
    if dollars:
        notes.append(
            f"{dollars:,} prices have a $, which several currencies have; say which with --option currency=USD"
        )
    if undated:
        notes.append(
            f"{undated:,} sales have a date that is not written like 2026-12-31 or 31.12.2026 and do not count"
        )
    kinds = sorted(table["currency"].drop_nulls().unique().to_list())
    if len(kinds) > 1:
        notes.append(
            f"prices are in several currencies ({', '.join(kinds)}), which filters and sums do not distinguish"
        )
    return table, notes


def _day(name: str) -> pl.Expr:
    """A date as ISO writes it; null where it is written neither so nor with dots."""
    day, month, year = (pl.col(name).str.extract(r"^(\d{1,2})\.(\d{1,2})\.(\d{4})\b", part) for part in (1, 2, 3))
    dotted = pl.concat_str(year, month.str.zfill(2), day.str.zfill(2), separator="-")
    return pl.col(name).str.extract(r"^(\d{4}-\d{2}-\d{2})").fill_null(dotted)


def _sold(table: pl.DataFrame) -> pl.DataFrame:
    """With ``quantity`` as numbers from 0 up, 0 of what cannot be bought."""
    counted = numbers(table["quantity"]).clip(lower_bound=0)
    available = table["available"].fill_null(counted > 0)
    return table.with_columns(quantity=counted.set((~available).fill_null(False), 0), available=available)


def _stock() -> pl.Expr:
    """How many there are; ``in stock`` where that is not counted, ``out of stock`` likewise."""
    can = pl.col("available")
    uncounted = (can & (pl.col("quantity").is_null() | (pl.col("quantity") == 0))).any()
    total = pl.col("quantity").sum().cast(pl.Int64).cast(pl.String)
    counted = pl.col("quantity").count() == pl.len()
    stock = pl.when(uncounted).then(pl.lit("in stock")).when(counted | can.any()).then(total)
    return pl.when(can.count() == 0).then(None).otherwise(stock.otherwise(pl.lit("out of stock")))


def _categorised(items: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """With one category each, of the shop's own paths, the taxonomy's and the title."""
    categories = [
        category_of((own, taxonomy), title)
        for own, taxonomy, title in items.select("category", "taxonomy", "title").iter_rows()
    ]
    by_title = [category.name for category in categories if category.by_title]
    nameless = sum(category == Category(None) for category in categories)
    names = pl.Series("category", [category.name or "unknown" for category in categories], dtype=pl.String)
    notes = (
        [f"{len(by_title):,} items have no category that names a garment, and take it from their title"]
        if by_title
        else []
    )
    notes += [f"{nameless:,} items have no category, and no garment in their title"] if nameless else []
    return items.with_columns(names).drop("taxonomy"), notes
