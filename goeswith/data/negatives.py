"""Negatives: wrong items to replace one item of an outfit, drawn for whole batches at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from goeswith import plugins
from goeswith.data.catalogue import Catalogue
from goeswith.data.keys import key_codes, parse_keys
from goeswith.data.outfits import Outfits
from goeswith.errors import ConfigError

STRATEGIES = ("random", "group", "category", "matched")
BY = "matched:"
"""How ``matched`` negatives by keys of your own begin, e.g. ``matched:season,id[:2]``."""

_ROUNDS = 8  # of drawing again, before the few that are left are drawn from their whole pools


class Negatives:
    """Draws wrong items from the pool of the item they replace.

    ``random``: every usable item, each as likely. ``group``: the usable items of the same group, such as tops, each as
    likely. ``category``: those of the same fine category, each as likely. ``matched``: the items that are worn in
    `outfits` and share category and season (no season is a season of its own), by popularity; ``matched:KEYS``:
    category and these keys in place of the season, see `goeswith.data.keys`.

    How ``matched`` is drawn, and why: truths are popular, since each occurrence in an outfit makes one, and a wrong
    item drawn evenly over the items would give itself away by being rare. It must be drawn the very way a truth is: a
    random outfit, and a random place of it. Truth a and wrong item b are then exchangeable within their pool, P(a, b) =
    p(a) p(b) = P(b, a), and nothing that belongs to the item alone (popularity, season, backdrop) tells them apart.
    Two things would break that. Drawing again until b ≠ a has P(a, b) = p(a) p(b) / (1 − p(a)), which makes the more
    popular of two items the likelier truth (and so where wrong items repeat each other): questions are therefore
    frozen with ``redraw=False`` and a draw that fails is given up; in training, drawing again does no harm. And a b
    that stands elsewhere in the outfit is refused more often the more popular it is: only places whose item is the one
    of its pool in the outfit are asked about and drawn from (see `blanks`). What remains is that a wrong item must not
    complete a known outfit, which few would.

    Args:
        catalogue: the items.
        outfits: whose occurrences make up the ``matched`` pools: the split's own when questions are frozen, the
            training outfits when a model is trained. The other strategies do not read them.
        strategy: one of `STRATEGIES`, or another package's: a function of the catalogue that gives the number (U,) of
            each item's pool, of which each usable item is as likely.
        usable: (U,) bool, items that may be drawn or asked about, e.g. those with features; all by default.
        known_outfits: outfits that no draw may complete (item for item), for such a draw is a right answer too.

    Raises:
        ConfigError: no such strategy.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        outfits: Outfits,
        strategy: str,
        usable: np.ndarray | None = None,
        known_outfits: Sequence[Outfits] = (),
    ) -> None:
        check_strategy(strategy)
        self.strategy = strategy
        usable = np.ones(len(catalogue), bool) if usable is None else usable
        pool = pools(catalogue, strategy)
        weights = np.where(usable, _popularity(outfits, pool) if is_matched(strategy) else 1.0, 0.0)
        members = np.flatnonzero(weights)
        members = members[np.argsort(pool[members], kind="stable")]  # pool after pool
        bounds = np.searchsorted(pool[members], np.arange(pool.max(initial=0) + 2))
        positions = np.full(len(catalogue), -1)
        positions[members] = np.arange(len(members))
        self._usable = torch.from_numpy(usable)
        self._pool = torch.from_numpy(pool)  # (U,) pool of each item
        self._members = torch.from_numpy(members)  # (P,) items, pool after pool
        self._position_of = torch.from_numpy(positions)  # (U,) each item's row in members, −1 where not drawable
        self._starts, self._ends = torch.from_numpy(bounds[:-1]), torch.from_numpy(bounds[1:])  # (K,) of each pool
        self._weights = torch.from_numpy(weights[members])
        self._reach = torch.from_numpy(np.concatenate([[0.0], np.cumsum(weights[members])]))  # (P + 1,)
        self._known_outfits = _Known(known_outfits, len(catalogue)) if known_outfits else None
        self.weights = weights
        """(U,) float64 how likely each item is drawn, within its pool."""
        self.pool_weights = np.bincount(pool, weights)[pool]
        """(U,) float64 sum of the weights of each item's pool."""
        self.completions = 0
        """How many draws were refused because they would have completed a known outfit."""

    def room(self, items: Tensor, mask: Tensor) -> Tensor:
        """(B, n) long: how many different items could be drawn for each place; 0 at padding."""
        return self._left(self._pool[items], items, mask) * mask

    def blanks(self, items: Tensor, mask: Tensor, count: int) -> Tensor:
        """(B, n) bool: places of usable items that leave `count` to draw; if ``matched``, alone in their pool there."""
        good = mask & self._usable[items] & (self.room(items, mask) >= count)
        if not is_matched(self.strategy):
            return good
        pool = self._pool[items]
        return good & (((pool[:, :, None] == pool[:, None, :]) & mask[:, None, :]).sum(2) == 1)

    def draw(
        self,
        items: Tensor,
        mask: Tensor,
        position: Tensor,
        count: int,
        generator: torch.Generator | None = None,
        *,
        redraw: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Draw `count` different wrong items for one place of each outfit; never an item of the same outfit.

        Args:
            items, mask: (B, n) outfits, on the CPU. position: (B,) the place whose item is replaced.
            count: wrong items for each outfit.
            generator: the source of chance, torch's own by default.
            redraw: draw again until they fit; else one draw, which may fail (see the class).

        Returns:
            rows: (B, count) long catalogue rows; the replaced item itself where `ok` is False.
            ok: (B,) bool, False where the pool is too small, or where the one draw did not fit.
        """
        truth = items.gather(1, position[:, None])  # (B, 1)
        rows = torch.full((len(items), count), -1)
        enough = self._left(self._pool[truth], items, mask)[:, 0] >= count
        active = enough.nonzero()[:, 0]
        for _ in range(_ROUNDS if redraw else 1):
            if not len(active):
                break
            drawn = rows[active]
            tried = torch.where(drawn < 0, self._sample(self._pool[truth[active]], count, generator), drawn)
            fits = (drawn >= 0) | self._allowed(tried, items[active], mask[active], truth[active])
            tried = _without_repeats(torch.where(fits, tried, -1), drawn < 0)
            rows[active] = tried
            active = active[(tried < 0).any(1)]
        if redraw and len(active):
            rows[active] = self._fill(rows[active], items[active], mask[active], truth[active], generator)
        ok = (rows >= 0).all(1)
        return torch.where(ok[:, None], rows, truth), ok

    def sample(self, rows: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Different items, ascending: `count` draws, with repeats, from each pool that any of the items (B,) is of.

        They are drawn as wrong answers are, but for no outfit: what completes one is among them.
        """
        pool = self._pool[rows].unique()
        pool = pool[self._ends[pool] > self._starts[pool]]
        return self._sample(pool[:, None], count, generator).unique()

    def everything(self, items: Tensor, mask: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
        """Every item that could be drawn: owners (F,) (place in the batch, ascending) and catalogue rows (F,)."""
        truth = items.gather(1, position[:, None])
        owner, member = self._candidates(truth[:, 0], items, mask, truth)
        return owner, self._members[member]

    def _left(self, pool: Tensor, items: Tensor, mask: Tensor) -> Tensor:
        """(B, m) long: how many of each `pool` (B, m) could be drawn beside the outfits (B, n)."""
        drawable = (self._position_of[items] >= 0) & mask
        taken = ((pool[:, :, None] == self._pool[items][:, None, :]) & drawable[:, None, :]).sum(2)
        return (self._ends[pool] - self._starts[pool] - taken).clamp(min=0)

    def _sample(self, pool: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
        """(B, count) items from each `pool` (B, 1), which is not empty."""
        low, high = self._reach[self._starts[pool]], self._reach[self._ends[pool]]
        at = low + (high - low) * torch.rand((len(pool), count), generator=generator, dtype=torch.float64)
        member = torch.searchsorted(self._reach, at, right=True) - 1
        return self._members[member.clamp(self._starts[pool], self._ends[pool] - 1)]

    def _allowed(self, rows: Tensor, items: Tensor, mask: Tensor, truth: Tensor) -> Tensor:
        """(B, count) bool: in none of the outfits' places, and completing no known outfit."""
        inside = ((rows[:, :, None] == items[:, None, :]) & mask[:, None, :]).any(2)
        if self._known_outfits is None:
            return ~inside
        completes = self._known_outfits.completed(items, mask, truth, rows) & ~inside
        self.completions += int(completes.sum())
        return ~(inside | completes)

    def _candidates(self, truth: Tensor, items: Tensor, mask: Tensor, taken: Tensor) -> tuple[Tensor, Tensor]:
        """Owners (F,) and places in members (F,): each pool without the outfit's items and the `taken` (B, m)."""
        pool = self._pool[truth]
        sizes = self._ends[pool] - self._starts[pool]
        owner = torch.repeat_interleave(torch.arange(len(truth)), sizes)
        base = torch.cumsum(sizes, 0) - sizes
        member = torch.arange(len(owner)) - (base - self._starts[pool])[owner]
        gone = torch.cat([torch.where(mask, items, truth[:, None]), torch.where(taken < 0, truth[:, None], taken)], 1)
        at = self._position_of[gone]
        here = (at >= 0) & (self._pool[gone] == pool[:, None])
        stays = torch.ones(len(owner), dtype=torch.bool)
        stays[(at + (base - self._starts[pool])[:, None])[here]] = False
        owner, member = owner[stays], member[stays]
        if self._known_outfits is not None:
            rows = self._members[member]
            completes = self._known_outfits.completed(items, mask, truth[:, None], rows, owner)
            self.completions += int(completes.sum())
            owner, member = owner[~completes], member[~completes]
        return owner, member

    def _fill(
        self, rows: Tensor, items: Tensor, mask: Tensor, truth: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        """Fill what is −1 in `rows` (B, count) from the whole pools: as if drawn on and on, but in one pass.

        The order of exponential waiting times with rates w is that of draws without replacement with weights w.
        """
        owner, member = self._candidates(truth[:, 0], items, mask, rows)
        chance = torch.rand(len(member), generator=generator, dtype=torch.float64)
        waiting = -torch.log1p(-chance) / self._weights[member]
        order = torch.argsort(waiting)
        order = order[torch.argsort(owner[order], stable=True)]  # by owner, then by waiting time
        owner, member = owner[order], member[order]
        rank = torch.arange(len(owner)) - torch.searchsorted(owner, owner)
        chosen = rank < (rows < 0).sum(1)[owner]
        slots = torch.argsort((rows >= 0).long(), dim=1, stable=True)  # the open ones first
        rows[owner[chosen], slots[owner[chosen], rank[chosen]]] = self._members[member[chosen]]
        return rows


class _Known:
    """Outfits by the sum of their items' random 64-bit numbers, which does not depend on order."""

    def __init__(self, outfits: Sequence[Outfits], size: int) -> None:
        bounds = np.iinfo(np.int64)
        number = np.random.default_rng(0).integers(bounds.min, bounds.max, size)
        sums = [np.add.reduceat(number[some.items], some.offsets[:-1]) for some in outfits if len(some)]
        self._number = torch.from_numpy(number)
        self._sums = torch.from_numpy(np.unique(np.concatenate([np.zeros(0, np.int64), *sums])))

    def completed(
        self, items: Tensor, mask: Tensor, truth: Tensor, rows: Tensor, owner: Tensor | None = None
    ) -> Tensor:
        """Whether the outfits (B, n), with `truth` (B, 1) replaced by `rows`, are known.

        rows: (B, m); or (F,), with `owner` (F,) naming the outfit of each.
        """
        context = (self._number[items] * mask).sum(1, keepdim=True) - self._number[truth]  # (B, 1), wraps around
        sums = self._number[rows] + (context if owner is None else context[owner, 0])
        if not len(self._sums):
            return torch.zeros_like(sums, dtype=torch.bool)
        index = torch.searchsorted(self._sums, sums).clamp(max=len(self._sums) - 1)
        return self._sums[index] == sums


def _popularity(outfits: Outfits, pools: np.ndarray) -> np.ndarray:
    """(U,) how likely each item is at a random place of a random outfit, of the places alone in their pool there."""
    owner = np.repeat(np.arange(len(outfits)), outfits.lengths)
    kinds = owner * (pools.max(initial=0) + 1) + pools[outfits.items]
    _, kind, together = np.unique(kinds, return_inverse=True, return_counts=True)
    alone = together[kind] == 1
    owner, rows = owner[alone], outfits.items[alone]
    return np.bincount(rows, 1 / np.bincount(owner)[owner], len(pools))


def pools(catalogue: Catalogue, strategy: str) -> np.ndarray:
    """(U,) int64 number of each item's pool, see `Negatives`."""
    if strategy == "random":
        return np.zeros(len(catalogue), np.int64)
    if strategy == "group":
        return catalogue.codes("group")[0] + 1
    if strategy == "category":
        return catalogue.category_codes
    if strategy.startswith(BY):
        return key_codes(catalogue, ("category", *parse_keys(strategy.removeprefix(BY))))
    if strategy != "matched":
        return _plugin_pools(catalogue, strategy)
    seasons, names = catalogue.codes("season")
    return np.unique(catalogue.category_codes * (len(names) + 1) + seasons + 1, return_inverse=True)[1].astype(np.int64)


def is_matched(strategy: str) -> bool:
    """Whether negatives are drawn as right answers are."""
    return strategy == "matched" or strategy.startswith(BY)


def check_strategy(strategy: str) -> None:
    """Make sure that there are such negatives, here or in another package.

    Raises:
        ConfigError: there are none, or a key of theirs is not written as one.
    """
    if strategy.startswith(BY):
        parse_keys(strategy.removeprefix(BY))
        return
    if strategy not in STRATEGIES and plugins.load("negatives", strategy) is None:
        choices = plugins.names("negatives", STRATEGIES)
        raise ConfigError(f"there are no {strategy!r} negatives; choose one of {choices}")


def _plugin_pools(catalogue: Catalogue, strategy: str) -> np.ndarray:
    """The pools of another package's negatives: a function of the catalogue that gives (U,) whole numbers from 0 on."""
    function = plugins.load("negatives", strategy)
    numbers = np.asarray(function(catalogue)) if function else np.empty(0)
    if numbers.shape != (len(catalogue),) or numbers.dtype.kind not in "iu" or (numbers < 0).any():
        raise ConfigError(f"the negatives {strategy!r} must give each of the {len(catalogue)} items a number from 0 on")
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


def _without_repeats(rows: Tensor, fresh: Tensor) -> Tensor:
    """`rows` (B, m) with −1 where an item stands a second time; what is not `fresh` stays, then the first of a row."""
    if rows.shape[1] == 1:
        return rows
    ordered, order = torch.sort(rows * 2 + fresh, dim=1, stable=True)
    again = torch.zeros_like(fresh)
    again[:, 1:] = (ordered[:, 1:] >> 1) == (ordered[:, :-1] >> 1)
    return torch.where(torch.zeros_like(fresh).scatter(1, order, again), -1, rows)
