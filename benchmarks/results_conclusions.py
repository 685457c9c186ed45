"""The sentences at the top of docs/results.md, made from the numbers of its tables alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from goeswith.experiments.results import LEAK
from goeswith.tables import HARDEST

ResponseModel = Mapping[str, Any]
CLAIM = 5
"""Seeds that both models of a comparison need for a claim."""
OURS = "Two-tower"
RECORDS, WITH_IDS = "records", "records and ids"
GRAPH = (
    ("ADD-GNN, softmax", "ADD-GNN, softmax, without graph"),
    ("ADD-GNN, softmax, with masks", "ADD-GNN, softmax, with masks, without graph"),
    ("ADD-GNN without knowledge", "ADD-GNN without knowledge or graph"),
)
MASKS = (
    ("ADD-GNN, softmax, with masks", "ADD-GNN, softmax"),
    ("ADD-GNN", "ADD-GNN without knowledge"),
)
"""Comparisons that say what the graph, and designers' masks, add."""
ORDER = {
    "higher": "ahead of", "lower": "behind", "equivalent": "equivalent to", "not shown": "not shown to differ from",
}  # fmt: skip
SHOWN = {"higher": "it helps", "lower": "it hurts", "equivalent": "it makes no difference", "not shown": "not shown"}


def conclusions(kept: Mapping[str, ResponseModel]) -> list[str]:
    """Five sentences: models and floors, ours and its peers, records alone, the graph, knowledge."""
    return [
        _above_floors(kept),
        _peers(kept),
        _records(kept),
        _effect(kept, "The graph of ADD-GNN", GRAPH),
        _effect(kept, "Designers' masks", MASKS),
    ]


def headline(told: ResponseModel) -> tuple[str, str, str]:
    """Task, negatives and metric of the hardest questions."""
    there = dict.fromkeys((line["task"], line["negatives"]) for line in told["lines"])
    pairs = [what for what in there if what[0] in ("compat", "triplet")]
    ranked = sorted(pairs, key=lambda what: HARDEST.index(what[1]) if what[1] in HARDEST else len(HARDEST))
    return (*ranked[0], "auc") if ranked else ("", "", "")


def _values(told: ResponseModel, *kinds: str) -> dict[str, float]:
    """Scorer → its value on the hardest questions."""
    what = headline(told)
    return {
        line["scorer"]: line["value"]
        for line in told["lines"]
        if line["kind"] in kinds and (line["task"], line["negatives"], line["metric"]) == what
    }


def _best(values: Mapping[str, float]) -> str:
    return max(values, key=lambda name: values[name])


def _above_floors(kept: Mapping[str, ResponseModel]) -> str:
    """On which data sets the best model is above the strongest floor, by the marks of the table."""
    above, others = [], []
    for name, told in kept.items():
        models = _values(told, "model")
        floors = {floor: value for floor, value in _values(told, "floor").items() if value < LEAK}
        if not models or not floors:
            continue
        best, floor = _best(models), _best(floors)
        marks = {(mark["scorer"], *mark["column"]): mark["marks"] for mark in told["marks"]}
        said = f"{name} ({best} {models[best]:.3f}, {floor} {floors[floor]:.3f})"
        (above if "*" in marks.get((best, *headline(told)), "") else others).append(said)
    if not above and not others:
        return "No model has been measured beside floors."
    parts = [f"is above the strongest floor on {_list(above)}"] if above else []
    floor = "it" if above else "the strongest floor"
    parts += [f"is not shown to be above {floor} on {_list(others)}"] if others else []
    return f"On the hardest questions, by AUC, the best model {' and '.join(parts)}."


def _peers(kept: Mapping[str, ResponseModel]) -> str:
    """How ours compares with the models that it was set against, on the hardest questions of each data set."""
    found: dict[str, list[str]] = {}
    for name, told in kept.items():
        for line in _lines(told, headline(told)):
            if line["scorer"] == OURS and line.get("shows"):
                few = _few(told, line["scorer"], line["against"])
                found.setdefault(line["shows"], []).append(f"{line['against']} on {name}{few}")
    if not found:
        return f"{OURS} has not been compared with peers and floors."
    return f"{OURS} is {'; '.join(f'{ORDER[kind]} {_list(found[kind])}' for kind in ORDER if kind in found)}."


def _records(kept: Mapping[str, ResponseModel]) -> str:
    """How far records alone get, and how many models do no better."""
    said = []
    for name, told in kept.items():
        floors, models = _values(told, "floor"), _values(told, "model")
        if RECORDS in floors and models:
            beaten = sum(models[model] <= floors[RECORDS] for model in models)
            ids = f", {floors[WITH_IDS]:.3f} with ids" if WITH_IDS in floors else ""
            said.append(f"{floors[RECORDS]:.3f} on {name}{ids} (no less than {beaten} of {len(models)} models)")
    if not said:
        return "What records alone can do has not been measured."
    what = "Records of the items together (columns, counts, picture files), without a look at a garment,"
    return f"{what} reach {_list(said)}."


def _effect(kept: Mapping[str, ResponseModel], what: str, pairs: Iterable[tuple[str, str]]) -> str:
    """What the first of each pair of rows has over the second, on the hardest questions of each data set."""
    found: dict[str, list[str]] = {}
    for name, told in kept.items():
        for line in _lines(told, headline(told)):
            if (line["scorer"], line["against"]) in pairs and line.get("shows"):
                few = _few(told, line["scorer"], line["against"])
                found.setdefault(line["shows"], []).append(f"{name} ({line['scorer']}){few}")
    if not found:
        return f"{what}: not measured this time; see the earlier measurements at the end of the page."
    said = "; ".join(f"{SHOWN[kind]} on {_list(found[kind])}" for kind in SHOWN if kind in found)
    return f"{what}: {said}."


def _few(told: ResponseModel, *names: str) -> str:
    """A remark where a model of a comparison has fewer seeds than `CLAIM`: then its luck is not known."""
    counts = {
        line["scorer"]: len(line.get("seeds") or ()) for line in told["lines"] if line["kind"] in ("model", "control")
    }
    least = min((counts[name] for name in names if name in counts), default=CLAIM)
    return "" if least >= CLAIM else f" (no claim: {least} seed{'s' * (least > 1)})"


def _lines(told: ResponseModel, what: tuple[str, str, str]) -> list[Mapping[str, Any]]:
    return [line for line in told["compared"] if (line["task"], line["negatives"], line["metric"]) == what]


def _list(parts: Iterable[str]) -> str:
    """Words with commas and an *and*."""
    *some, last = parts
    return f"{', '.join(some)} and {last}" if some else last
