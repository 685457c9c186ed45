"""The whole way of a shop: its export, orders and pictures, to an index and a page of looks."""

from pathlib import Path

import exports
import numpy as np
import pytest
from PIL import Image

from goeswith.data.dataset import Dataset
from goeswith.shop import pipeline
from goeswith.shop.index import Index
from goeswith.shop.pipeline import build
from goeswith.shop.stylist import Stylist


def write_shop(folder: Path, shop: list[exports.Product]) -> Path:
    """An export with orders and sets, and pictures beside it."""
    (folder / "pictures").mkdir(parents=True)
    exports.shopify(shop, folder / "products_export.csv")
    lines = [{"Name": order, "Lineitem sku": sku} for order, sku in exports.orders(shop, 300)]
    exports.write_rows(folder / "orders.csv", ["Name", "Lineitem sku"], lines)
    chance = np.random.default_rng(0)
    for product in shop:
        for colour in product.colours:
            pixels = chance.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / Path(product.picture(colour)).name)
    return folder


@pytest.mark.slow
def test_a_shopify_export_becomes_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "usual_encoders", lambda dataset: ["words"])  # needs no weights
    source = write_shop(tmp_path / "export", exports.products(150))
    options = {"images": str(source / "pictures"), "site": exports.SITE, "currency": "EUR"}
    messages: list[str] = []
    built = build(
        source, tmp_path / "shop", options=options, settings=("epochs=3", "hidden=16", "batch_size=64"),
        say=lambda stage, line: messages.append(f"{stage}: {line}"),
    )  # fmt: skip
    dataset = Dataset(tmp_path / "shop" / "data")
    assert (dataset.info["layout"], len(dataset.catalogue), dataset.info["pictures"]) == ("shopify", 150, 150)
    assert any("150 items of" in line for line in messages)
    assert built.index.size == 150
    index = Index(tmp_path / "shop" / "index")
    dress = index.catalogue.items.filter(group="dress")["item_id"][0]
    [look, *_] = Stylist(index).complete([dress])
    items = index.catalogue.items.filter(index.catalogue.items["item_id"].is_in(look.item_ids))
    assert "shoes" in items["group"].to_list()
    assert items["link"].str.starts_with(f"{exports.SITE}/products/").all()
    assert set(items["currency"]) == {"EUR"}
    assert built.page.is_file()
