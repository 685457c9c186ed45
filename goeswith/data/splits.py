"""Splits: published splits are kept, the rest is drawn by near-duplicate group; leaks into test are reported."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from goeswith.data.outfits import SPLITS, Outfits

NEAR = 0.8
"""Two outfits are near-duplicates when one of them shares at least this part of its items with the other."""

NAMES = np.array(SPLITS, dtype=object)

PRODUCTS = 1 << 23  # item meetings looked at in one go: bounds the memory of `contained_pairs`


def assign_splits(
    outfits: Outfits, seed: int, ratios: tuple[int, int, int] = (7, 1, 2), known_outfits: Outfits | None = None
) -> tuple[Outfits, dict[str, Any]]:
    """Give every outfit a split, and say how much of the test outfits training has seen.

    Each source of outfits is looked at by itself. Where the publisher gave it splits they are kept, all
    repeats included; outfits that lack one keep "" and are counted. Otherwise exact repeats (the same item
    set within the source) are dropped, and whole groups of near-duplicates are dealt out by `ratios`.

    What has a split is not drawn again: an outfit that is among the `known_outfits` keeps theirs, and one whose
    group touches outfits of one split, known or published, joins them. One whose group touches outfits of two
    splits gets none: in either it would leak into the other. What is new is dealt so that the whole source comes
    nearest to `ratios`.

    Two outfits belong together when they share ≥ 80 % of the items of the *smaller* one, directly or through
    others: then no test outfit can share ≥ 80 % of its items with a training outfit, in its own source or another.
    (Counting on the larger one would let a test outfit stand as a part of a longer training outfit.) Chains of
    near-duplicates stay short on real data: 6,245 distinct stylists' outfits (`mango`) make 5,413 groups, the
    largest of 37; 80 % of the larger would make 5,643, the largest of 27.

    Args:
        outfits: of one catalogue, of any number of sources.
        seed: decides the drawn splits.
        ratios: train : valid : test, counted in outfits.
        known_outfits: every outfit that ever had a split (see `remember`); their items may go beyond the catalogue.

    Returns:
        The outfits that stay, in their order, and a report that can be written as JSON::

            {"near": .8, "ratios": [7, 1, 2], "seed": 0, "sources": {source, or "all" where it has no name: {
                "published": did the publisher split it, "splits": outfits by split, "without_split": outfits,
                "between": how many of these are near-duplicates of outfits in two splits,
                "moved": outfits that the publisher gives another split than they had,
                "repeats": exact repeats, "repeats_removed": how many of them were dropped,
                "groups": near-duplicate groups, "largest_group": outfits,
                "test_overlap": part of the test outfits that share ≥ 80 % of their items with a training outfit,
                "test_overlap_random": the same if these outfits, repeats included, were split at random,
                "test_items_unseen": part of the distinct test items that no training outfit has,
                "test_items_unseen_random": the same if split at random}}}

        The parts are null where there is no test or no training outfit.
    """
    report: dict[str, Any] = {"near": NEAR, "ratios": list(ratios), "seed": seed, "sources": {}}
    if not len(outfits):
        return outfits, report
    known_outfits = outfits.take([]) if known_outfits is None else known_outfits
    everything = _joined(outfits, known_outfits)
    all_sets = _item_sets(everything)
    pairs = contained_pairs(everything.take(np.unique(all_sets, return_index=True)[1]))
    all_groups = _groups(pairs, int(all_sets.max()) + 1)[all_sets]
    sets, groups = all_sets[: len(outfits)], all_groups[: len(outfits)]
    names, all_sources = np.unique(everything.sources.astype(str), return_inverse=True)
    sources = all_sources[: len(outfits)]
    has_split = np.bincount(sources, outfits.splits != "", minlength=len(names)) > 0
    published = has_split[sources]
    first = pl.DataFrame({"set": sets, "source": sources}).select(pl.struct(pl.all()).is_first_distinct())
    repeats = ~first.to_series().to_numpy()

    own = np.unique(all_sources * len(all_sets) + all_sets, return_inverse=True)[1]
    had = _held(own, np.concatenate([np.full(len(outfits), ""), known_outfits.splits]))[: len(outfits)]
    near = _held(all_groups, everything.splits)[: len(outfits)] & ~published[:, None]
    drawn, between, moved = _take_over(outfits.splits, had, near, published | ~repeats)
    chosen = (drawn == "") & ~published & ~repeats & ~between
    counts = np.stack([np.bincount(sources[drawn == name], minlength=len(names)) for name in SPLITS], axis=1)
    drawn[chosen] = _deal(groups[chosen], sources[chosen], seed, ratios, counts)
    random = _deal(np.arange(len(outfits)), sources, seed, ratios, np.zeros_like(counts))
    for code in np.unique(sources).tolist():
        source, here = str(names[code]), sources == code
        stays = here & (published | ~repeats)
        sizes = np.bincount(groups[stays])
        report["sources"][source or "all"] = {
            "published": bool(has_split[code]),
            "splits": {name: int((drawn[stays] == name).sum()) for name in sorted(set(drawn[stays]) - {""})},
            "without_split": int((drawn[stays] == "").sum()),
            "between": int(between[here].sum()),
            "moved": int(moved[here].sum()),
            "repeats": int(repeats[here].sum()),
            "repeats_removed": int((here & ~stays).sum()),
            "groups": int((sizes > 0).sum()),
            "largest_group": int(sizes.max()),
            "test_overlap": _overlap(drawn, stays, sets, pairs),
            "test_overlap_random": _overlap(random, here, sets, pairs),
            "test_items_unseen": _unseen(outfits, drawn, stays),
            "test_items_unseen_random": _unseen(outfits, random, here),
        }
    return replace(outfits, splits=drawn).take(published | ~repeats), report


def remember(outfits: Outfits, earlier: Outfits) -> Outfits:
    """The `earlier` outfits and those that have a split now, each (source, item set, split) once."""
    everything = _joined(earlier, outfits.take(outfits.splits != ""))
    keys = pl.DataFrame(
        {
            "source": pl.Series(everything.sources.tolist(), dtype=pl.String),
            "set": _item_sets(everything) if len(everything) else np.empty(0, np.int64),
            "split": pl.Series(everything.splits.tolist(), dtype=pl.String),
        }
    )
    return everything.take(keys.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy())


def describe(report: dict[str, Any]) -> list[str]:
    """The report of `assign_splits` as lines to read: each source's splits, and what test shares with training."""
    lines = []
    for source, stats in report["sources"].items():
        counts = ", ".join(f"{stats['splits'].get(name, 0):,} {name}" for name in SPLITS)
        note = "" if stats["repeats_removed"] else " (kept)" if stats["repeats"] else ""
        lines.append(
            f"{_of(source)}, {'published' if stats['published'] else 'drawn'} split: {counts}"
            + (f", {stats['without_split']:,} in none" if stats["without_split"] else "")
            + (f" ({stats['between']:,} are near-duplicates of outfits in two splits)" if stats.get("between") else "")
            + f"; exact repeats{' removed' if stats['repeats_removed'] else ''}: {stats['repeats']:,}{note}"
        )
        if stats.get("moved"):
            lines.append(f"  outfits that the publisher moved to another split: {stats['moved']:,}")
        for name, words in (
            ("test_overlap", f"test outfits that share {NEAR:.0%} of their items with a training outfit"),
            ("test_items_unseen", "test items that no training outfit has"),
        ):
            if stats[name] is not None:
                lines.append(f"  {words}: {stats[name]:.1%} (split at random: {stats[name + '_random']:.1%})")
    return lines


def empty_splits(report: dict[str, Any]) -> list[str]:
    """A sentence for every source of outfits that has nothing to train on, to select on or to test on."""
    return [
        f"{_of(source)}: none in split {' or '.join(lacks)} (training needs train and valid, questions need test); "
        "import more outfits, or name their splits"
        for source, stats in report["sources"].items()
        if (lacks := [name for name in SPLITS if not stats["splits"].get(name)])
    ]


def _of(source: str) -> str:
    return "outfits" if source == "all" else f"outfits of {source}"


def contained_pairs(outfits: Outfits) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (a, b) (P,), (P,) int64 of different outfits such that b holds ≥ 80 % of a's distinct items.

    One sparse product of the outfit × item matrix with its transpose, in blocks of rows whose memory is bounded.
    """
    owner = np.repeat(np.arange(len(outfits)), outfits.lengths)
    shape = (len(outfits), int(outfits.items.max(initial=-1)) + 1)
    has = csr_matrix((np.ones(len(owner), np.int32), (owner, outfits.items)), shape=shape)
    has.data[:] = 1  # an item named twice is one item
    sizes = np.diff(has.indptr)
    meetings = np.cumsum(has @ np.asarray(has.sum(0)).ravel())  # outfits met by each outfit's items, up to it
    bounds = np.searchsorted(meetings, np.arange(0, meetings[-1] if len(meetings) else 0, PRODUCTS), side="right")
    pairs: list[tuple[np.ndarray, np.ndarray]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    items = has.T.tocsr()
    for start, stop in pairwise([*bounds, len(outfits)]):
        shared = (has[start:stop] @ items).tocoo()
        first, second = shared.row.astype(np.int64) + start, shared.col.astype(np.int64)
        near = (shared.data >= NEAR * sizes[first] - 1e-9) & (first != second)
        pairs.append((first[near], second[near]))
    return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])


def _item_sets(outfits: Outfits) -> np.ndarray:
    """(N,) int64: equal numbers, 0 and up without a gap, for outfits of the same distinct items."""
    owner = np.repeat(np.arange(len(outfits)), outfits.lengths)
    flat = pl.DataFrame({"outfit": owner, "item": outfits.items}).unique().sort("outfit", "item")
    keys = flat.group_by("outfit", maintain_order=True).agg(pl.col("item").cast(pl.String))["item"].list.join(" ")
    return keys.rank("dense").to_numpy().astype(np.int64) - 1


def _groups(pairs: tuple[np.ndarray, np.ndarray], count: int) -> np.ndarray:
    """(count,) group number of each item set: connected by containment, in whichever direction."""
    graph = coo_matrix((np.ones(len(pairs[0]), np.int8), pairs), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _joined(first: Outfits, second: Outfits) -> Outfits:
    return Outfits(
        items=np.concatenate([first.items, second.items]),
        offsets=np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]]),
        outfit_ids=np.concatenate([first.outfit_ids, second.outfit_ids]),
        splits=np.concatenate([first.splits, second.splits]),
        sources=np.concatenate([first.sources, second.sources]),
    )


def _held(keys: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """(N, 3) bool: which of `SPLITS` the outfits of the same key (N,) are in, "" being none."""
    held = np.zeros((int(keys.max()) + 1, len(SPLITS)), bool)
    for column, split in enumerate(SPLITS):
        held[keys[np.flatnonzero(splits == split)], column] = True
    return held[keys]


def _take_over(
    splits: np.ndarray, had: np.ndarray, near: np.ndarray, stays: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Splits (N,) with what is known put in, and (N,) bool: which lie between two splits, and which were moved.

    had, near: (N, 3) bool, the splits that the outfit itself and its group are known in. stays: (N,) bool.
    """
    current = _held(np.arange(len(splits)), splits)
    moved = had.any(1) & current.any(1) & ~(had & current).any(1)
    bare = stays & ~current.any(1)
    held = np.where(had.any(1, keepdims=True), had, near).astype(np.int64)
    count = held.sum(1)
    return np.where(bare & (count == 1), NAMES[held.argmax(1)], splits), bare & (count > 1), moved


def _deal(
    groups: np.ndarray, sources: np.ndarray, seed: int, ratios: tuple[int, int, int], counts: np.ndarray
) -> np.ndarray:
    """(N,) object: splits of outfits whose groups (N,) are shuffled, laid out in one row a source and cut.

    The cuts are those that bring the source nearest to `ratios`, with `counts` (S, 3) outfits in its splits already.
    A group goes where its middle lies. One that spans sources lies in the row of its first outfit's source as a whole.
    Groups of more than 1 % of all outfits lie at the beginning, in training, so that the cuts hit the ratios.
    """
    outfits = pl.DataFrame({"group": groups, "source": sources})
    table = outfits.group_by("group", maintain_order=True).agg(pl.len().alias("size"), pl.col("source").first())
    table = table[np.random.default_rng(seed).permutation(len(table))]
    giant = pl.col("size") > 0.01 * (len(outfits) + counts.sum())
    table = table.sort(giant, descending=True, maintain_order=True)
    size = pl.col("size").cast(pl.Float64)
    table = table.with_columns(middle=(size.cum_sum() - size / 2).over("source") / size.sum().over("source"))
    placed = outfits.select("group").join(table, on="group", how="left", maintain_order="left")
    total = counts.sum(1) + np.bincount(sources, minlength=len(counts))
    wanted = np.maximum(np.array(ratios) * total[:, None] - sum(ratios) * counts, 0)
    cuts = np.cumsum(wanted, 1)[:, :-1] / np.maximum(wanted.sum(1), 1)[:, None]
    past = placed["middle"].to_numpy()[:, None] >= cuts[placed["source"].to_numpy()]
    return NAMES[past.sum(1)]


def _overlap(
    splits: np.ndarray, chosen: np.ndarray, sets: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]
) -> float | None:
    """Part of the chosen test outfits that share ≥ 80 % of their items with a chosen training outfit."""
    train, test = chosen & (splits == "train"), chosen & (splits == "test")
    if not train.any() or not test.any():
        return None
    trained = np.zeros(max(int(part.max(initial=0)) for part in (sets, *pairs)) + 1, bool)
    trained[sets[train]] = True
    seen = trained.copy()
    seen[pairs[0][trained[pairs[1]]]] = True
    return round(float(seen[sets[test]].mean()), 4)


def _unseen(outfits: Outfits, splits: np.ndarray, chosen: np.ndarray) -> float | None:
    """Part of the distinct items of chosen test outfits that no chosen training outfit has."""
    train, test = (np.unique(outfits.take(chosen & (splits == name)).items) for name in ("train", "test"))
    return round(float(1 - np.isin(test, train).mean()), 4) if len(train) and len(test) else None
