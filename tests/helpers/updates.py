"""Updates: a shop of sixty items, its nightly exports, and what an update makes of them."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from goeswith.data.dataset import Dataset, Imported
from goeswith.data.update import Updated, update

IDS = [f"i{number}" for number in range(60)]
LISTS = [[f"i{(number + step * step) % 60}" for step in range(4)] for number in range(60)]  # none near another


def worn(lists: list[list[str]], **columns: list[str]) -> pl.DataFrame:
    ids = [f"o{row}" for row in range(len(lists))]
    return pl.DataFrame({"outfit_id": ids, "item_ids": lists, **columns}, schema_overrides={"item_ids": pl.List(str)})


def without(shop: Imported, gone: set[str]) -> Imported:
    """The shop as a nightly export has it when items are sold out: their outfits are gone, too."""
    left = shop.outfits.filter(pl.col("item_ids").list.eval(pl.element().is_in(list(gone))).list.any().not_())
    images = {item_id: path for item_id, path in shop.images.items() if item_id not in gone}
    items = shop.items.filter(~pl.col("item_id").is_in(list(gone)))
    return Imported(items, left, shop.source, shop.licence, images, shop.questions)


def splits(path: Path) -> dict[tuple[str, ...], str]:
    dataset = Dataset(path)
    table = dataset.outfits.to_frame(dataset.catalogue).select("item_ids", "split")
    return {tuple(sorted(items)): split for items, split in table.iter_rows()}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def bring(shop: Imported, dest: Path, **options: Any) -> Updated:
    return update(shop, dest, layout="table", **options)


def refused(error: type[Exception], words: str, shop: Imported, dest: Path, **options: Any) -> None:
    with pytest.raises(error) as raised:
        update(shop, dest, **{"layout": "table", **options})
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
