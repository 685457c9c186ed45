"""A data set in which rules hold that a test can look for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from goeswith.data.dataset import Dataset, Imported, create

TOPS = ("coat", "blouse", "sweater", "vest")


BOTTOMS = ("dress", "skirt", "jeans", "shorts")


Change = Callable[[pl.DataFrame], pl.DataFrame]


def world(folder: Path, change: Change = lambda items: items, outfits: int = 1500) -> Dataset:
    """Coats are worn with dresses 5 times as often as chance has it, blouses never; red tops never with red bottoms.

    Titles are the words of chance, but for "velvet", which goes with "velvet". 30 items of each category; shoes too.
    """
    random = np.random.default_rng(0)
    category = [*np.repeat([*TOPS, *BOTTOMS], 30), *["boots"] * 10]
    group = ["outer"] * 30 + ["top"] * 90 + ["dress"] * 30 + ["bottom"] * 90 + ["shoes"] * 10
    titles = [f"{random.choice(['velvet', 'usual', 'nice'])} thing{random.integers(3)}" for _ in category]
    colours = random.choice(["red", "blue", "green", "black"], len(category))
    items = pl.DataFrame(
        {
            "item_id": [f"i{row}" for row in range(250)],
            "category": category, "group": group, "title": titles, "colour": colours,
        }
    )  # fmt: skip
    velvet = np.array(["velvet" in title for title in titles])
    tops, bottoms = random.integers(0, 120, outfits * 15), random.integers(120, 240, outfits * 15)
    dress, coat, blouse = bottoms < 150, tops < 30, (tops >= 30) & (tops < 60)
    chance = np.where(coat, np.where(dress, 1.0, 0.15), np.where(dress & blouse, 0.0, 0.3))
    chance *= np.where((colours[tops] == "red") & (colours[bottoms] == "red"), 0, 0.6)
    chance *= np.where(velvet[tops] & velvet[bottoms], 1.6, 0.6)
    worn = np.flatnonzero(random.random(len(tops)) < chance)[:outfits]
    assert len(worn) == outfits
    made = pl.DataFrame(
        {
            "outfit_id": [f"o{n}" for n in range(outfits)],
            "item_ids": [[f"i{tops[w]}", f"i{bottoms[w]}", f"i{240 + w % 10}"] for w in worn],
            "split": ["train" if n % 10 < 8 else "valid" if n % 10 == 8 else "test" for n in range(outfits)],
            "source": ["a" if n % 2 else "b" for n in range(outfits)],
        }
    )
    imported = Imported(items=change(items), outfits=made, source="made", licence="none")
    return create(imported, folder / "world", layout="test")
