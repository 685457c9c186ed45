"""The sentences at the top of docs/results.md, made from the numbers of its tables alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from goeswith.evaluate.audit import LEAK
from goeswith.evaluate.seeds import SAME
from goeswith.experiments.results import ABOVE, BELOW
from goeswith.experiments.study import read_study
from goeswith.tables import HARDEST, markdown, signed

Kept = Mapping[str, Any]
Column = tuple[str, str, str]
"""Task, negatives and metric."""
CLAIM = 5
"""Seeds that both models of a comparison need for a claim."""
OURS, MEMORYLESS = "Two-tower", "Two-tower, no memory"
EXHAUSTIVE: Column = ("exhaustive", "matched", "auc")
"""The column that asks about every place of every test outfit, and so tells more apart than one question an outfit."""
PLACES = ("higher", "equivalent", "not shown", "lower", "few")
"""What a comparison shows, and that it has too few seeds to show anything."""
Standing = dict[tuple[str, str], dict[str, list[str]]]
"""Recipe and measure → what is shown → peers."""
RECIPES = Path(__file__).resolve().parents[1] / "recipes" / "curves"
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
RULES = {
    "teaching by rules as released": (("AKD-DBPR as released", "DBPR"),),
    "teaching as printed": (("AKD-DBPR as printed", "DBPR"),),
    "corrected teaching": (("AKD-DBPR corrected", "DBPR"),),
    "attention in place of uniform trust": (
        (
            "AKD-DBPR corrected, with rules at test time",
            "AKD-DBPR corrected, uniform confidence, with rules at test time",
        ),
    ),
    "mixing rules in at test time alone": (("DBPR, with rules at test time", "DBPR"),),
}
"""Parts of AKD-DBPR → comparisons that say what they add."""
NAMES = {
    "mango": "MANGO", "mango-search": "MANGO (equal search)",
    "mango-search-further": "MANGO (equal search, further models)",
    "mango-softmax": "MANGO (one loss for all)",
    "mango-parts": "MANGO (half-sized ADD-GNN)", "mango-pairs": "MANGO (tops and bottoms)", "ccp": "CCP",
    "ccp-search": "CCP (equal search)", "ccp-negatives": "CCP (each kind of negatives)", "polyvore": "Polyvore",
    "sample": "the generated sample", "fashionvc": "FashionVC", "fashionvc-rules": "FashionVC (rules)",
}  # fmt: skip
"""Recipe → what a sentence calls its comparison; its section says the rest."""
GENERATED = "sample"
"""The data set whose designers share their users' taste, because it is made so."""
UNMEASURED = "has not been measured"
TRUSTED, CONTROLS = "designers", ("none", "shuffled")
"""The arm of a study that knows something, and those that it must be above."""
SHOWN = {
    "higher": "helps", "lower": "hurts", "equivalent": f"changes less than {SAME}",
    "not shown": "is not shown to matter",
}  # fmt: skip
SHOWN_OF_MANY = {
    "higher": "help", "lower": "hurt", "equivalent": f"change less than {SAME}", "not shown": "are not shown to matter",
}  # fmt: skip


def conclusions(
    by_recipe: Mapping[str, Kept],
    curves: Mapping[str, Kept],
    ablations: Mapping[str, Kept] | None = None,
) -> list[str]:
    """Five short sentences: models and floors, ours and its peers, records alone, the paper's parts, knowledge.

    by_recipe: recipe → its kept results. curves: study → its results. ablations: recipe → its kept results, of recipes
    that compare models or their parts under one loss.
    """
    by_recipe, ablations = (
        {NAMES.get(name, name): results for name, results in each.items()} for each in (by_recipe, ablations or {})
    )
    return [
        _above_floors(by_recipe, ablations),
        _peers({**by_recipe, **ablations}),
        _records(by_recipe),
        _parts({**by_recipe, **ablations}, curves),
        _knowledge(curves),
    ]


def headline(results: Kept) -> Column:
    """Task, negatives and metric of the hardest questions."""
    there = dict.fromkeys((line["task"], line["negatives"]) for line in results["lines"])
    pairs = [kind for kind in there if kind[0] in ("compat", "triplet")]
    ranked = sorted(pairs, key=lambda column: HARDEST.index(column[1]) if column[1] in HARDEST else len(HARDEST))
    return (*ranked[0], "auc") if ranked else ("", "", "")


def _values(results: Kept, *kinds: str, column: Column | None = None) -> dict[str, float]:
    """Scorer → its value in a column, by default that of the hardest questions."""
    column = column or headline(results)
    return {
        line["scorer"]: line["value"]
        for line in results["lines"]
        if line["kind"] in kinds and (line["task"], line["negatives"], line["metric"]) == column
    }


def _best(values: Mapping[str, float]) -> str:
    return max(values, key=lambda name: values[name])


def _floors(results: Kept, column: Column) -> dict[str, float]:
    """The floors of a column that models are compared with."""
    return {name: value for name, value in _values(results, "floor", column=column).items() if value < LEAK}


def _all_places(results: Kept) -> bool:
    """Whether all floors of the hardest questions have answered about every place too."""
    return {*_values(results, "floor", column=EXHAUSTIVE)} >= {*_values(results, "floor")}


def _above_floors(by_recipe: Mapping[str, Kept], ablations: Mapping[str, Kept]) -> str:
    """On which data sets the best model is above the strongest floor or below it, by the marks of its table.

    By exhaustive AUC in any table of the data set where all floors have it, else as the main table asks.
    """
    above, below, others = [], [], []
    for name, main in by_recipe.items():
        tables = [(name, main), *(each for each in ablations.items() if each[1]["dataset"] == main["dataset"])]
        tables = [each for each in tables if _all_places(each[1])] or [(name, main)]
        column, word = (EXHAUSTIVE, ", exhaustive") if _all_places(tables[0][1]) else (headline(main), "")
        scored = [(_values(results, "model", column=column), title, results) for title, results in tables]
        scored = [each for each in scored if each[0] and _floors(each[2], column)]
        if not scored:
            continue
        models, title, results = max(scored, key=lambda each: max(each[0].values()))
        floors = _floors(results, column)
        best, floor = _best(models), _best(floors)
        marks = {(mark["scorer"], *mark["column"]): mark["marks"] for mark in results["marks"]}
        table = f", {title.removeprefix(f'{name} (').removesuffix(')')}" if title != name else ""
        sentence = f"{name} ({models[best]:.3f} against {floors[floor]:.3f}{word}{table})"
        earned = marks.get((best, *column), "")
        (above if ABOVE in earned else below if BELOW in earned else others).append(sentence)
    wording = (("above", above), ("not shown to differ from", others), ("below", below))
    parts = [f"{words} the strongest floor on {_list(names)}" for words, names in wording if names]
    if not parts:
        return "No model has been measured beside floors."
    return (
        f"By AUC on the hardest questions (exhaustive where it says so, else one question per outfit), the best model "
        f"of the tables is {'; '.join(parts)}."
    )


def _peers(by_recipe: Mapping[str, Kept]) -> str:
    """How many of its peers ours is ahead of, with its memory and without; `standings` names them."""
    data = {name: results["dataset"]["name"] for name, results in by_recipe.items()}
    parts = [
        _counted(_standing(by_recipe, "model"), data),
        _counted(_standing(by_recipe, "control", MEMORYLESS), data),
    ]
    if not parts[0]:
        return f"{OURS} has not been compared with peers over {CLAIM} seeds."
    without = f"; without its memory of training items, which they do not have, ahead of {parts[1]}" if parts[1] else ""
    return (
        f"Counting each peer once per data set, and as beaten only if every row below shows it, {OURS} is ahead of "
        f"{parts[0]}{without} (first table below)."
    )


def _counted(standing: Standing, data: Mapping[str, str]) -> str:
    """How many peers it is ahead of and behind, each counted once on each data set; empty where there are none.

    It is ahead of a peer where every table that compares them shows it, and behind where one does.
    data: recipe → data set.
    """
    shown: dict[tuple[str, str], set[str]] = {}
    for (recipe, _), row in standing.items():
        for outcome in PLACES[:-1]:
            for peer in row[outcome]:
                shown.setdefault((data[recipe], peer.partition(" (")[0]), set()).add(outcome)
    ahead, behind = sum(each == {"higher"} for each in shown.values()), sum("lower" in each for each in shown.values())
    return f"{ahead} of {len(shown)} and behind {behind or 'none'}" if shown else ""


def standings(by_recipe: Mapping[str, Kept], ablations: Mapping[str, Kept]) -> str:
    """A table of which peers ours is ahead of, where and by which measure, with its memory and without."""
    named = {NAMES.get(name, name): results for name, results in {**by_recipe, **ablations}.items()}
    rows = []
    for kind, name in (("model", OURS), ("control", MEMORYLESS)):
        for (recipe, measure), row in _standing(named, kind, name).items():
            few = f"; fewer than {CLAIM} seeds: {', '.join(row['few'])}" if row["few"] else ""
            level = ", ".join([*(f"{peer} (equivalent)" for peer in row["equivalent"]), *row["not shown"]])
            cells = [
                name,
                recipe,
                measure,
                ", ".join(row["higher"]),
                f"{level}{few}".removeprefix("; "),
                ", ".join(row["lower"]),
            ]
            rows.append(f"| {' | '.join(cell or '–' for cell in cells)} |")
    head = f"| | on | by | ahead of | no difference shown | behind |\n|{' --- |' * 6}\n"
    return head + "\n".join(rows) if rows else ""


def _standing(by_recipe: Mapping[str, Kept], kind: str, name: str = OURS) -> Standing:
    """What the comparisons with peers show of the rows of a kind whose names begin so.

    A pair is judged by exhaustive AUC where that was measured, else by AUC on the hardest questions.
    """
    standing: Standing = {}
    for recipe, results in by_recipe.items():
        models, own = _values(results, "model"), _values(results, kind)
        pairs = {}
        for column, measure in ((headline(results), "AUC"), (EXHAUSTIVE, "exhaustive AUC")):
            for line in _lines(results, column):
                scorer, peer = line["scorer"], line["against"]
                if scorer in own and scorer.startswith(name) and peer in models and line.get("shows"):
                    pairs[scorer, peer] = (measure, line["shows"])
        for (scorer, peer), (measure, shows) in pairs.items():
            if not peer.startswith(OURS):
                shown = shows if _seeds(results, scorer, peer) >= CLAIM else "few"
                row = standing.setdefault((recipe, measure), {place: [] for place in PLACES})
                row[shown].append(_in_brackets(peer))
    return standing


def _in_brackets(name: str) -> str:
    """A row's name with its settings in brackets, so that it can stand in a list."""
    model, _, settings = name.partition(", ")
    return f"{model} ({settings})" if settings else model


def _records(by_recipe: Mapping[str, Kept]) -> str:
    """How far records alone get: by exhaustive AUC where all floors have it, else by AUC on the hardest questions."""
    records: dict[str, list[str]] = {"exhaustive AUC": [], "AUC on the hardest questions": []}
    for name, results in by_recipe.items():
        whole = _all_places(results)
        floors = _values(results, "floor", column=EXHAUSTIVE if whole else None)
        if RECORDS in floors:
            measure = "exhaustive AUC" if whole else "AUC on the hardest questions"
            records[measure].append(f"{floors[RECORDS]:.3f} on {name}")
    reached = " and ".join(f"an {measure} of {_list(values)}" for measure, values in records.items() if values)
    if not reached:
        return "What records alone can do has not been measured."
    return f"Records of the items (columns, counts, picture files) have, without looking at a garment, {reached}."


def _parts(by_recipe: Mapping[str, Kept], curves: Mapping[str, Kept]) -> str:
    """What the graph and designers' masks of ADD-GNN add, and the rules of AKD-DBPR."""
    masks = _effect(by_recipe, "transfer by designers' masks", MASKS) + _masks_of_studies(curves)
    return f"In ADD-GNN, {_effect(by_recipe, 'the graph', GRAPH)}; {masks}.{_rules(by_recipe)}"


def _rules(by_recipe: Mapping[str, Kept]) -> str:
    """What the parts of AKD-DBPR add, table by table, those that show the same together; empty if unmeasured."""
    tables = []
    for name, results in by_recipe.items():
        effects: dict[str, list[str]] = {}
        for part, pairs in RULES.items():
            if shows := next(_shown(results, pairs), ""):
                effects.setdefault(shows, []).append(part)
        clauses = [
            f"{_list(effects[kind])} {(SHOWN if len(effects[kind]) == 1 else SHOWN_OF_MANY)[kind]}"
            for kind in SHOWN if kind in effects
        ]  # fmt: skip
        if clauses:
            tables.append(f"on {name}, {', and '.join(filter(None, (', '.join(clauses[:-1]), clauses[-1])))}")
    return f" In AKD-DBPR, by AUC on the hardest questions of each table: {'; '.join(tables)}." if tables else ""


def _effect(by_recipe: Mapping[str, Kept], part: str, pairs: Iterable[tuple[str, str]]) -> str:
    """What the first of each pair of rows has over the second, where both have enough seeds for a claim."""
    effects: dict[str, list[str]] = {}
    for name, results in by_recipe.items():
        if shows := next(_shown(results, pairs), ""):
            effects.setdefault(shows, []).append(name)
    if not effects:
        return f"{part} {UNMEASURED}"
    return f"{part} {', '.join(f'{SHOWN[kind]} on {_list(effects[kind])}' for kind in SHOWN if kind in effects)}"


def _masks_of_studies(curves: Mapping[str, Kept]) -> str:
    """In how many studies masks add something, with some number of own outfits, to none and to shuffled ones."""
    studies = {name: results for name, results in curves.items() if "masks" in results.get("study", {}).get("arms", ())}
    if not studies:
        return ""
    shown = {
        name: {
            (line["against"], line["outfits"])
            for line in results["comparisons"]
            if line["scorer"] == "masks" and line["shows"] == "higher"
        }
        for name, results in studies.items()
    }
    helped = sum(any(("shuffled masks", size) in lines for against, size in lines if against == "add-gnn")
                 for lines in shown.values())  # fmt: skip
    return (
        f"; with some number of own outfits, they help more than none and more than shuffled designers' in "
        f"{helped or 'none'} of {len(studies)} studies"
    )


def _shown(results: Kept, pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What the comparisons show that are of these pairs, in their order, with enough seeds for a claim."""
    lines = _lines(results, headline(results))
    for pair in pairs:
        for line in lines:
            if (line["scorer"], line["against"]) == pair and _seeds(results, *pair) >= CLAIM and line.get("shows"):
                yield line["shows"]


def _knowledge(curves: Mapping[str, Kept]) -> str:
    """For how many pairs of data sets designers add something, also over shuffled ones; `gains` names the studies."""
    pairs: dict[tuple[str, str], bool] = {}
    leaks = set()
    for name, results in curves.items():
        if (found := _gain(results)) is not None:
            pair = results["study"]["dataset"], results["study"]["designers"]
            pairs[pair] = pairs.get(pair, False) or bool(found[1])
            leaks |= {pair} if leaking(name, results) else set()
    if not pairs:
        return "What designers' knowledge adds has not been measured."
    made = [helped for pair, helped in pairs.items() if Path(pair[0]).name.startswith(GENERATED)]
    real = [helped for pair, helped in pairs.items() if not Path(pair[0]).name.startswith(GENERATED)]
    counted = (
        f"for {sum(real)} of {len(real)} pairs of real data sets, with some number of own outfits," if real else ""
    )
    sample = f"{'' if sum(made) else 'not '}on the generated sample, where taste is shared" if made else ""
    return (
        "Designers, trusted as far as held-out outfits support it, help more than no knowledge and more than shuffled "
        f"designers {' and '.join(filter(None, (counted, sample))).removesuffix(',')} (second table below"
        f"{f'; in {len(leaks)} of these pairs the designers wear some of the test items' if leaks else ''})."
    )


def leaking(name: str, results: Kept) -> bool:
    """Whether a study was measured before its recipe left out designers' outfits with the student's test items."""
    recipe = RECIPES / f"{name}.toml"
    return recipe.is_file() and read_study(recipe).drop_shared_items and not results["study"].get("drop_shared_items")


def gains(curves: Mapping[str, Kept]) -> str:
    """A table of what designers add, with how many own outfits it is shown, and how students compare with a floor."""
    rows = []
    for name, results in curves.items():
        found = _gain(results)
        if found is not None:
            most, sizes = found
            shown = _list([own_outfits(size) for size in sizes]) if sizes else "not shown"
            title = results.get("study", {}).get("title") or name
            title += " (who wear some of the test items)" if leaking(name, results) else ""
            rows.append([title, signed(most, 4) if sizes else "–", shown, _over_records(results)])
    columns = ["designers and students", "largest gain in exhaustive AUC", "with so many own outfits"]
    return markdown([*columns, "with all own outfits, over records (a floor)"], rows).rstrip() if rows else ""


def _over_records(results: Kept) -> str:
    """By how much a student with designers and all of its outfits is above what records alone say."""
    for line in results["comparisons"]:
        if (line["scorer"], line["against"], line["outfits"]) == (TRUSTED, RECORDS, -1):
            return f"{signed(line['difference'], 4)} ({line['shows']})"
    return "–"


def _gain(results: Kept) -> tuple[float, list[int]] | None:
    """The most that designers add to no knowledge where they add to shuffled ones too, and the sizes where they do."""
    shown = {(line["against"], line["outfits"]): line for line in results["comparisons"] if line["scorer"] == TRUSTED}
    sizes = dict.fromkeys(size for _, size in shown)
    there = [
        size for size in sizes
        if all(shown.get((other, size), {}).get("shows") == "higher" for other in CONTROLS)
    ]  # fmt: skip
    most = max((shown[CONTROLS[0], size]["difference"] for size in there), default=0.0)
    return (most, there) if sizes else None


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


def _lines(results: Kept, column: Column) -> list[Mapping[str, Any]]:
    return [line for line in results["compared"] if (line["task"], line["negatives"], line["metric"]) == column]


def _list(parts: Iterable[str]) -> str:
    """Words with commas and an *and*."""
    *some, last = parts
    return f"{', '.join(some)} and {last}" if some else last
