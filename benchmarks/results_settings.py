"""Settings of the models in a section of docs/results.md: what a search found and changed, and how they trained."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from itertools import combinations
from typing import Any

from goeswith.tables import markdown

Kept = Mapping[str, Any]
FINEST = ("exhaustive", "auc")
"""Task and metric by which models are put in order: it asks most of the same outfits."""
HEAD = [
    "", "trials", "pruned", "failed", "epochs of all trials", "validation AUC, the recipe's settings",
    "validation AUC, best trial", "its training AUC", "settings found",
]  # fmt: skip
TRAINED = [
    "", "validation AUC by seed", "training AUC there", "best epochs", "parameters", "seconds per run", "settings",
]  # fmt: skip


def searched(results: Kept) -> str:
    """A table of the searches and a sentence on the order of models before and after; nothing without a search."""
    rows = [
        [
            name, str(found["trials"]), str(found["pruned"]), str(found["failed"]), f"{found['epochs']:,}",
            _auc(found["first"]), _auc(found["best"]), _auc(found["train"]), f"`{found['settings']}`",
        ]
        for name, found in results.get("searches", {}).items()
    ]  # fmt: skip
    return "\n\n".join(filter(None, [markdown(HEAD, rows) if rows else "", order(results)]))


def order(results: Kept) -> str:
    """Models in order with the settings that were found, and with those that the recipe has of rows not searched."""
    values = {line["scorer"]: line["value"] for line in results["lines"] if (line["task"], line["metric"]) == FINEST}
    twins = {
        model["like"]["name"]: model["name"]
        for model in results["recipe"]["models"]
        if model.get("search") is False and model.get("like")
    }
    pairs = {name: (values[name], values[twin]) for name, twin in twins.items() if name in values and twin in values}
    if len(pairs) < 2:
        return ""
    after, before = (sorted(pairs, key=lambda name: -pairs[name][part]) for part in (0, 1))
    swapped = sum((pairs[a][0] > pairs[b][0]) != (pairs[a][1] > pairs[b][1]) for a, b in combinations(pairs, 2))
    total = len(pairs) * (len(pairs) - 1) // 2
    return (
        f"Order by exhaustive AUC on test outfits with the settings found: {_listed(after, pairs, 0)}. "
        f"With settings that were not searched: {_listed(before, pairs, 1)}. {swapped} of {total} pairs of models "
        f"change places; {after[0]} is first after the search, {before[0]} before. After Holm a difference is shown "
        f"{_shown(results, pairs, pairs)} comparisons between two models that were searched, and "
        f"{_shown(results, pairs, [*twins.values()])} between a model searched and not."
    )


def _shown(results: Kept, first: Container[str], second: Container[str]) -> str:
    """In how many of the comparisons of one of `first` with one of `second` a difference is shown."""
    lines = [
        line
        for line in results["compared"]
        if (line["task"], line["metric"]) == FINEST and line["scorer"] in first and line["against"] in second
    ]
    return f"in {sum(line['shows'] in ('higher', 'lower') for line in lines)} of {len(lines)}"


def _listed(names: list[str], pairs: Mapping[str, tuple[float, float]], part: int) -> str:
    return ", ".join(f"{name} {pairs[name][part]:.3f}" for name in names)


def _auc(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def speed(results: Kept) -> str:
    """How each model trained, and with which settings."""
    settings = {model["name"]: " ".join(_last(model["settings"])) for model in results["recipe"]["models"]}
    rows = []
    for name, runs in results["trained"].items():
        aucs, best, spent = ([run[key] for run in runs] for key in ("valid_auc", "best_epoch", "seconds"))
        trained = [auc for run in runs if (auc := run.get("train_auc")) is not None]
        rows.append(
            [
                name, _each(aucs), _each(trained) or "–", " ".join(map(str, best)), f"{runs[0]['parameters']:,}",
                f"{sum(spent) / len(spent):,.0f}", f"`{settings.get(name, '')}`",
            ]
        )  # fmt: skip
    return markdown(TRAINED, rows) if rows else ""


def _last(settings: Iterable[str]) -> list[str]:
    """Settings, each once: as what was said of it last, which is what counts."""
    latest = dict(setting.split("=", 1) for setting in settings)
    return [f"{name}={value}" for name, value in latest.items()]


def _each(aucs: Iterable[float]) -> str:
    return " ".join(f"{auc:.3f}" for auc in aucs)
