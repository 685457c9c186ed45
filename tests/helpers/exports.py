"""Exports of one shop in the column sets that shop systems write, from a few products or a thousand.

``python tests/helpers/exports.py FOLDER [PRODUCTS]`` writes them all.
"""

import csv
import json
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

SITE = "https://shop.example"
HEADERS = tomllib.loads((Path(__file__).parents[1] / "feeds" / "headers.toml").read_text())
NEWER = {
    "Handle": "URL handle",
    "Body (HTML)": "Description",
    "Product Category": "Product category",
    "Published": "Published on online store",
    "Variant SKU": "SKU",
    "Variant Price": "Price",
    "Variant Compare At Price": "Compare-at price",
    "Variant Inventory Tracker": "Inventory tracker",
    "Variant Inventory Qty": "Inventory quantity",
    "Variant Inventory Policy": "Continue selling when out of stock",
    "Image Src": "Product image URL",
    "Image Position": "Image position",
    "Variant Image": "Variant image URL",
    "Google Shopping / Age Group": "Google Shopping / Age group",
    **{f"Option{n} {column.title()}": f"Option{n} {column}" for n in (1, 2) for column in ("name", "value")},
}


@dataclass(frozen=True)
class Variant:
    sku: str
    colour: str
    size: str
    price: float
    quantity: int
    sale: float | None = None


@dataclass(frozen=True)
class Product:
    handle: str
    title: str
    kind: str  # what the shop calls it
    taxonomy: str  # Google's path
    variants: tuple[Variant, ...]
    body: str = "<p>Made to last.</p>"
    brand: str = "Kestrel"
    gender: str = "female"
    material: str = ""
    shown: bool = True

    def picture(self, colour: str) -> str:
        return f"{SITE}/cdn/{self.handle}-{colour.lower() or 'one'}.jpg"

    @property
    def colours(self) -> list[str]:
        return list(dict.fromkeys(variant.colour for variant in self.variants))


CLOTHING = "Apparel & Accessories > Clothing"
SMALL = (
    Product(
        "linen-dress",
        "Linen Shirt Dress",
        "Women > Dresses",
        f"{CLOTHING} > Dresses",
        (
            Variant("LD-N-S", "Navy", "S", 89.0, 3),
            Variant("LD-N-M", "Navy", "M", 89.0, 0),
            Variant("LD-R-S", "Rust", "S", 89.0, 2, sale=59.5),
        ),
        body="<p>Cool &amp; light<br>linen.</p><script>track()</script>",
        material="linen",
    ),
    Product(
        "classic-tee",
        "Classic Tee",
        "Men > T-Shirts",
        f"{CLOTHING} > Shirts & Tops",
        (Variant("CT-W-S", "White", "S", 15.0, 7), Variant("CT-W-L", "White", "L", 17.0, 5)),
        brand="Tilde",
        gender="male",
    ),
    Product(
        "suede-boots",
        "Suede Boots",
        "",
        "Apparel & Accessories > Shoes",
        (Variant("SB-38", "", "38", 140.0, 0), Variant("SB-39", "", "39", 140.0, 0)),
    ),
    Product("leather-belt", "Leather Belt", "Sale", "", (Variant("LB-1", "", "", 29.9, 4),)),
    Product(
        "old-coat",
        "Old Coat",
        "Coats",
        f"{CLOTHING} > Outerwear > Coats & Jackets",
        (Variant("OC", "", "", 9, 1),),
        shown=False,
    ),
)
"""Items: two dresses, a tee in two sizes, sold-out boots without a type, a belt in "Sale"; and a draft."""
KINDS = {
    "Dresses": f"{CLOTHING} > Dresses",
    "Shirts": f"{CLOTHING} > Shirts & Tops",
    "Trousers": f"{CLOTHING} > Pants",
    "Coats": f"{CLOTHING} > Outerwear > Coats & Jackets",
    "Boots": "Apparel & Accessories > Shoes",
    "Bags": "Apparel & Accessories > Handbags, Wallets & Cases > Handbags",
    "Scarves": f"{CLOTHING} Accessories > Scarves & Shawls",
}
SINGLE = dict(zip(KINDS, ("Dress", "Shirt", "Trousers", "Coat", "Boots", "Bag", "Scarf"), strict=True))
COLOURS = ("Black", "Navy", "Rust", "Sage", "Ivory")


def products(items: int, seed: int = 0) -> list[Product]:
    """Products that come to so many items, most of them in two colours and three sizes."""
    chance = np.random.default_rng(seed)
    made: list[Product] = []
    while items > 0:
        kind = str(chance.choice([*KINDS]))
        colours = [str(colour) for colour in chance.permutation(COLOURS)[: min(items, int(chance.integers(1, 4)))]]
        number, price = len(made), float(chance.integers(20, 200))
        variants = tuple(
            Variant(f"S{number}-{colour}-{size}", colour, size, price, int(chance.integers(0, 5)))
            for colour in colours
            for size in ("S", "M", "L")
        )
        made.append(
            Product(
                f"{kind.lower()}-{number}", f"{SINGLE[kind]} No. {number}", f"Women > {kind}", KINDS[kind], variants
            )
        )
        items -= len(colours)
    return made


def orders(shop: list[Product], count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Lines of order and SKU: a piece of each of three kinds, all of one colour where there is one; and a stranger."""
    chance = np.random.default_rng(seed)
    by_colour = {c: [v.sku for p in shop for v in p.variants if v.colour == c] for c in COLOURS}
    lines = []
    for number in range(count):
        pool = by_colour[str(chance.choice(COLOURS))]
        lines += [(f"#{1000 + number}", str(sku)) for sku in chance.choice(pool[: 3 * 12], 4)]
    return [*lines, ("#1000", "gone")]


def write_rows(path: Path, header: list[str], rows: list[dict[str, object]], delimiter: str = ",") -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def shopify(shop: list[Product], path: Path, since_2024: bool = False) -> Path:
    rows = []
    for product in shop:
        for number, variant in enumerate(product.variants):
            coloured, sized = bool(variant.colour), bool(variant.size)
            names = ["Color"] * coloured + ["Size"] * sized or ["Title"]
            values = [variant.colour] * coloured + [variant.size] * sized or ["Default Title"]
            row: dict[str, object] = {
                "Handle": product.handle,
                **{f"Option{index} Value": value for index, value in enumerate(values, start=1)},
                "Variant SKU": variant.sku,
                "Variant Inventory Tracker": "shopify",
                "Variant Inventory Qty": variant.quantity,
                "Variant Inventory Policy": "FALSE" if since_2024 else "deny",
                "Variant Price": variant.sale or variant.price,
                "Variant Compare At Price": variant.price if variant.sale else "",
                "Variant Image": product.picture(variant.colour) if coloured else "",
            }
            if number == 0:
                row |= {
                    "Title": product.title,
                    "Body (HTML)": product.body,
                    "Vendor": product.brand,
                    "Product Category": product.taxonomy,
                    "Type": product.kind.rpartition(" > ")[2],
                    "Published": "true",
                    **{f"Option{index} Name": name for index, name in enumerate(names, start=1)},
                    "Google Shopping / Gender": product.gender,
                    "Google Shopping / Age Group": "adult",
                    "Image Src": product.picture(product.colours[0]),
                    "Image Position": 1,
                    "Status": "active" if product.shown else "draft",
                }
            rows.append(row)
        rows.append(
            {"Handle": product.handle, "Image Src": f"{SITE}/cdn/{product.handle}-back.jpg", "Image Position": 2}
        )
    if since_2024:
        rows = [{NEWER.get(name, name): value for name, value in row.items()} for row in rows]
    return write_rows(path, HEADERS["shopify-since-2024" if since_2024 else "shopify"], rows)


def feed_rows(shop: list[Product]) -> list[dict[str, object]]:
    return [
        {
            "id": variant.sku,
            "title": f"{product.title}",
            "description": product.body,
            "link": f"{SITE}/products/{product.handle}?variant={variant.sku}",
            "image_link": product.picture(variant.colour),
            "additional_image_link": f"{SITE}/cdn/{product.handle}-back.jpg",
            "availability": "in_stock" if variant.quantity else "out_of_stock",
            "price": f"{variant.price:.2f} EUR",
            "sale_price": f"{variant.sale:.2f} EUR" if variant.sale else "",
            "google_product_category": product.taxonomy,
            "product_type": product.kind,
            "brand": product.brand,
            "condition": "new",
            "color": variant.colour,
            "material": product.material,
            "size": variant.size,
            "gender": product.gender,
            "age_group": "adult",
            "item_group_id": product.handle if len(product.variants) > 1 else "",
        }
        for product in shop
        if product.shown
        for variant in product.variants
    ]


def google(shop: list[Product], path: Path) -> Path:
    rows = feed_rows(shop)
    if path.suffix != ".xml":
        return write_rows(path, HEADERS["google"], rows, "\t" if path.suffix == ".tsv" else ",")
    items = "".join(
        "<item>"
        + "".join(f"<g:{name}>{escape(str(value))}</g:{name}>" for name, value in row.items() if value)
        + "</item>\n"
        for row in rows
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0">\n'
        f"<channel><title>Shop</title><link>{SITE}</link><description>All</description>\n{items}</channel></rss>\n",
        encoding="utf-8",
    )
    return path


def meta(shop: list[Product], path: Path) -> Path:
    stock = {variant.sku: variant.quantity for product in shop for variant in product.variants}
    words = {"in_stock": "in stock", "out_of_stock": "out of stock"}
    rows = [
        row
        | {
            "availability": words[str(row["availability"])],
            "quantity_to_sell_on_facebook": stock[str(row["id"])],
            "status": "active",
        }
        for row in feed_rows(shop)
    ]
    return write_rows(path, HEADERS["meta"], rows)


def woo(shop: list[Product], path: Path) -> Path:
    rows: list[dict[str, object]] = []
    for number, product in enumerate(shop, start=1):
        several = len(product.variants) > 1
        common: dict[str, object] = {
            "Published": 1 if product.shown else -1,
            "Visibility in catalog": "visible",
            "Tax status": "taxable",
        }
        of_product = {
            "Name": product.title,
            "Description": product.body,
            "Categories": ", ".join(filter(None, ["New in", product.kind])),
            "Images": ", ".join([product.picture(product.colours[0]), f"{SITE}/cdn/{product.handle}-back.jpg"]),
            "Brands": product.brand,
        }
        if several:
            attributes = {"Color": product.colours, "Size": [variant.size for variant in product.variants]}
            named = [(name, ", ".join(dict.fromkeys(values))) for name, values in attributes.items() if any(values)]
            columns = {
                f"Attribute {n} {column}": text
                for n, pair in enumerate(named, 1)
                for column, text in zip(("name", "value(s)"), pair, strict=True)
            }
            rows.append(
                {
                    "ID": number * 100,
                    "Type": "variable",
                    "SKU": product.handle,
                    "In stock?": 1,
                    **common,
                    **of_product,
                    **columns,
                }
            )
        for index, variant in enumerate(product.variants, start=1):
            row: dict[str, object] = {
                "ID": number * 100 + index,
                "Type": "variation" if several else "simple",
                "SKU": variant.sku,
                "In stock?": int(variant.quantity > 0),
                "Stock": variant.quantity,
                "Sale price": variant.sale or "",
                "Regular price": variant.price,
                **common,
            }
            if several:
                values = [("Color", variant.colour), ("Size", variant.size)]
                for n, (name, value) in enumerate([pair for pair in values if pair[1]], start=1):
                    row |= {f"Attribute {n} name": name, f"Attribute {n} value(s)": value}
                row |= {
                    "Name": f"{product.title} - {variant.size}",
                    "Parent": product.handle if number % 2 else f"id:{number * 100}",
                }
                row |= {"Images": product.picture(variant.colour)}
            else:
                row |= of_product
            rows.append(row)
    return write_rows(path, HEADERS["woo"], rows)


def schema_org(shop: list[Product], path: Path) -> Path:
    """One line a product: a ProductGroup with its variants where it has several."""
    lines = []
    for product in shop:
        if not product.shown:
            continue
        variants = [
            {
                "@type": "Product",
                "sku": variant.sku,
                "color": variant.colour or None,
                "size": variant.size or None,
                "image": [product.picture(variant.colour)],
                "offers": {
                    "@type": "Offer",
                    "price": variant.sale or variant.price,
                    "priceCurrency": "EUR",
                    "availability": f"https://schema.org/{'InStock' if variant.quantity else 'OutOfStock'}",
                    "url": f"{SITE}/products/{product.handle}?variant={variant.sku}",
                },
            }
            for variant in product.variants
        ]
        shared = {
            "name": product.title,
            "description": product.body,
            "brand": {"@type": "Brand", "name": product.brand},
            "category": product.kind or product.taxonomy,
            "material": product.material or None,
            "audience": {"@type": "PeopleAudience", "suggestedGender": product.gender},
        }
        if len(variants) > 1:
            lines.append(
                {
                    "@context": "https://schema.org",
                    "@type": "ProductGroup",
                    "productGroupID": product.handle,
                    **shared,
                    "hasVariant": variants,
                }
            )
        else:
            lines.append({"@context": "https://schema.org", **shared, **variants[0]})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


WRITERS: dict[str, Callable[[list[Product], Path], Path]] = {
    "shopify.csv": shopify,
    "shopify-since-2024.csv": partial(shopify, since_2024=True),
    "google.tsv": google,
    "google.xml": google,
    "meta.csv": meta,
    "woo.csv": woo,
    "schema-org.jsonl": schema_org,
}


def write_all(shop: list[Product], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, writer in WRITERS.items():
        writer(shop, folder / name)


if __name__ == "__main__":
    write_all(products(int(sys.argv[2])) if len(sys.argv) > 2 else list(SMALL), Path(sys.argv[1]))
