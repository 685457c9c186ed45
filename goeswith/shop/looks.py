"""Looks: complete looks around many items at once, spread over the catalogue, as a table to publish."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from goeswith.data.filters import Filters
from goeswith.data.products import COMPUTED
from goeswith.data.shelf import nearest
from goeswith.errors import CatalogueError, DataError
from goeswith.evaluate.reranking import SIZE
from goeswith.files import fresh_file, write_table
from goeswith.models import Searchable
from goeswith.shop.answers import Look, looks_of
from goeswith.shop.beam import Beam, differing, grow_many, in_order
from goeswith.shop.grammar import WORN
from goeswith.shop.repetition import Repetition
from goeswith.shop.stylist import Stylist
from goeswith.shop.template import Template

TOGETHER = 32
"""Anchors whose looks are searched together."""
BEAM, CANDIDATES, POOL = 8, 8, 64
"""Partial looks of an anchor, candidates tried beside each of them, and whole looks that are chosen from."""
TRIES = 3
"""Further searches around an anchor whose looks were all refused, each without what is offered often enough by then."""
FAIR = 4.0
"""So many times its even share of the looks an item may be in, by default."""
REPEATED = 0.1
"""What an item loses for the looks that it is in already: so many log odds times ln(1 + looks)."""
FEWEST = 2
"""Looks that an item may always be in."""
NAMES = ("item_id", "skus", "product_id")
"""Columns by which an item is named; a condition on one may have any of its names."""
LINKS = ("link", "url", "product_link", "product_url")
"""Columns that may hold a product's page; the first that there is counts."""


@dataclass
class Maker:
    """Makes looks around anchors, any two of which have at most one piece in common as far as the catalogue allows it.

    Where it does not, no two add the same pieces or all but one of them.

    cap: of the looks an item may be added to; None: see `FAIR`. filters, common, popularity, coherent: see
    `goeswith.shop.stylist.Stylist.complete`.
    """

    stylist: Stylist
    filters: Filters = field(default_factory=Filters)
    cap: int | None = None
    common: int = 1
    popularity: float | None = None
    coherent: bool = True

    def __post_init__(self) -> None:
        index = self.stylist.index
        if not isinstance(index.run.model, Searchable):
            raise CatalogueError(
                f"the model {index.run.title} cannot be searched with many items at once; use "
                "goeswith complete for each"
            )
        self.offered = np.zeros(int(index.shelf.products.max()) + 1, np.int64)
        self._repetition = Repetition()
        # Row of an anchor → what each of its looks adds, a dress or separates.
        self._around_one: dict[int, list[set[int]]] = defaultdict(list)

    def looks(
        self, anchors: np.ndarray, per: int, progress: Callable[[int, int], None] | None = None
    ) -> dict[int, list[Look]]:
        """Up to `per` looks around each anchor, by its row; none where nothing makes a look with it."""
        made: dict[int, list[Look]] = {int(row): [] for row in anchors}
        caps = self._caps(len(anchors) * per)
        jobs = self._jobs(anchors, per)
        total, done = sum(len(rows) for _, rows, _ in jobs), 0
        for slots, rows, count in jobs:
            for start in range(0, len(rows), TOGETHER):
                part = rows[start : start + TOGETHER]
                for row, look in self._around(part, slots, count, caps):
                    made[row].append(look)
                done += len(part)
                if progress:
                    progress(done, total)
        return made

    def _caps(self, looks: int) -> np.ndarray:
        """(P,) looks that each product may be in: `cap`, or its even share of its group's, `FAIR` times."""
        index = self.stylist.index
        products = index.shelf.products[: index.size]
        if self.cap is not None:
            return np.full(len(self.offered), self.cap)
        groups = index.shelf.codes("group")[0][: index.size]
        able = index.known & self.filters.rows(index.catalogue)[: index.size]
        sizes = np.bincount(groups[able] + 1, minlength=groups.max(initial=0) + 2)
        shares = np.maximum(np.ceil(FAIR * looks / np.maximum(sizes[groups + 1], 1)), FEWEST).astype(np.int64)
        caps = np.full(len(self.offered), FEWEST)
        np.maximum.at(caps, products, shares)
        return caps

    def _jobs(self, anchors: np.ndarray, per: int) -> list[tuple[tuple[str, ...], np.ndarray, int]]:
        """Slots, anchors (m,) of one category, season and gender that lack them, and how many looks of each."""
        index, assortment = self.stylist.index, self.stylist.assortment
        seasons, genders = (index.shelf.codes(column)[0] for column in ("season", "gender"))
        together: dict[tuple[Any, ...], list[int]] = {}
        for row in anchors.tolist():
            try:
                choices = assortment.whole(np.array([row]), per)
            except CatalogueError:  # such as a dress with all it needs: no look is made around it
                continue
            for slots, count in choices:
                key = tuple(slots), count, int(index.kinds[row]), int(seasons[row]), int(genders[row])
                together.setdefault(key, []).append(row)
        return [(key[0], np.array(rows), key[1]) for key, rows in together.items()]

    def _around(
        self, rows: np.ndarray, slots: Sequence[str], count: int, caps: np.ndarray
    ) -> Iterator[tuple[int, Look]]:
        """Looks around anchors (m,) of one category, season and gender that lack the same."""
        index = self.stylist.index
        products = index.shelf.products
        options: dict[str, Any] = {"coherent": self.coherent, "popularity": self.popularity}
        try:
            template, notes = self.stylist.assortment.template(rows[:1], slots, self.filters, None, **options)
        except CatalogueError:  # nothing fits, which the count of looks will show
            return
        chosen: list[list[np.ndarray]] = [[] for _ in rows]
        refused: dict[int, np.ndarray] = {}
        for _ in range(count + TRIES):
            open_ = [anchor for anchor, looks in enumerate(chosen) if len(looks) < count]
            remaining = self._within(template, caps)
            if not open_ or remaining is None:
                break
            used = [set[int]().union(*self._around_one[int(rows[anchor])]) for anchor in open_]
            avoided = [products[refused[anchor][:1].ravel()] if anchor in refused else () for anchor in open_]
            banned = _padded([np.array([*mine, *others], np.int64) for mine, others in zip(used, avoided, strict=True)])
            beams = grow_many(index, remaining, rows[open_], BEAM, CANDIDATES, POOL, banned)
            for at, anchor in enumerate(open_):
                mine = beams.owner == at
                looks = self._in_order(remaining, Beam(beams.items[mine], beams.scores[mine]))[:, 1:]
                if self._choose(chosen[anchor], int(rows[anchor]), looks, count, caps, apart=True):
                    continue
                if anchor in refused:  # a search without the pieces of the best look has found nothing either
                    looks = np.concatenate([looks, refused.pop(anchor)])
                    some = self._choose(chosen[anchor], int(rows[anchor]), looks, count, caps)
                    if not some and not self._around_one[int(rows[anchor])]:  # one that is like another, but one
                        self._choose(chosen[anchor], int(rows[anchor]), looks, 1, caps, alike=True)
                elif len(looks):
                    refused[anchor] = looks
        items = [np.array([row, *look]) for row, looks in zip(rows.tolist(), chosen, strict=True) for look in looks]
        if items:
            scores = index.scorer.score(np.array(items), np.ones((len(items), len(items[0])), bool))
            for look in looks_of(index, items, scores, added=len(template.slots)):
                yield index.row_of[look.item_ids[0]], replace(look, notes=tuple(notes))

    def _in_order(self, template: Template, looks: Beam) -> np.ndarray:
        """Looks (B, n) around one anchor, best first: those that differ, in order, then the others."""
        first = differing(template.products[looks.items[:, 1:]], self.common, SIZE)
        rest = np.setdiff1d(np.arange(len(looks.items)), first)
        chosen = in_order(template, Beam(looks.items[first], looks.scores[first]))
        return np.concatenate([chosen.items, looks.items[rest]])

    def _choose(
        self, chosen: list[np.ndarray], anchor: int, looks: np.ndarray, count: int, caps: np.ndarray,
        apart: bool = False, alike: bool = False,
    ) -> int:  # fmt: skip
        """Add to the chosen looks of an anchor those of (B, s) that may be taken, until there are `count`; how many.

        apart: only looks that have at most one piece in common with each other look; else those first that have the
        fewest pairs of pieces from other looks. Looks around one anchor are distinguished by `common`, too. alike:
        whatever else they share with looks around other items, as long as none lies within another.
        """
        products = self.stylist.index.shelf.products
        before, others = len(chosen), self._around_one[anchor]
        pieces = [(int(products[anchor]), *added) for added in products[looks].tolist()]
        repeated = np.array([self._repetition.pairs(each) for each in pieces], np.int64)
        for at in np.flatnonzero(repeated == 0) if apart else np.argsort(repeated, kind="stable"):
            if len(chosen) == count:
                break
            added = np.array(pieces[at][1:])
            shared = max((len(other.intersection(pieces[at][1:])) for other in others), default=0)
            free = shared <= self.common and (self.offered[added] < caps[added]).all()
            if free and self._repetition.take(pieces[at], apart, alike):
                self.offered[added] += 1
                chosen.append(looks[at])
                others.append({*pieces[at][1:]})
        return len(chosen) - before

    def _within(self, template: Template, caps: np.ndarray) -> Template | None:
        """The template without what has been offered often enough, and with less worth of what has been offered.

        None where that leaves a slot empty.
        """
        index = self.stylist.index
        products = index.shelf.products[: index.size]
        offered = self.offered[products]
        slots = [slot[offered[slot] < caps[products[slot]]] for slot in template.slots]
        if not all(len(slot) for slot in slots):
            return None
        if index.correction is None or template.bonus is None:
            return replace(template, slots=slots)
        often = np.float32(REPEATED * index.correction.temperatures[0]) * np.log1p(offered)
        order = template.bonus if template.order is None else template.order
        return replace(template, slots=slots, bonus=template.bonus - often.astype(np.float32), order=order)


def _padded(lists: Sequence[np.ndarray]) -> np.ndarray:
    """(m, x) int64, −1 where a list is shorter than the longest."""
    padded = np.full((len(lists), max(map(len, lists))), -1)
    for row, numbers in zip(padded, lists, strict=True):
        row[: len(numbers)] = numbers
    return padded


def anchors_for(stylist: Stylist, conditions: Sequence[str], count: int | None, seed: int) -> np.ndarray:
    """Rows (m,) of the items that looks are made for: of known groups, that a look can be made around, in order.

    Args:
        conditions: such as ``group=dress``, ``category=Jeans,Skirt`` or ``item_id=linen-dress``; all must hold.
        count: how many, drawn by `seed`; None: all.

    Raises:
        CatalogueError: a condition is no condition, its column or value is unknown, or no item fulfils all.
    """
    index = stylist.index
    able = index.known.copy()
    groups, names = index.shelf.codes("group")
    able &= np.isin(groups[: index.size], [names[name] for name in WORN if name in names])
    for condition in conditions:
        name, sign, values = condition.partition("=")
        column = index.shelf.column(name) if sign else None
        if column is None:
            columns = index.catalogue.items.columns
            hint = nearest(name, columns) if sign else "write such as group=dress"
            raise CatalogueError(f"{condition!r} is not a COLUMN=VALUE of the catalogue; {hint}")
        if column in NAMES:
            named = [row for name in values.split(",") for row in index.shelf.named(name, f"the condition {condition}")]
            able &= np.isin(np.arange(index.size), named)
        else:
            able &= index.shelf.having(column, values.split(","))[: index.size]
    rows = np.flatnonzero(able)
    if not len(rows):
        raise CatalogueError(f"no look can be made around an item with {' and '.join(conditions)}; choose others")
    if count is not None and count < len(rows):
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:count])
    return rows


def table(stylist: Stylist, looks: Sequence[Look]) -> pl.DataFrame:
    """One row a piece: look, anchor, place in the look, item, what the catalogue says of it, and the look's verdict."""
    index = stylist.index
    items = index.catalogue.items
    link = next((name for name in LINKS if name in items.columns), None)
    columns = ["item_id", "group", "category", "title", "colour", "price"]
    columns += [name for name in ("currency", link, "product_id", "image") if name in items.columns]
    pieces = [
        {"look": number, "anchor": look.item_ids[0], "place": position, "item_id": item_id, "verdict": look.verdict,
         "look_price": look.price}
        for number, look in enumerate(looks, start=1) for position, item_id in enumerate(in_body_order(stylist, look))
    ]  # fmt: skip
    schema = {"look": pl.Int64, "anchor": pl.String, "place": pl.Int64, "item_id": pl.String, "verdict": pl.String,
              "look_price": pl.Float64}  # fmt: skip
    frame = pl.DataFrame(pieces, schema=schema).join(
        items.select(columns), on="item_id", how="left", maintain_order="left"
    )
    if "product_id" in columns:  # what the index made up for itself is of no use to a shop
        declared = ~pl.col("product_id").str.starts_with(COMPUTED)
        frame = frame.with_columns(pl.when(declared).then("product_id").alias("product_id"))
    return frame.select("look", "anchor", "place", *columns, "look_price", "verdict")


def in_body_order(stylist: Stylist, look: Look) -> list[str]:
    """The anchor, then the other items from the top down to the accessories."""
    shelf = stylist.index.shelf
    anchor, *others = look.item_ids
    groups = shelf.values("group", shelf.rows(others)) if others else []
    order = {group: rank for rank, group in enumerate(WORN)}
    ranks = [order.get(group or "", len(order)) for group in groups]
    return [anchor, *(others[at] for at in np.argsort(ranks, kind="stable").tolist())]


def write(frame: pl.DataFrame, out: Path) -> None:
    """Write a `table` as CSV, or as JSON with one object a look.

    Raises:
        DataError: the file's name ends otherwise.
    """
    kind = out.suffix.lower()
    if kind == ".csv":
        write_table(frame, out)
        return
    if kind != ".json":
        raise DataError(f"{out} is neither .csv nor .json; name a file of one of these types")
    shared = ["look", "anchor", "look_price", "verdict"]
    looks = []
    for piece in frame.to_dicts():
        if piece["place"] == 0:
            looks.append({name: piece[name] for name in shared} | {"items": []})
        looks[-1]["items"].append({name: value for name, value in piece.items() if name not in (*shared, "place")})
    with fresh_file(out) as partial:
        text = json.dumps(looks, indent=1, ensure_ascii=False, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def spread_of(stylist: Stylist, looks: Sequence[Look]) -> str:
    """How looks are spread over the catalogue, in a sentence."""
    added = [item_id for look in looks for item_id in look.added]
    if not added:
        return "no look was made"
    ids, counts = np.unique(added, return_counts=True)
    most, name = int(counts.max()), ids[counts.argmax()]
    size = stylist.index.size
    return f"{len(looks):,} looks use {len(ids):,} of {size:,} items; the most frequent, {name}, is in {most}"
