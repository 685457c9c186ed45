"""Wording: an explanation as one sentence that a merchandiser understands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from goeswith.data.captions import kind_of, title_of
from goeswith.shop.active_rules import Fired
from goeswith.shop.answers import Look, Swap, list_of, verdict
from goeswith.shop.explanation import Explanation
from goeswith.shop.index import Index
from goeswith.train.run import Run

_LONG = 60  # letters of a title in the sentence
_STEP = 5.0  # of 100 outfits: a smaller change of the standing is not worth a word
_VERDICTS = {
    "strong": "This look is strong: its pieces go together as in the better half of real outfits",
    "fine": "This look is fine: its pieces go together as in many real outfits",
    "weak": "This look is weak: the pieces of most real outfits go together better",
    "": "This look has no verdict, because there are too few real outfits to compare it with",
    "unsure": "The model can hardly tell real outfits of this catalogue from random ones, so its verdict means little",
}


def _names(index: Index, rows: np.ndarray) -> list[str]:
    """What the sentence calls items: title, else colour and category, with the id where two would be called alike."""
    table = index.catalogue.items[rows.tolist()]
    called = [title_of(row) or kind_of(row) for row in table.iter_rows(named=True)]
    short = [" ".join(name.split()) for name in called]
    short = [name if len(name) <= _LONG else f"{name[:_LONG].rsplit(' ', 1)[0]} …" for name in short]
    count = Counter(short)
    ids = table["item_id"].to_list()
    return [f"the {n}" if count[n] == 1 else f"the {n} ({item_id})" for n, item_id in zip(short, ids, strict=True)]


def sentence(why: Explanation, index: Index, without: float | None, kept: str = "", advice: str = "") -> str:
    """One sentence out of the parts that have something to say.

    without: the percentile of the outfit without its weakest item; None where it has none. kept: why that item is not
    to be taken out, such as ``which is locked``; else empty. advice: what to do about too many of something.
    """
    look, names, item = why.look, _names(index, index.shelf.rows(why.item_ids)), why.weakest_item
    parts = [_verdict_clause(look)]
    removal = why.swap is not None and why.swap.added is None
    if why.swap is not None and removal:
        parts.append(_take_out(why.swap, look, names))
    elif advice:
        parts.append(advice)
    if len(names) > 2 and not removal:
        first, second = (names[position] for position in why.weakest_pair)
        effect = _effect(names[item], look, float(why.contributions[item]), without, index, kept)
        parts.append(f"its weakest link is {first} with {second}, and {effect}")
    if why.rules:
        called = dict(zip(look.item_ids, names, strict=True))
        against = [fired for fired in why.rules if fired.rule.sign == "-"]
        parts.append(_spoken((against or list(why.rules))[0], called, len(why.rules)))
    if why.swap is not None and why.swap.added is not None:
        parts.append(_exchange(why.swap, why.swap.added, look, names, index))
    return "; ".join(parts) + "."


def unlearned(run: Run) -> str:
    """A sentence on what looks are based on if too little could be learned from outfits; empty if not."""
    if run.config["model"] != "starter":
        return ""
    rules, result = run.config["settings"]["rules"], run.config.get("result", {})
    guide = f" and follow {rules:,} rule{'s' * (rules > 1)}" if rules else ""
    outfits, weak = result.get("outfits", 0), result.get("weak")
    style = f"looks combine items of similar style{guide}"
    if weak is not None:
        return (
            f"Too little was learned from {outfits:,} outfits: on outfits that it had not seen, the model was right "
            f"{weak:.0%} of the time, not shown to be better than guessing (50%). So {style}."
        )
    few = f"too few outfits ({outfits:,})" if outfits else "no outfits"
    return f"Nothing was learned, because there are {few}: {style}."


def _verdict_clause(look: Look) -> str:
    if look.findings:
        return f"This look is not a valid outfit: it {list_of(look.findings)}"
    return _VERDICTS[look.verdict]


def _effect(name: str, look: Look, contribution: float, without: float | None, index: Index, kept: str) -> str:
    """What taking the weakest item away would do, if it may be taken away; see `sentence`.

    Outfits of another size have another scale, so that a higher score alone does not make a better look, nor does a
    better standing with a lower score: only where both agree is it said that the look gains.
    """
    if np.isnan(contribution):
        return f"the piece that fits least is {name}"
    change = 0.0 if without is None or look.percentile is None else without - look.percentile
    if contribution > 0 and (kept or change <= _STEP):
        return f"no item is out of place, though the least comes from {name}"
    if kept:
        return f"the piece that fits least is {name}, {kept}"
    if contribution < 0 and without is not None and change > _STEP:
        better = verdict(index, without)
        return f"without {name} it would be {better if better != look.verdict else 'better'}"
    return f"without {name} it would be {'no worse' if contribution <= 0 and without is None else 'about as good'}"


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
    speaks = "supports" if fired.rule.sign == "+" else "opposes"
    return f"the rule “{fired.rule}” {speaks} {called[fired.top]} with {called[fired.bottom]}{word}{more}"


def _take_out(swap: Swap, look: Look, names: Sequence[str]) -> str:
    removed, after = names[look.item_ids.index(swap.removed)], swap.look
    if after.findings:
        return f"take out {removed}, and it still {list_of(after.findings)}"
    kind = f", a {after.verdict} one" if after.verdict in ("strong", "fine", "weak") else ""
    return f"take out {removed}, and it is a valid outfit{kind}"


def _exchange(swap: Swap, new: str, look: Look, names: Sequence[str], index: Index) -> str:
    added = _names(index, index.shelf.rows([new]))[0]
    removed = names[look.item_ids.index(swap.removed)]
    added = f"{added} ({new})" if added in names else added
    if swap.look.percentile is None or look.percentile is None:
        return f"{added} in place of {removed} would go better with the rest"
    if swap.look.percentile <= look.percentile + _STEP:
        return f"{added} in place of {removed} would help a little"
    better = swap.look.verdict if swap.look.verdict != look.verdict else "better"
    return f"{added} in place of {removed} would make it {better}"
