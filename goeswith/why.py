"""Why: what lies behind the score of an outfit, in numbers and in one sentence that a merchandiser understands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import torch

from goeswith.catalogue import Catalogue
from goeswith.contributions import attribute_shares, leave_one_out, pair_matrix
from goeswith.dataset import Dataset
from goeswith.filters import Filters
from goeswith.index import Index
from goeswith.judging import judge
from goeswith.knowledge.rules import BOTTOM, Rule
from goeswith.look import Look, Stylist, Swap
from goeswith.models import ItemStates
from goeswith.scorers import RunScorer, StateScorer, TaughtScorer
from goeswith.tables import plain

OTHERS = 128
"""Other bottoms that the trust in a rule is averaged over."""
_LONG = 60  # letters of a title in the sentence
_STEP = 5.0  # of 100 outfits: a smaller change of the standing is not worth a word
_STANDINGS = ((80, "goes together very well"), (60, "goes together well"), (40, "goes together as most do"),
              (20, "goes together less well than most"), (0, "does not go together well"))  # fmt: skip


@dataclass(frozen=True)
class Fired:
    """A rule whose pair two items of the outfit make: it speaks for them with the sign ``+``, against them with ``-``.

    confidence: mean λ, of 1 for all active rules, against other bottoms; None where it decides against none of them.
    """

    rule: Rule
    top: str
    bottom: str
    confidence: float | None

    def __str__(self) -> str:
        trust = "never decides" if self.confidence is None else f"trusted {self.confidence:.1f} of 1"
        return f"{self.rule} ({trust}) {'for' if self.rule.sign == '+' else 'against'} {self.top} with {self.bottom}"


@dataclass(frozen=True)
class Why:
    """What lies behind the score of an outfit of n items.

    pairs: (n, n) see `goeswith.contributions.pair_matrix`, NaN on the diagonal. contributions: (n,) what the score
    loses without each item, higher = it helps; NaN where an outfit of two leaves nothing to compare.
    attributes: (K,) share of each attribute mask, which sum to the score; None for models without.
    weakest_pair: places of the two items that go together worst. weakest_item: place of the item without which the
    score is highest; of two items, which are equally to blame, the first.
    rules: that fired, the most trusted first. swap: the best exchange of the weakest item, or of another where none of
    that helps; None where none does or none was asked for. look: the outfit as it is judged.
    """

    item_ids: tuple[str, ...]
    look: Look
    pairs: np.ndarray
    contributions: np.ndarray
    attributes: np.ndarray | None
    weakest_pair: tuple[int, int]
    weakest_item: int
    rules: tuple[Fired, ...]
    swap: Swap | None
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON; null where there is no number."""
        return {
            "item_ids": list(self.item_ids),
            "look": asdict(self.look),
            "pairs": [_plain(row) for row in self.pairs],
            "contributions": _plain(self.contributions),
            "attributes": None if self.attributes is None else _plain(self.attributes),
            "weakest_pair": list(self.weakest_pair),
            "weakest_item": self.weakest_item,
            "rules": [asdict(rule) | {"says": str(rule)} for rule in self.rules],
            "swap": None if self.swap is None else asdict(self.swap),
            "sentence": self.sentence,
        }


def explain(stylist: Stylist, item_ids: Sequence[str], *, swap: bool = True, filters: Filters | None = None) -> Why:
    """Say why an outfit has the score that it has, and what would change it.

    Args:
        swap: look for the counterfactual, which costs a search; without it the rest takes milliseconds.
        filters: of the items that may be swapped in.

    Raises:
        CatalogueError: see `goeswith.look.Stylist.judge`.
    """
    look, index = stylist.judge(item_ids), stylist.index
    scorer, rows = index.scorer, index.shelf.rows(item_ids)
    items, mask = rows[None], np.ones((1, len(rows)), bool)
    pairs = pair_matrix(scorer, items, mask)[0]
    contributions = leave_one_out(scorer, items, mask)[0]
    shares = attribute_shares(scorer, items, mask)
    pair, item = _weakest(pairs, contributions)
    rules = _fired(index, rows)
    found = _swap(stylist, look, item, filters or Filters()) if swap else None
    without = _standing(index, look.score - contributions[item], len(rows) - 1)
    return Why(
        item_ids=look.item_ids,
        look=look,
        pairs=pairs,
        contributions=contributions,
        attributes=None if shares is None else shares[0],
        weakest_pair=pair,
        weakest_item=item,
        rules=rules,
        swap=found,
        sentence=_sentence(_names(index, rows), look, contributions[item], without, pair, item, rules, found, index),
    )


def tables(why: Why) -> list[str]:
    """The numbers behind the sentence, as plain text: items and pairs, attributes, rules, swap."""
    head = ["", "item", "adds", *(str(place + 1) for place in range(len(why.item_ids)))]
    rows = [
        [str(place + 1), item_id, _number(why.contributions[place]), *map(_number, why.pairs[place])]
        for place, item_id in enumerate(why.item_ids)
    ]
    found = [f"score {why.look.score:.3f}", plain(head, rows)]
    if why.attributes is not None:
        found.append(f"of the score, by attribute mask: {', '.join(map(_number, why.attributes))}")
    found += ["\n".join(map(str, why.rules))] if why.rules else []
    if why.swap is not None:
        found.append(f"swap {why.swap.removed} for {why.swap.added}: {why.swap.gain:+.3f}")
    return found


def _weakest(pairs: np.ndarray, contributions: np.ndarray) -> tuple[tuple[int, int], int]:
    """The pair with the lowest score, and the item without which the score is highest.

    Where no item can be left out, the item whose pairs are worst; where pairs are not told either, the first.
    """
    flat = np.where(np.isnan(pairs), np.inf, pairs)
    first, second = sorted(int(place) for place in np.unravel_index(flat.argmin(), flat.shape))
    pair = (first, second) if first < second else (0, 1)
    if np.isnan(contributions).all():
        told = ~np.isnan(pairs)
        means = np.where(told, pairs, 0).sum(axis=1) / np.maximum(told.sum(axis=1), 1)
        return pair, int(np.where(told.any(axis=1), means, np.inf).argmin())
    return pair, int(np.nanargmin(contributions))


def _fired(index: Index, rows: np.ndarray) -> tuple[Fired, ...]:
    """The rules of the run whose pair two of the items make, the most trusted first; none where no rules taught it.

    A rule decides between two bottoms, so trust is the mean over other bottoms in the place of the one that is there.
    """
    if index.run.config.get("rules") is None:
        return ()
    bottoms = index.catalogue.items["group"].is_in(BOTTOM).fill_null(False).to_numpy() & index.scorer.present
    bottoms[rows] = False
    others = np.random.default_rng(0).permutation(np.flatnonzero(bottoms))[:OTHERS]
    taught = _taught(index, np.concatenate([rows, others]))  # the outfit's items are its first rows
    size = len(rows)
    first, second = (~np.eye(size, dtype=bool)).nonzero()
    pair, rule = taught.teacher.matches.pairs(first, second).nonzero()
    trust = _trust(taught, size, np.unique(second[pair]), size + np.arange(len(others)))
    ids, rules = index.catalogue.ids, taught.teacher.matches.rules
    found = [
        Fired(rules[which], ids[rows[first[at]]], ids[rows[second[at]]], trust.get((int(second[at]), which)))
        for at, which in zip(pair.tolist(), rule.tolist(), strict=True)
    ]
    return tuple(sorted(found, key=lambda fired: -(fired.confidence or 0.0)))


def _taught(index: Index, rows: np.ndarray) -> TaughtScorer:
    """Student and rules over a few items of the index: a rule is looked up in those alone, however many there are."""
    at, states = torch.from_numpy(rows), index.scorer.states
    few = ItemStates(states.hidden[at], states.categories[at])
    student = StateScorer(index.run.title, index.run.model, few, index.scorer.present[rows])
    table = SimpleNamespace(catalogue=Catalogue(index.catalogue.items[rows.tolist()]))
    taught = index.run.taught(cast(RunScorer, student), cast(Dataset, table))
    assert taught is not None  # there are rules
    return taught


def _trust(taught: TaughtScorer, size: int, bottoms: np.ndarray, others: np.ndarray) -> dict[tuple[int, int], float]:
    """(bottom, rule) → mean λ, with each of `bottoms` among the first `size` items held against `others`; one batch."""
    if not len(others) or not len(bottoms):
        return {}
    place, other = (part.ravel() for part in np.meshgrid(bottoms, others, indexing="ij"))
    context = np.arange(size - 1) + (np.arange(size - 1) >= place[:, None])  # (M, n − 1), the outfit without it
    judged = judge(taught, context, np.ones(context.shape, bool), np.stack([place, other], axis=1))
    active = judged.active.with_columns(place=pl.Series(place).gather(judged.active["question"]))
    means = active.group_by("place", "rule").agg(pl.col("trust").mean())
    return {(at, rule): trust for at, rule, trust in means.iter_rows()}


def _swap(stylist: Stylist, look: Look, item: int, filters: Filters) -> Swap | None:
    """The best exchange of one item; of another than `item` only where no exchange of that raises the score."""
    others = [item_id for place, item_id in enumerate(look.item_ids) if place != item]
    for locked in (others, ()):
        found = stylist.improve(look.item_ids, locked=locked, filters=filters, k=1)
        if found:
            return found[0]
    return None


def _standing(index: Index, score: float, size: int) -> float | None:
    """The percentile of one score; None without a scale or a score."""
    if index.scale is None or np.isnan(score):
        return None
    return float(index.scale.percentile(np.array([score]), size)[0])


def _names(index: Index, rows: np.ndarray) -> list[str]:
    """What the sentence calls items: title, else colour and category, with the id where two would be called alike."""
    table = index.catalogue.items[rows.tolist()]
    kind = pl.concat_str("colour", "category", separator=" ", ignore_nulls=True)
    title = pl.col("title").str.strip_chars()
    called = table.select(pl.when(title != "").then(title).otherwise(kind).alias("name"))["name"].to_list()
    short = [" ".join(name.split()) for name in called]
    short = [name if len(name) <= _LONG else f"{name[:_LONG].rsplit(' ', 1)[0]} …" for name in short]
    count = Counter(short)
    ids = table["item_id"].to_list()
    return [f"the {n}" if count[n] == 1 else f"the {n} ({one})" for n, one in zip(short, ids, strict=True)]


def _sentence(
    names: Sequence[str],
    look: Look,
    contribution: float,
    without: float | None,
    pair: tuple[int, int],
    item: int,
    rules: Sequence[Fired],
    swap: Swap | None,
    index: Index,
) -> str:
    """One sentence out of the parts that have something to say."""
    parts = [_verdict(look)]
    if len(names) > 2:
        link = f"{names[pair[0]]} with {names[pair[1]]}"
        parts.append(f"its weakest link is {link}, and {_effect(names[item], look, contribution, without)}")
    if rules:
        called = dict(zip(look.item_ids, names, strict=True))
        against = [fired for fired in rules if fired.rule.sign == "-"]
        parts.append(_spoken((against or list(rules))[0], called, len(rules)))
    if swap is not None:
        parts.append(_exchange(swap, look, names, index))
    return "; ".join(parts) + "."


def _verdict(look: Look) -> str:
    if look.percentile is None:
        return f"This look has a score of {look.score:.1f}, and nothing to compare it with"
    said = next(words for least, words in _STANDINGS if look.percentile >= least)
    if look.percentile < 5:
        return f"This look {said}: nearly all outfits of this catalogue are better"
    only = "only " if look.percentile < _STANDINGS[2][0] else ""
    return f"This look {said}: better than {only}{_of_ten(look.percentile)} outfits of this catalogue"


def _effect(name: str, look: Look, contribution: float, without: float | None) -> str:
    """What taking the weakest item away would do.

    Outfits of another size have another scale, so that a higher score alone does not make a better look, nor does a
    better standing with a lower score: only where both agree is it said that the look gains.
    """
    if np.isnan(contribution):
        return f"what goes least with the rest is {name}"
    change = 0.0 if without is None or look.percentile is None else without - look.percentile
    if contribution > 0 and change <= _STEP:
        return f"no item is out of place, though the least comes from {name}"
    if contribution < 0 and without is not None and change > _STEP:
        return f"without {name} it would be better than {_of_ten(without)}"
    return f"{'nothing' if contribution <= 0 and without is None else 'next to nothing'} is gained by {name}"


def _spoken(fired: Fired, called: dict[str, str], count: int) -> str:
    trust = fired.confidence
    word = (
        ""
        if trust is None
        else " and is trusted"
        if trust >= 2 / 3
        else " but is hardly trusted"
        if trust < 0.2
        else ""
    )
    more = f" ({count} rules in all)" if count > 1 else ""
    speaks = "for" if fired.rule.sign == "+" else "against"
    return f"the rule “{fired.rule}” speaks {speaks} {called[fired.top]} with {called[fired.bottom]}{word}{more}"


def _exchange(swap: Swap, look: Look, names: Sequence[str], index: Index) -> str:
    added = _names(index, index.shelf.rows([swap.added]))[0]
    removed = names[look.item_ids.index(swap.removed)]
    added = f"{added} ({swap.added})" if added in names else added
    if swap.look.percentile is None or look.percentile is None:
        return f"{added} in place of {removed} would raise the score"
    if swap.look.percentile <= look.percentile + _STEP:
        return f"{added} in place of {removed} would help a little"
    return f"{added} in place of {removed} would make it better than {_of_ten(swap.look.percentile)}"


def _of_ten(percentile: float) -> str:
    """A percentile in words that promise no more than it holds."""
    tens = max(round(percentile / 10), 1)
    return "nearly all" if tens > 9 else f"about {tens} in 10"


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:+.2f}"


def _plain(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]
