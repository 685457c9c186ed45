"""NGNN's test protocol as a data set: the published program draws wrong items while it runs, so each is drawn again.

As the program has it: a question blanks a random item of each test outfit; a wrong item is a random one of the training
outfits, of a category that is drawn first, each of them as likely; a bad outfit is made of wrong items alone, as many
as the good one has. A model there has one place for each category, so that an item that comes later takes the place of
an earlier one of its category (`Slots`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from goeswith.data.dataset import Imported
from goeswith.data.questions import SCHEMA
from goeswith.data.readers.polyvore_files import category_names, facts_of
from goeswith.files import expect_files, read_json
from goeswith.models import Scorer

TRAIN, TEST = "train_no_dup_new_100.json", "test_no_dup_new_100.json"
POOL, NAMES = "category_summarize_100.json", "category_id.txt"
WRONG = 3  # wrong candidates of a question, beside the truth

Draw = Callable[[int], list[str]]
"""How many → item ids."""


@dataclass(frozen=True)
class Slots:
    """A scorer that has one place for each category, as NGNN's published program has. categories: (U,) int64 codes."""

    floor: Scorer
    categories: np.ndarray

    @property
    def name(self) -> str:
        return self.floor.name

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,) of outfits, items and mask (B, n), without the items whose category comes again later."""
        codes = self.categories[items]
        later = np.triu(np.ones((items.shape[1],) * 2, bool), 1)
        again = (codes[:, :, None] == codes[:, None, :]) & mask[:, None, :] & later  # (B, n, n)
        return self.floor.score(items, mask & ~again.any(2))


def is_here(source: Path) -> bool:
    """Whether the folder has the files of the protocol."""
    return all((source / name).is_file() for name in (TRAIN, TEST, POOL))


def read(source: Path, seed: int = 0) -> Imported:
    """Outfits of the two files, and the protocol's questions drawn from `seed`.

    ``released`` questions are the program's; of ``frequency`` ones the wrong items are as likely as each other, so that
    a category is drawn as often as it is worn.
    """
    expect_files(source, "polyvore-maryland", [TRAIN, TEST, POOL])
    facts = pl.concat([facts_of(source / TRAIN), facts_of(source / TEST)])
    names = category_names(source / NAMES if (source / NAMES).is_file() else None)
    items = facts.select(
        "set_id", "split", item_id=pl.col("set_id") + "_" + pl.col("index").cast(pl.String),
        category=pl.col("code").replace(names) + " " + pl.col("code"),
    )  # fmt: skip
    outfits = items.group_by("set_id", maintain_order=True).agg(pl.col("split").first(), item_ids="item_id")
    outfits = outfits.rename({"set_id": "outfit_id"})
    pool = [list(category["items"]) for category in read_json(source / POOL, list)]
    test = outfits.filter(pl.col("split") == "test")
    questions: dict[str, pl.DataFrame] = {}
    for number, negatives in enumerate(("released", "frequency")):
        random = np.random.default_rng([seed, number])
        draw = uniform_category(pool, random) if negatives == "released" else uniform_item(pool, random)
        questions[f"{negatives}-test-fitb"] = blanks(test, negatives, draw, random)
        questions[f"{negatives}-test-compat"] = pairs(test, negatives, draw)
    return Imported(
        items=items.select("item_id", "category"),
        outfits=outfits,
        source="Maryland Polyvore as CRIPAC-DIG/NGNN has it, categories of 100 items or more",
        licence="none stated; research use",
        questions=questions,
    )


def uniform_category(pool: list[list[str]], random: np.random.Generator) -> Draw:
    """A category, each as likely, then one of its items."""

    def draw(count: int) -> list[str]:
        chosen = random.integers(len(pool), size=count)
        return [pool[category][random.integers(len(pool[category]))] for category in chosen]

    return draw


def uniform_item(pool: list[list[str]], random: np.random.Generator) -> Draw:
    """An item, each as likely."""
    everything = [item for category in pool for item in category]
    return lambda count: [everything[at] for at in random.integers(len(everything), size=count)]


def blanks(test: pl.DataFrame, negatives: str, draw: Draw, random: np.random.Generator) -> pl.DataFrame:
    """A question an outfit: a random item is the truth, the first candidate as in the program; the blank is last."""
    rows = []
    for outfit_id, items in test.select("outfit_id", "item_ids").iter_rows():
        blank = int(random.integers(len(items)))
        context = [item for position, item in enumerate(items) if position != blank]
        candidates = [items[blank], *draw(WRONG)]
        name = f"test-fitb-{negatives}-{outfit_id}"
        rows.append((name, "fitb", negatives, outfit_id, context, candidates, 0, len(context), None))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def pairs(test: pl.DataFrame, negatives: str, draw: Draw) -> pl.DataFrame:
    """Two labelled rows an outfit: itself, and right after it as many wrong items."""
    rows = []
    for outfit_id, items in test.select("outfit_id", "item_ids").iter_rows():
        for label, worn in ((1, items), (0, draw(len(items)))):
            name = f"test-compat-{negatives}-{outfit_id}-{label}"
            rows.append((name, "compat", negatives, outfit_id, worn, [], -1, 0, label))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
