"""Click report: clicks and baskets by model and by look, beside random looks, and who won an interleaving."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from goeswith.evaluate.clicks import Gap, Rate, Wins, gap, rate, wins
from goeswith.studio.storefront.page_looks import RANDOM
from goeswith.studio.storefront.trial import COMPARE, CONTROL

MOST = 50
"""Looks and sources that are listed: the ones that were shown most often."""


@dataclass(frozen=True)
class Row:
    """What came of the looks of a source, or of one look on the page of an item (else empty)."""

    name: str
    item: str
    click: Rate
    basket: Rate


@dataclass(frozen=True)
class Gain:
    """How much better a model does than random looks, in the same trial."""

    name: str
    click: Gap
    basket: Gap


@dataclass(frozen=True)
class Contest:
    """Two models whose looks were interleaved, and the sessions that each won by clicks."""

    first: str
    second: str
    wins: Wins


@dataclass(frozen=True)
class Report:
    """All of it. sessions, shown: how many there were. unseen: clicks and baskets of looks that were not shown."""

    sessions: int
    shown: int
    unseen: int
    sources: tuple[Row, ...]
    looks: tuple[Row, ...]
    beside: tuple[Gain, ...]
    contest: Contest | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def report(frame: pl.DataFrame) -> Report:
    """What happened to what was shown, see `goeswith.studio.storefront.events.Events.shown`."""
    shown = frame.filter("shown")
    return Report(
        sessions=shown["session"].n_unique(),
        shown=len(shown),
        unseen=len(frame) - len(shown),
        sources=_rows(shown, "source", pl.lit("")),
        looks=_rows(shown, "look", pl.col("item")),
        beside=_beside(shown.filter(pl.col("trial") == CONTROL)),
        contest=_contest(shown.filter(pl.col("trial") == COMPARE)),
    )


def _rows(shown: pl.DataFrame, name: str, item: pl.Expr) -> tuple[Row, ...]:
    counted = shown.group_by(pl.col(name).alias("name"), item.alias("of")).agg(
        pl.len(), pl.col("clicked", "basket").sum()
    )
    most = counted.sort("len", "name", "of", descending=[True, False, False]).head(MOST)
    return tuple(
        Row(name, item, rate(clicked, number), rate(basket, number))
        for name, item, number, clicked, basket in most.select("name", "of", "len", "clicked", "basket").iter_rows()
    )


def _beside(shown: pl.DataFrame) -> tuple[Gain, ...]:
    """Each source beside random looks, the one that was shown most often first."""
    names = shown.filter(pl.col("source") != RANDOM)["source"].value_counts().sort("count", "source", descending=True)
    compared = []
    for name in names["source"].head(MOST):
        both = shown.filter(pl.col("source").is_in([name, RANDOM]))
        click, basket = (gap(_counts(both, name, column).to_numpy()) for column in ("clicked", "basket"))
        if click is not None and basket is not None:
            compared.append(Gain(name, click, basket))
    return tuple(compared)


def _counts(shown: pl.DataFrame, name: str, column: str) -> pl.DataFrame:
    """(S, 4) by session: what happened and what was shown of a source, and then of random looks."""
    arms = [(pl.col("source") == name), (pl.col("source") == RANDOM)]
    sums = [
        counted.sum().alias(f"{at}{suffix}")
        for at, arm in enumerate(arms)
        for suffix, counted in (("did", arm & pl.col(column)), ("shown", arm))
    ]
    return shown.group_by("session").agg(sums).sort("session").drop("session")


def _contest(shown: pl.DataFrame) -> Contest | None:
    """The two models that were shown most often, by the clicks of each session."""
    names = (
        shown["source"]
        .value_counts()
        .sort("count", "source", descending=[True, False])["source"]
        .head(2)
        .sort()
        .to_list()
    )
    if len(names) < 2:
        return None
    clicks = [((pl.col("source") == name) & pl.col("clicked")).sum().alias(name) for name in names]
    counted = wins(shown.group_by("session").agg(clicks).sort("session").select(names).to_numpy())
    return None if counted is None else Contest(names[0], names[1], counted)
