"""Makes a shop to try things with: exports of all systems, orders, and a site with drawn pictures and a product page.

    python tests/feeds/make_shop.py FOLDER

FOLDER/shopify-csv, FOLDER/woo-csv and so on hold one export each beside the same orders.csv, and FOLDER/site is what a
web server shows: ``python -m http.server 9000 --directory FOLDER/site``. Equal arguments make equal files.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
import exports

from goeswith.data.sample.drawing import draw

ROOT = Path(__file__).parents[2]
DRAWN = {
    "dresses": ("day dress", "cotton"), "shirts": ("shirt", "cotton"), "trousers": ("trousers", "wool"),
    "coats": ("coat", "wool"), "boots": ("boot", "leather"), "bags": ("tote", "leather"), "scarves": ("scarf", "wool"),
}  # fmt: skip
"""Kind of product → what is drawn, and of what."""
COLOURS = {"Black": "black", "Navy": "navy", "Rust": "burgundy", "Sage": "olive", "Ivory": "cream"}
BESIDE = {
    "Black": ("Black", "Ivory", "Rust"), "Navy": ("Navy", "Ivory", "Rust"), "Rust": ("Rust", "Navy", "Ivory"),
    "Sage": ("Sage", "Ivory", "Navy"), "Ivory": ("Ivory", "Black", "Sage"),
}  # fmt: skip
"""Colour → those that its buyers wear with it."""
STYLES = 6
"""Groups of products that the same people buy."""


def kind(product: exports.Product) -> str:
    return product.handle.rpartition("-")[0]


def orders(shop: list[exports.Product], count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Lines of order and SKU: most pieces of an order are of one style and of colours that go together."""
    chance = np.random.default_rng(seed)
    stock: dict[tuple[str, str], list[list[str]]] = {}
    for product in shop:
        for colour in product.colours:
            skus = [variant.sku for variant in product.variants if variant.colour == colour]
            stock.setdefault((kind(product), colour), []).append(skus)
    lines = []
    for number in range(count):
        base, style = str(chance.choice(exports.COLOURS)), int(chance.integers(STYLES))
        kinds = ["dresses"] if chance.random() < 0.3 else ["shirts", "trousers"]
        kinds += [more for more in ("boots", "bags", "coats", "scarves") if chance.random() < 0.55]
        for each in kinds:
            colour = base if chance.random() < 0.6 else str(chance.choice(BESIDE[base]))
            offered = stock.get((each, colour), [])
            if pool := offered[style::STYLES] or offered:
                lines.append((f"#{1000 + number}", str(chance.choice(pool[int(chance.integers(len(pool)))]))))
    return lines


def make(folder: Path, items: int, site: str) -> None:
    """Write the exports, and the site whose address they name."""
    exports.SITE = site.rstrip("/")
    shop = exports.products(items)
    lines = [{"Name": order, "Lineitem sku": sku} for order, sku in orders(shop, 3 * items)]
    for name, write in exports.WRITERS.items():
        export = folder / name.replace(".", "-")
        export.mkdir(parents=True, exist_ok=True)
        write(shop, export / name)
        exports.write_rows(export / "orders.csv", ["Name", "Lineitem sku"], lines)
    pictures = folder / "site" / "cdn"
    pictures.mkdir(parents=True, exist_ok=True)
    pieces = [(product, colour) for product in shop for colour in product.colours]
    for number, (product, colour) in enumerate(pieces):
        garment, material = DRAWN[kind(product)]
        picture = draw(garment, COLOURS[colour], "plain", material, summer=True, seed=(0, number), size=240)
        picture.save(pictures / Path(product.picture(colour)).name, quality=85)
    for page in (ROOT / "docs" / "widget").glob("product.*"):
        shutil.copyfile(page, folder / "site" / page.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make a shop to try things with.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--site", default="http://localhost:9000", help="address of FOLDER/site")
    options = parser.parse_args()
    make(options.folder, options.items, options.site)
