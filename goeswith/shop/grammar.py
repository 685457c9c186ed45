"""Grammar: which groups make a complete outfit, what it lacks, and what it has too many of.

Learnt from training outfits, as far as their items are of a known group. Most catalogues are thinned out (what sold out
is gone), so outfits without any top, bottom or dress say nothing about how people dress, and are not counted. Nor are
baskets and pairs: who buys trousers and a bag has a top at home.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields

import numpy as np
import polars as pl

from goeswith import schemas
from goeswith.data.baskets import BOUGHT
from goeswith.data.catalogue import GROUPS, Catalogue
from goeswith.data.outfits import Outfits

WORN = tuple(group for group in GROUPS if group != "other")
"""Groups that a look is made of, from the first to be chosen to the last."""
CLAUSES = (("top", "dress"), ("bottom", "dress"), ("shoes",))
"""What an outfit may need: one of each."""
APART = (("dress", "bottom"), ("dress", "top"))
"""Groups that may exclude each other."""
WHOLE: Mapping[str, Mapping[str, int]] = {
    "separates": {"top": 1, "bottom": 1, "outer": 1, "shoes": 1, "bag": 1, "accessory": 1},
    "dress": {"dress": 1, "shoes": 1, "bag": 1, "accessory": 1},
}
"""What a whole look has where no outfits say so."""

SHORTEST = 3
"""Items of an outfit from which is learnt what an outfit needs."""
LEAST = 50
"""Outfits without which nothing is learnt, of all and of a category."""
_NEVER_MISSING = 0.8  # of the outfits have it: then one without it lacks something
_TWICE = 0.1  # of the outfits with one have two or more: then two are no mistake
_TOGETHER = 0.05  # of the outfits with the rarer one have both: fewer exclude each other
_OFTEN = 0.25, 0.5  # of the outfits have one, have two or more: then a whole look gets as many

_ONE = {"top": "a top", "bottom": "a bottom", "dress": "a dress", "outer": "an outer layer", "shoes": "shoes",
        "bag": "a bag", "accessory": "an accessory"}  # fmt: skip
_MANY = {"top": "tops", "bottom": "bottoms", "dress": "dresses", "outer": "outer layers", "shoes": "pairs of shoes",
         "bag": "bags", "accessory": "accessories"}  # fmt: skip
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six")


@dataclass(frozen=True)
class Grammar:
    """What an outfit is made of.

    most: group → how many an outfit may hold. needs: one group of each tuple must be there. apart: pairs of groups that
    exclude each other. whole: for an outfit of ``separates`` and for one around a ``dress``, group → how many of it a
    whole look has. dresses: share of outfits around a dress, by category of any of their items, "" for all.
    pairs: categories of which one outfit may hold two, such as rings. outfits: how many it was learnt from; 0: none, it
    is the default.
    """

    most: Mapping[str, int]
    needs: tuple[tuple[str, ...], ...] = CLAUSES
    apart: tuple[tuple[str, str], ...] = APART[:1]
    whole: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: WHOLE)
    dresses: Mapping[str, float] = field(default_factory=lambda: {"": 0.25})
    pairs: tuple[str, ...] = ()
    outfits: int = 0

    @classmethod
    def default(cls, groups: Collection[str] = WORN) -> Grammar:
        """One pair of shoes, a bottom or a dress, a top unless a dress, one outer layer, one bag.

        groups: of the catalogue; an outfit needs nothing of others.
        """
        most = {group: 3 if group == "accessory" else 2 if group == "top" else 1 for group in WORN}
        return cls(most, needs=tuple(clause for clause in CLAUSES if not set(groups).isdisjoint(clause)))

    @classmethod
    def free(cls) -> Grammar:
        """Every outfit is right."""
        return cls(dict.fromkeys(WORN, 99), needs=(), apart=())

    @classmethod
    def learn(cls, catalogue: Catalogue, outfits: Outfits) -> Grammar:
        """From the training outfits that somebody put together; the default where they are too few."""
        made = ~np.isin(outfits.sources.astype(str), BOUGHT) & (outfits.lengths >= SHORTEST)
        train = outfits.take((outfits.splits == "train") & made)
        codes, named = _group_codes(catalogue)
        counts = _counts(train, codes, len(named))  # (N, G)
        at = {group: index for index, group in enumerate(named)}
        has = counts > 0
        dressed = has[:, at["top"]] | has[:, at["bottom"]] | has[:, at["dress"]]
        if dressed.sum() < LEAST:
            return cls.default(catalogue.items["group"].drop_nulls().unique().to_list())
        chosen, has, default = counts[dressed], has[dressed], cls.default()
        most = {group: _most(chosen[:, at[group]], default.most[group]) for group in WORN}
        needs = [clause for clause in CLAUSES if has[:, [at[g] for g in clause]].any(axis=1).mean() >= _NEVER_MISSING]
        apart = [pair for pair in APART if _apart(*(has[:, at[group]] for group in pair))]
        dress = has[:, at["dress"]] & ~has[:, at["bottom"]]
        completions = {
            base: {group: number for group in WORN if (number := _usual(chosen[mask][:, at[group]], most[group]))}
            for base, mask in (("separates", has[:, at["bottom"]] & has[:, at["top"]]), ("dress", dress))
            if mask.sum() >= LEAST
        }
        completions.get("separates", {}).pop("dress", None)
        return cls(
            most,
            needs=tuple(needs),
            apart=tuple(apart),
            whole=completions or default.whole,
            dresses=_dresses(catalogue, train.take(dressed), dress),
            pairs=_pairs(catalogue, train.take(dressed)),
            outfits=int(dressed.sum()),
        )

    def findings(self, groups: Sequence[str | None], categories: Sequence[str] = ()) -> tuple[str, ...]:
        """What is wrong with an outfit, in a few words each, such as ``needs a top`` and ``two pairs of shoes``.

        groups: of each item, None where it has none. categories: of each item.
        """
        count = Counter(groups)
        lack = self._lack(count) if any(count[group] for group in WORN) else ""
        return tuple(filter(None, [lack, *(words for words, _ in self._too_many(groups, categories))]))

    def surplus(self, groups: Sequence[str | None], categories: Sequence[str] = ()) -> list[int]:
        """Positions of the items of which one should be taken out; empty where an outfit has too many of nothing."""
        return sorted({position for _, positions in self._too_many(groups, categories) for position in positions})

    def needed(self, groups: Sequence[str | None]) -> list[int]:
        """Positions of the items that alone are what an outfit needs: without one of them, it would lack something."""
        having = [[at for at, group in enumerate(groups) if group in clause] for clause in self.needs]
        return sorted({positions[0] for positions in having if len(positions) == 1})

    def refusal(self, groups: Sequence[str | None], slots: Sequence[str | None]) -> str:
        """Empty, or why an outfit cannot take something of each of some groups more."""
        count, asked_slots = Counter(groups), Counter(slots)
        for group in WORN:
            limit = self.most.get(group, 1)
            if asked_slots[group] and count[group] + asked_slots[group] > limit:
                current = (
                    f"this one has {_many(count[group], group, spell_one=True)} already" if count[group] else "no more"
                )
                return f"an outfit has {_many(limit, group, spell_one=True)}, {current}"
        for pair in self.apart:
            for first, second in (pair, pair[::-1]):
                if asked_slots[first] and count[second] + asked_slots[second]:
                    return f"{_ONE[first]} is not worn with {_ONE[second]}"
        return ""

    def slots(self, groups: Sequence[str | None], categories: Sequence[str] = ()) -> list[tuple[list[str], float]]:
        """What would make a whole look of an outfit: slots from the first to be chosen on, and how usual that is.

        Two choices where the outfit may go with a dress and with separates, the more usual one first. Shares sum to 1.
        """
        count = Counter(groups)
        bases = [base for base in self.whole if self._can(base, count)]
        if len(bases) > 1:
            dress_shares = [self.dresses[category] for category in categories if category in self.dresses]
            share = float(np.mean(dress_shares)) if dress_shares else self.dresses[""]
            shares = {"dress": share, "separates": 1 - share}
        else:
            shares = dict.fromkeys(bases, 1.0)
        return [(self._open(base, count), shares[base]) for base in sorted(bases, key=lambda base: -shares[base])]

    def to_json(self) -> str:
        """All of it as JSON."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> Grammar:
        """The grammar that `to_json` wrote.

        Raises:
            DataError: the text is another.
        """
        data = schemas.parse(text, schemas.GrammarFile, "the grammar (grammar.json)", schemas.INDEX_AGAIN)
        values = {each.name: data[each.name] for each in fields(cls)}
        for name in ("needs", "apart"):
            values[name] = tuple(tuple(groups) for groups in values[name])
        values["pairs"] = tuple(values["pairs"])
        return cls(**values)

    def _too_many(self, groups: Sequence[str | None], categories: Sequence[str]) -> list[tuple[str, list[int]]]:
        """What an outfit has too much of, in words, and the positions of the items that these are about."""
        worn, kinds = defaultdict[str | None, list[int]](list), defaultdict[str, list[int]](list)
        for position, group in enumerate(groups):
            worn[group].append(position)
            if group == "accessory" and position < len(categories):
                kinds[categories[position]].append(position)
        many = [
            (_many(len(worn[group]), group), worn[group])
            for group in WORN
            if len(worn[group]) > self.most.get(group, 1)
        ]
        apart = [
            (f"{_ONE[first]} with {_ONE[second]}", worn[first] + worn[second])
            for first, second in self.apart
            if worn[first] and worn[second]
        ]
        alike = [
            (f"{_NUMBERS[min(len(positions), 6)]} of one kind ({category})", positions)
            for category, positions in kinds.items()
            if len(positions) > 1 and category not in self.pairs
        ]
        return many + apart + alike

    def _lack(self, count: Counter[str | None]) -> str:
        """``needs shoes``; empty where nothing is missing."""
        open_ = [clause for clause in self.needs if not any(count[group] for group in clause)]
        single = [_ONE[clause[0]] for clause in open_ if len(clause) == 1]
        either = [clause for clause in open_ if len(clause) > 1]
        if len(either) > 1:
            single.insert(0, f"{' and '.join(_ONE[clause[0]] for clause in either)} (or {_ONE[either[0][1]]})")
        elif either and count["top"] + count["bottom"]:
            single.insert(0, _ONE[either[0][0]])
        elif either:
            single.insert(0, " or ".join(_ONE[group] for group in either[0]))
        return f"needs {' and '.join(single)}" if single else ""

    def _can(self, base: str, count: Counter[str | None]) -> bool:
        """Whether an outfit can become one around a dress, or one of separates."""
        if base == "dress":
            return not count["bottom"] and not count["top"]
        return not count["dress"]

    def _open(self, base: str, count: Counter[str | None]) -> list[str]:
        completion = self.whole[base]
        return [group for group in WORN for _ in range(completion.get(group, 0) - count[group])]


def single(group: str) -> str:
    """What one item of a group is called, without an article: ``outer layer``."""
    return _ONE[group].split(" ", 1)[-1] if group != "shoes" else "pair of shoes"


def _group_codes(catalogue: Catalogue) -> tuple[np.ndarray, list[str]]:
    """(U,) place of each item's group in `GROUPS`; without one, that of ``other``."""
    table = pl.DataFrame({"group": GROUPS, "place": range(len(GROUPS))})
    codes = catalogue.items.select("group").join(table, on="group", how="left", maintain_order="left")["place"]
    return codes.fill_null(len(GROUPS) - 1).to_numpy().astype(np.int64), [*GROUPS]


def _counts(outfits: Outfits, codes: np.ndarray, number: int) -> np.ndarray:
    """(N, number) how many items of each code an outfit has."""
    owner = np.repeat(np.arange(len(outfits)), outfits.lengths)
    flat = np.bincount(owner * number + codes[outfits.items], minlength=len(outfits) * number)
    return flat.reshape(len(outfits), number)


def _most(count: np.ndarray, default: int) -> int:
    """How many an outfit may hold: as many as one in ten of those that have any."""
    having = count[count > 0]
    if len(having) < LEAST:
        return default
    return max(number for number in range(1, 7) if number == 1 or (having >= number).mean() >= _TWICE)


def _usual(count: np.ndarray, most: int) -> int:
    """How many a whole look has."""
    single, more = _OFTEN
    if (count > 0).mean() < single:
        return 0
    return max(number for number in range(1, most + 1) if number == 1 or (count >= number).mean() >= more)


def _apart(left: np.ndarray, right: np.ndarray) -> bool:
    rarer = min(left.sum(), right.sum())
    return bool(rarer >= LEAST and (left & right).sum() < _TOGETHER * rarer)


def _dresses(catalogue: Catalogue, outfits: Outfits, dress: np.ndarray) -> dict[str, float]:
    """Share of outfits around a dress: of all, "", and of those with an item of each category that has enough."""
    categories, codes = catalogue.categories, catalogue.category_codes
    owner = np.repeat(np.arange(len(outfits)), outfits.lengths)
    seen = np.unique(owner * len(categories) + codes[outfits.items])
    where, kind = np.divmod(seen, len(categories))
    total = np.bincount(kind, minlength=len(categories))
    around = np.bincount(kind, weights=dress[where], minlength=len(categories))
    often = np.flatnonzero(total >= LEAST).tolist()
    return {"": float(dress.mean())} | {categories[index]: float(around[index] / total[index]) for index in often}


def _pairs(catalogue: Catalogue, outfits: Outfits) -> tuple[str, ...]:
    """Categories of which one outfit in ten with any has two or more."""
    categories, codes = catalogue.categories, catalogue.category_codes
    owner = np.repeat(np.arange(len(outfits)), outfits.lengths)
    seen, count = np.unique(owner * len(categories) + codes[outfits.items], return_counts=True)
    kind = seen % len(categories)
    total = np.bincount(kind, minlength=len(categories))
    twice = np.bincount(kind[count > 1], minlength=len(categories))
    return tuple(categories[index] for index in np.flatnonzero((total >= LEAST) & (twice >= _TWICE * total)).tolist())


def _many(number: int, group: str, spell_one: bool = False) -> str:
    """``two pairs of shoes``; with `spell_one`, ``one pair of shoes``."""
    words = _MANY[group] if number != 1 else single(group)
    return f"{_NUMBERS[number] if number < len(_NUMBERS) else number} {words}" if spell_one or number > 1 else words
