"""The sentences at the top of docs/results.md, made from the numbers of its tables alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from goeswith.evaluate.seeds import SAME
from goeswith.experiments.results import ABOVE, BELOW, LEAK
from goeswith.tables import HARDEST

Kept = Mapping[str, Any]
CLAIM = 5
"""Seeds that both models of a comparison need for a claim."""
OURS, MEMORYLESS = "Two-tower", "Two-tower, no memory"
EXHAUSTIVE = ("exhaustive", "matched", "auc")
"""The column that asks about every place of every test outfit, and so tells more apart than one question an outfit."""
RECORDS, WITH_IDS = "records", "records and ids"
GRAPH = (
    ("ADD-GNN without knowledge", "ADD-GNN without knowledge or graph"),
    ("ADD-GNN, softmax, with masks", "ADD-GNN, softmax, with masks, without graph"),
    ("ADD-GNN", "ADD-GNN without graph"),
)
MASKS = (
    ("ADD-GNN, softmax, with masks", "ADD-GNN, softmax"),
    ("ADD-GNN", "ADD-GNN without knowledge"),
    ("ADD-GNN without graph, with masks", "ADD-GNN without graph"),
    ("ADD-GNN with masks", "ADD-GNN"),
)
"""Comparisons that say what the graph, and designers' masks, add: of models that were shown as many wrong items."""
NAMES = {
    "mango": "MANGO", "mango-search": "MANGO (equal search)",
    "mango-search-further": "MANGO (equal search, further models)",
    "mango-softmax": "MANGO (one loss for all)",
    "mango-parts": "MANGO (half-sized ADD-GNN)", "mango-pairs": "MANGO (tops and bottoms)", "ccp": "CCP",
    "ccp-search": "CCP (equal search)", "ccp-negatives": "CCP (each kind of negatives)", "polyvore": "Polyvore",
    "sample": "the generated sample", "fashionvc": "FashionVC",
}  # fmt: skip
"""Recipe → what a sentence calls its comparison; its section says the rest."""
TRUSTED, CONTROLS = "designers", ("none", "shuffled")
"""The arm of a study that knows something, and those that it must be above."""
SHOWN = {
    "higher": "helps", "lower": "hurts", "equivalent": "makes no difference", "not shown": "is not shown to matter",
}  # fmt: skip


def conclusions(
    by_recipe: Mapping[str, Kept],
    earlier: Mapping[str, Kept],
    curves: Mapping[str, Kept],
    ablations: Mapping[str, Kept] | None = None,
) -> list[str]:
    """Five short sentences: models and floors, ours and its peers, records alone, the paper's parts, knowledge.

    by_recipe, earlier: recipe → its kept results, of this time and before. curves: study → its results.
    ablations: recipe → its kept results, of recipes that compare models or their parts under one loss.
    """
    by_recipe, earlier, ablations = (
        {NAMES.get(name, name): results for name, results in each.items()}
        for each in (by_recipe, earlier, ablations or {})
    )
    curves = {_titled(name, results): results for name, results in curves.items()}
    return [
        _above_floors(by_recipe),
        _peers({**by_recipe, **ablations}),
        _records(by_recipe),
        _parts({**by_recipe, **ablations}, earlier),
        _knowledge(curves),
    ]


def _titled(name: str, results: Kept) -> str:
    """What a sentence calls a study: its title, which may have commas."""
    title = results.get("study", {}).get("title")
    return f"“{title}”" if title else name


def headline(results: Kept) -> tuple[str, str, str]:
    """Task, negatives and metric of the hardest questions."""
    there = dict.fromkeys((line["task"], line["negatives"]) for line in results["lines"])
    pairs = [kind for kind in there if kind[0] in ("compat", "triplet")]
    ranked = sorted(pairs, key=lambda column: HARDEST.index(column[1]) if column[1] in HARDEST else len(HARDEST))
    return (*ranked[0], "auc") if ranked else ("", "", "")


def _values(results: Kept, *kinds: str) -> dict[str, float]:
    """Scorer → its value on the hardest questions."""
    column = headline(results)
    return {
        line["scorer"]: line["value"]
        for line in results["lines"]
        if line["kind"] in kinds and (line["task"], line["negatives"], line["metric"]) == column
    }


def _best(values: Mapping[str, float]) -> str:
    return max(values, key=lambda name: values[name])


def _above_floors(by_recipe: Mapping[str, Kept]) -> str:
    """On which data sets the best model is above the strongest floor or below it, by the marks of the table."""
    above, below, others = [], [], []
    for name, results in by_recipe.items():
        models = _values(results, "model")
        floors = {floor: value for floor, value in _values(results, "floor").items() if value < LEAK}
        if not models or not floors:
            continue
        best, floor = _best(models), _best(floors)
        marks = {(mark["scorer"], *mark["column"]): mark["marks"] for mark in results["marks"]}
        sentence = f"{name} ({models[best]:.3f} against {floors[floor]:.3f})"
        earned = marks.get((best, *headline(results)), "")
        (above if ABOVE in earned else below if BELOW in earned else others).append(sentence)
    wording = (("above", above), ("not shown to differ from", others), ("below", below))
    parts = [f"{words} the strongest floor on {_list(names)}" for words, names in wording if names]
    if not parts:
        return "No model has been measured beside floors."
    return f"By AUC on the hardest questions, the best model measured is {'; '.join(parts)}."


def _peers(by_recipe: Mapping[str, Kept]) -> str:
    """Which models ours is ahead of, on the hardest questions of each data set, with its memory and without."""
    parts = _standing(by_recipe, "model")
    if not parts:
        return f"{OURS} has not been compared with peers."
    bare = _standing(by_recipe, "control", MEMORYLESS)
    without = f" Without its memory of training items, which they do not have, it is {bare}." if bare else ""
    every = _standing(by_recipe, "model", column=EXHAUSTIVE)
    bare_every = _standing(by_recipe, "control", MEMORYLESS, EXHAUSTIVE)
    if every:
        without += f" By exhaustive AUC, where that was measured, it is {every}."
    if bare_every:
        without += f" By exhaustive AUC and without its memory it is {bare_every}."
    return f"{OURS} is {parts}.{without}"


def _standing(
    by_recipe: Mapping[str, Kept], kind: str, name: str = OURS, column: tuple[str, str, str] | None = None
) -> str:
    """What the comparisons with peers show of the rows of a kind whose names begin so; empty where there are none.

    column: by which measure, that of the hardest questions by default.
    """
    peers: dict[str, dict[str, list[str]]] = {}  # what is shown → recipe → models
    for recipe, results in by_recipe.items():
        models, own = _values(results, "model"), _values(results, kind)
        for line in _lines(results, column or headline(results)):
            scorer, peer = line["scorer"], line["against"]
            compared = scorer in own and scorer.startswith(name)
            if compared and peer in models and not peer.startswith(OURS) and line.get("shows"):
                shown = line["shows"] if _seeds(results, scorer, peer) >= CLAIM else "few"
                peers.setdefault(shown, {}).setdefault(recipe, []).append(_in_brackets(peer))
    wording = {
        "higher": "ahead of", "lower": "behind", "equivalent": "equivalent to", "not shown": "not shown to differ from",
        "few": f"not to be claimed (fewer than {CLAIM} seeds) ahead of or behind",
    }  # fmt: skip
    return "; ".join(
        f"{words} {_list([f'{_list(names)} on {recipe}' for recipe, names in peers[kind].items()])}"
        for kind, words in wording.items() if kind in peers
    )  # fmt: skip


def _in_brackets(name: str) -> str:
    """A row's name with its settings in brackets, so that it can stand in a list."""
    model, _, settings = name.partition(", ")
    return f"{model} ({settings})" if settings else model


def _records(by_recipe: Mapping[str, Kept]) -> str:
    """How far records alone get."""
    records = []
    for name, results in by_recipe.items():
        floors = _values(results, "floor")
        if RECORDS in floors:
            records.append(f"{floors[RECORDS]:.3f} on {name}")
    if not records:
        return "What records alone can do has not been measured."
    return (
        f"Records of the items (columns, counts, picture files) reach, without looking at a garment, {_list(records)}."
    )


def _parts(by_recipe: Mapping[str, Kept], earlier: Mapping[str, Kept]) -> str:
    """What the graph and designers' masks of ADD-GNN add."""
    effects = [
        _effect(by_recipe, earlier, *part) for part in (("the graph", GRAPH), ("transfer by designers' masks", MASKS))
    ]
    before = " (partly by earlier measurements)" if any(old for _, old in effects) else ""
    return f"In ADD-GNN, {'; '.join(text for text, _ in effects)}{before}."


def _effect(
    by_recipe: Mapping[str, Kept], earlier: Mapping[str, Kept], part: str, pairs: Iterable[tuple[str, str]]
) -> tuple[str, bool]:
    """What the first of each pair of rows has over the second, and whether earlier measurements had to tell.

    They tell where there are too few seeds this time.
    """
    effects: dict[str, list[str]] = {}
    old = False
    for name in dict.fromkeys([*by_recipe, *earlier]):
        shows = next(_shown(by_recipe.get(name), pairs, CLAIM), "")
        if not shows:
            shows = next(_shown(earlier.get(name), pairs, 1), "")
            old = old or bool(shows)
        if shows:
            effects.setdefault(shows, []).append(name)
    if not effects:
        return f"{part} has not been measured", False
    return f"{part} {', '.join(f'{SHOWN[kind]} on {_list(effects[kind])}' for kind in SHOWN if kind in effects)}", old


def _shown(results: Kept | None, pairs: Iterable[tuple[str, str]], least: int) -> Iterator[str]:
    """What the comparisons show that are of these pairs, in their order, with so many seeds."""
    lines = _lines(results, headline(results)) if results else []
    for pair in pairs:
        for line in lines:
            if results and (line["scorer"], line["against"]) == pair and _seeds(results, *pair) >= least:
                yield line.get("shows") or _uncorrected(line)


def _uncorrected(line: Mapping[str, Any]) -> str:
    """What a comparison shows that was not corrected for how many there are."""
    if line["low"] > 0 or line["high"] < 0:
        return "higher" if line["low"] > 0 else "lower"
    return "equivalent" if max(-line["low"], line["high"]) <= SAME else "not shown"


def _knowledge(curves: Mapping[str, Kept]) -> str:
    """Where designers add something to no knowledge, and to shuffled designers too."""
    added, others = [], []
    for name, results in curves.items():
        shown = {
            (line["against"], line["outfits"]): line for line in results["comparisons"] if line["scorer"] == TRUSTED
        }
        sizes = dict.fromkeys(size for _, size in shown)
        there = [
            size for size in sizes
            if all(shown.get((other, size), {}).get("shows") == "higher" for other in CONTROLS)
        ]  # fmt: skip
        gains = [shown[CONTROLS[0], size]["difference"] for size in there]
        if there:
            most = _list([own_outfits(size) for size in there])
            added.append(f"{name} (up to {max(gains):+.4f}; with {most} own outfits)")
        elif sizes:
            others.append(name)
    if not added and not others:
        return "What designers' knowledge adds has not been measured."
    parts = [f"help more than no knowledge and more than shuffled designers on {_list(added)}"] if added else []
    parts += [f"{'and ' if added else ''}are not shown to help on {_list(others)}"] if others else []
    return f"Designers, trusted as far as held-out outfits support it, {' '.join(parts)}."


def own_outfits(outfits: int) -> str:
    """A number of own outfits, for people."""
    return "all" if outfits < 0 else f"{outfits:,}"


def _seeds(results: Kept, *names: str) -> int:
    """The fewest seeds that a model of these has."""
    counts = {
        line["scorer"]: len(line.get("seeds") or ())
        for line in results["lines"]
        if line["kind"] in ("model", "control")
    }
    return min((counts[name] for name in names if name in counts), default=CLAIM)


def _lines(results: Kept, column: tuple[str, str, str]) -> list[Mapping[str, Any]]:
    return [line for line in results["compared"] if (line["task"], line["negatives"], line["metric"]) == column]


def _list(parts: Iterable[str]) -> str:
    """Words with commas and an *and*."""
    *some, last = parts
    return f"{', '.join(some)} and {last}" if some else last
