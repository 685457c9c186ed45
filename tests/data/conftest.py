"""What several tests of data sets share: a shop, and the data set made of it."""

from pathlib import Path

import polars as pl
import pytest
from updates import IDS, LISTS, worn

from goeswith.data.dataset import Imported, create


@pytest.fixture
def shop(tmp_path: Path) -> Imported:
    """Sixty items with pictures, titles, prices and stock, sixty outfits."""
    (tmp_path / "source").mkdir()
    images = {item_id: tmp_path / "source" / f"{item_id}.png" for item_id in IDS}
    for number, path in enumerate(images.values()):
        path.write_bytes(bytes([number]) * 10)
    items = pl.DataFrame(
        {
            "item_id": IDS,
            "category": ["coat", "bag", "skirt"] * 20,
            "title": [f"title {item_id}" for item_id in IDS],
            "colour": ["red"] * 60,
            "price": [10.0] * 60,
            "stock": ["1"] * 60,
        }
    )
    return Imported(items, worn(LISTS), "a test", "none", images)


@pytest.fixture
def made(shop: Imported, tmp_path: Path) -> Path:
    return create(shop, tmp_path / "data", layout="table", name="shop", seed=5).path
